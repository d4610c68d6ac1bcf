"""Comments on frames and ranges."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from reelkeep.catalog import audit, members
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.review import comments
from reelkeep.review.comments import MAX_COMMENT_CHARACTERS, Comment
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import comment_json
from reelkeep.web.context import Caller, IdInPath, version_for

router = api_router()


class NewComment(BaseModel):
    frame: int = Field(strict=True)
    last_frame: int | None = Field(default=None, strict=True)
    text: str = Field(max_length=MAX_COMMENT_CHARACTERS + 100)


class ChangedComment(BaseModel):
    text: str = Field(max_length=MAX_COMMENT_CHARACTERS + 100)


def _commentable(conn: Connection, user: User, comment_id: str) -> Comment:
    """Return a comment of a production in which the user may comment."""
    comment = comments.get(conn, comment_id)
    members.require(conn, user, comment.production_id, Action.COMMENT)
    return comment


@router.get("/versions/{version_id}/comments")
def list_comments(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.VIEW)
        return {"comments": [comment_json(comment) for comment in comments.of_version(conn, version.id)]}


@router.post("/versions/{version_id}/comments", status_code=201)
def add_comment(version_id: IdInPath, form: NewComment, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.COMMENT)
        comment = comments.add(
            conn, login.user, version.id, frame=form.frame, last_frame=form.last_frame, text=form.text
        )
    return comment_json(comment)


@router.patch("/comments/{comment_id}")
def edit_comment(comment_id: IdInPath, form: ChangedComment, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        comment = _commentable(conn, login.user, comment_id)
        edited = comments.edit(conn, login.user, comment, form.text)
        audit.record(conn, "comment.edited", comment.id, login.user.id)
    return comment_json(edited)


@router.post("/comments/{comment_id}/resolve")
def resolve_comment(comment_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        comment = _commentable(conn, login.user, comment_id)
        resolved = comments.resolve(conn, login.user, comment)
        audit.record(conn, "comment.resolved", comment.id, login.user.id)
    return comment_json(resolved)


@router.post("/comments/{comment_id}/reopen")
def reopen_comment(comment_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        comment = _commentable(conn, login.user, comment_id)
        reopened = comments.reopen(conn, comment)
        audit.record(conn, "comment.reopened", comment.id, login.user.id)
    return comment_json(reopened)


@router.delete("/comments/{comment_id}", status_code=204)
def delete_comment(comment_id: IdInPath, caller: Caller) -> None:
    with caller.signed_in() as (conn, login):
        comment = comments.get(conn, comment_id)
        role = members.require(conn, login.user, comment.production_id, Action.VIEW)
        comments.delete(conn, login.user, role, comment)
        audit.record(conn, "comment.deleted", comment.id, login.user.id)
