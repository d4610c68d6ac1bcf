"""Grants: one row for each right to make a request to the bucket, so that each line of its log is explained (I1)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.tables import grants
from reelkeep.ids import GrantId, JobId, UserId, new_id


class GrantAction(enum.Enum):
    UPLOAD = "upload"  # create, sign parts, list parts, complete, abort, head of one original; these and get of one LUT
    DOWNLOAD = "download"  # a presigned GET for a user
    PLAY = "play"  # the media process reads a bundle or a still
    READ_ORIGINAL = "read_original"  # a job reads the original
    WRITE_PROXY = "write_proxy"  # a job writes bundles and stills
    LIST = "list"
    DELETE = "delete"
    WATCH = "watch"  # the platform looks whether it is still let in
    BACK_UP = "back_up"  # the operator writes a backup of the database, or reads one back
    PROBE = "probe"  # an acceptance test tries a connection out, and asks for what must be refused


def record(
    conn: Connection,
    action: GrantAction,
    object_key: str,
    reason: str,
    *,
    expires_at: datetime,
    user_id: UserId | None = None,
    job_id: JobId | None = None,
    network: str | None = None,
    grant_id: GrantId | None = None,
) -> GrantId:
    """Write a grant and return its id. Commit before the request that carries it is made.

    Args:
        grant_id: one that was made before there was a database to write it to; None: a fresh one.
        object_key: a key below the connection's prefix, or a prefix that ends in "/".
        reason: one sentence for the company's security team; holds ids, no title and no name.
        expires_at: aware UTC; no request is made under this grant afterwards.
        network: where it may be used from; None means not restricted.
    """
    grant_id = grant_id or GrantId(new_id())
    conn.execute(
        insert(grants).values(
            id=grant_id,
            action=action.value,
            object_key=object_key,
            reason=reason,
            user_id=user_id,
            job_id=job_id,
            network=network,
            expires_at=expires_at,
        )
    )
    return grant_id


def record_many(
    conn: Connection,
    action: GrantAction,
    given: Iterable[tuple[str, str]],
    *,
    expires_at: datetime,
    user_id: UserId,
) -> list[GrantId]:
    """Write a grant of a user for each (object key, reason), in one statement; return their ids in the same order."""
    rows: list[dict[str, Any]] = [
        {
            "id": GrantId(new_id()),
            "action": action.value,
            "object_key": object_key,
            "reason": reason,
            "user_id": user_id,
            "expires_at": expires_at,
        }
        for object_key, reason in given
    ]
    add_rows(conn, grants, rows)
    return [row["id"] for row in rows]
