"""What of a company's versions lies at which storage connection, as recorded with each version (promise H2).

A version counts for its connection from the beginning of its upload on. One that was given up before its original was
whole, and of which nothing was made, counts no more; nor does one that was deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import proxies, versions
from reelkeep.ids import ConnectionId, VersionId


@dataclass(frozen=True)
class Held:
    versions: int
    original_bytes: int


def held(conn: Connection) -> dict[ConnectionId, Held]:
    """Return for each connection that holds versions how many they are and how large their originals."""
    query = select(versions.c.connection_id, func.count(), func.sum(versions.c.size_bytes)).where(_counts())
    rows = conn.execute(query.group_by(versions.c.connection_id))
    return {ConnectionId(row[0]): Held(int(row[1]), int(row[2])) for row in rows}


def versions_at(conn: Connection, connection_id: ConnectionId, *, limit: int) -> Sequence[VersionId]:
    """Return at most ``limit`` of the versions that a connection holds, the oldest first."""
    held_there = versions.c.connection_id == connection_id, _counts()
    query = select(versions.c.id).where(*held_there).order_by(versions.c.id).limit(limit)
    return [VersionId(version_id) for version_id in conn.scalars(query)]


def _counts() -> ColumnElement[bool]:
    there = or_(
        versions.c.stored_at.is_not(None),
        versions.c.state == VersionState.UPLOADING.value,
        exists().where(proxies.c.version_id == versions.c.id),
    )
    return there & (versions.c.state != VersionState.DELETED.value)
