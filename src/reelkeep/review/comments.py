"""Comments: plain text on one frame of one version."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from reelkeep.catalog import changes, versions
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
    text: str
    author_id: UserId
    author_name: str
    created_at: datetime


def of_version(conn: Connection, version_id: VersionId) -> list[Comment]:
    """Return the comments of a version by frame, then by age."""
    query = _full().where(comments.c.version_id == version_id)
    return [_comment(row) for row in conn.execute(query.order_by(comments.c.frame, comments.c.id))]


def add(conn: Connection, author: User, version_id: VersionId, *, frame: int, text: str) -> Comment:
    """Add a comment and tell the listeners.

    Args:
        frame: zero-based output frame; below the version's length, planned or real.

    Raises:
        NotFound: no such version.
        RequestError: the text or the frame does not do; nothing was written.
    """
    version = versions.get(conn, version_id)
    frames = _length_frames(conn, version)
    if frames is None:
        raise RequestError("this version has no frames to comment on yet")
    if not 0 <= frame < frames:
        raise RequestError(f"this version has the frames 0 to {frames - 1}")
    row = {"id": CommentId(new_id()), "version_id": version_id, "author_id": author.id}
    conn.execute(insert(comments).values(frame=frame, text=_checked(text), **row))
    changes.notify(conn, version.production_id, version_id, "comments")
    return get(conn, row["id"])


def get(conn: Connection, comment_id: str) -> Comment:
    """Return a comment, whoever asks; raise NotFound if there is none or it was deleted."""
    row = conn.execute(_full().where(comments.c.id == comment_id)).first()
    if row is None:
        raise NotFound
    return _comment(row)


def delete(conn: Connection, by: User, role: Role, comment: Comment) -> None:
    """Delete a comment: one's own, or any as an admin of its production.

    Raises:
        Forbidden: it is somebody else's; nothing was changed.
    """
    if comment.author_id != by.id and role is not Role.PRODUCTION_ADMIN:
        raise Forbidden("only the author or an admin of the production may delete a comment")
    conn.execute(update(comments).where(comments.c.id == comment.id).values(deleted_at=func.now()))
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


def _full() -> Select[Any]:
    return (
        select(comments, users.c.name.label("author_name"), assets.c.production_id)
        .join(users, users.c.id == comments.c.author_id)
        .join(versions_table, versions_table.c.id == comments.c.version_id)
        .join(assets, assets.c.id == versions_table.c.asset_id)
        .where(comments.c.deleted_at.is_(None))
    )


def _comment(row: Row[Any]) -> Comment:
    return Comment(
        id=CommentId(row.id),
        version_id=VersionId(row.version_id),
        production_id=ProductionId(row.production_id),
        frame=row.frame,
        text=row.text,
        author_id=UserId(row.author_id),
        author_name=row.author_name,
        created_at=row.created_at,
    )
