"""Comments: plain text on a frame or a range of frames of one version, open until somebody resolves it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from reelkeep.catalog import changes, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Role
from reelkeep.catalog.tables import assets, comments, proxies, users
from reelkeep.catalog.tables import versions as versions_table
from reelkeep.catalog.versions import VersionRow
from reelkeep.errors import Forbidden, NotFound, RequestError
from reelkeep.ids import CommentId, ProductionId, UserId, VersionId, new_id
from reelkeep.media import AUDIO_RATE_HZ

MAX_COMMENT_CHARACTERS: Final = 5_000


@dataclass(frozen=True)
class Comment:
    id: CommentId
    version_id: VersionId
    production_id: ProductionId
    frame: int
    last_frame: int | None  # of a range, and part of it
    text: str
    author_id: UserId
    author_name: str
    created_at: datetime
    edited_at: datetime | None
    resolved_at: datetime | None
    resolver_name: str | None


_RESOLVERS: Final = users.alias("resolvers")
_FULL: Final = (  # made once: to put such a statement together takes longer than to ask it
    select(
        comments,
        users.c.name.label("author_name"),
        _RESOLVERS.c.name.label("resolver_name"),
        assets.c.production_id,
    )
    .join(users, users.c.id == comments.c.author_id)
    .outerjoin(_RESOLVERS, _RESOLVERS.c.id == comments.c.resolved_by)
    .join(versions_table, versions_table.c.id == comments.c.version_id)
    .join(assets, assets.c.id == versions_table.c.asset_id)
    .where(comments.c.deleted_at.is_(None), versions_table.c.state != VersionState.DELETED.value)
)
_ONE: Final = _FULL.where(comments.c.id == bindparam("comment_id"))
_OF_VERSION: Final = _FULL.where(comments.c.version_id == bindparam("version")).order_by(
    comments.c.frame, comments.c.id
)


def of_version(conn: Connection, version_id: VersionId) -> list[Comment]:
    """Return the comments of a version by frame, then by age."""
    return [_comment(row) for row in conn.execute(_OF_VERSION, {"version": version_id})]


def add(
    conn: Connection, author: User, version_id: VersionId, *, frame: int, last_frame: int | None = None, text: str
) -> Comment:
    """Add a comment and tell the listeners.

    Args:
        frame: zero-based output frame; below the version's length, planned or real.
        last_frame: the last frame of a range that begins with ``frame``; None for that frame alone.

    Raises:
        NotFound: no such version.
        RequestError: the text or the frame does not do; nothing was written.
    """
    version = versions.get(conn, version_id)
    frames = _length_frames(conn, version)
    if frames is None:
        raise RequestError("this version has no frames to comment on yet")
    last = frame if last_frame is None else last_frame
    if not 0 <= frame <= last < frames:
        raise RequestError(f"this version has the frames 0 to {frames - 1}, and a range ends after it begins")
    row = {"id": CommentId(new_id()), "version_id": version_id, "author_id": author.id}
    place = {"frame": frame, "last_frame": None if last == frame else last}
    conn.execute(insert(comments).values(text=_checked(text), **place, **row))
    changes.notify(conn, version.production_id, version_id, "comments")
    return get(conn, row["id"])


def get(conn: Connection, comment_id: str) -> Comment:
    """Return a comment, whoever asks; raise NotFound if there is none, or it or its version was deleted."""
    row = conn.execute(_ONE, {"comment_id": comment_id}).first()
    if row is None:
        raise NotFound
    return _comment(row)


def edit(conn: Connection, by: User, comment: Comment, text: str) -> Comment:
    """Give one's own comment another text.

    Raises:
        Forbidden: it is somebody else's; nothing was changed.
        RequestError: the text does not do; nothing was changed.
    """
    if comment.author_id != by.id:
        raise Forbidden("only its author may change a comment")
    return _changed(conn, comment, text=_checked(text), edited_at=func.now())


def resolve(conn: Connection, by: User, comment: Comment) -> Comment:
    """Note that a comment is done with; one that is resolved keeps who did it first, and when."""
    if comment.resolved_at is not None:
        return comment
    return _changed(conn, comment, resolved_at=func.now(), resolved_by=by.id)


def reopen(conn: Connection, comment: Comment) -> Comment:
    """Take the note back."""
    return _changed(conn, comment, resolved_at=None, resolved_by=None)


def delete(conn: Connection, by: User, role: Role, comment: Comment) -> None:
    """Delete a comment: one's own, or any as an admin of its production.

    Raises:
        Forbidden: it is somebody else's; nothing was changed.
    """
    if comment.author_id != by.id and role is not Role.PRODUCTION_ADMIN:
        raise Forbidden("only the author or an admin of the production may delete a comment")
    _change(conn, comment, deleted_at=func.now())


def _changed(conn: Connection, comment: Comment, **values: Any) -> Comment:
    _change(conn, comment, **values)
    return get(conn, comment.id)


def _change(conn: Connection, comment: Comment, **values: Any) -> None:
    conn.execute(update(comments).where(comments.c.id == comment.id).values(**values))
    changes.notify(conn, comment.production_id, comment.version_id, "comments")


def _length_frames(conn: Connection, version: VersionRow) -> int | None:
    """Return the length, planned or real; of sound without pictures, in whole frames of the clock it is shown with."""
    frames = version.planned_frames if version.frames is None else version.frames
    if frames != 0 or version.rate is None:
        return frames
    samples = conn.execute(
        select(proxies.c.planned_audio_samples).where(proxies.c.version_id == version.id)
    ).scalar_one()
    return int(samples * version.rate.fraction / AUDIO_RATE_HZ)


def _checked(text: str) -> str:
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if not 1 <= len(plain) <= MAX_COMMENT_CHARACTERS:
        raise RequestError(f"a comment has 1 to {MAX_COMMENT_CHARACTERS} characters")
    if any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t" for each in plain):
        raise RequestError("a comment holds no control characters")
    return plain


def _comment(row: Row[Any]) -> Comment:
    return Comment(
        id=CommentId(row.id),
        version_id=VersionId(row.version_id),
        production_id=ProductionId(row.production_id),
        frame=row.frame,
        last_frame=row.last_frame,
        text=row.text,
        author_id=UserId(row.author_id),
        author_name=row.author_name,
        created_at=row.created_at,
        edited_at=row.edited_at,
        resolved_at=row.resolved_at,
        resolver_name=row.resolver_name,
    )
