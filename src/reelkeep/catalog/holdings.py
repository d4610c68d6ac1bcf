"""What of a company's versions lies at which storage connection, as recorded with each version (promise H2).

A version counts for its connection from the beginning of its upload on. One that was given up before its original was
whole, and of which nothing was made, counts no more; nor does one that was deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import assets, productions, proxies, versions
from reelkeep.ids import ConnectionId, VersionId


@dataclass(frozen=True)
class Held:
    versions: int
    original_bytes: int


@dataclass(frozen=True)
class HeldVersion:
    id: VersionId
    production: str
    asset: str
    number: int


def held(conn: Connection) -> dict[ConnectionId, Held]:
    """Return for each connection that holds versions how many they are and how large their originals."""
    query = select(versions.c.connection_id, func.count(), func.sum(versions.c.size_bytes)).where(_counts())
    rows = conn.execute(query.group_by(versions.c.connection_id))
    return {ConnectionId(row[0]): Held(int(row[1]), int(row[2])) for row in rows}


def versions_at(conn: Connection, connection_id: ConnectionId, *, limit: int) -> Sequence[HeldVersion]:
    """Return at most ``limit`` of the versions that a connection holds, in the order of productions and assets."""
    query = (
        select(versions.c.id, productions.c.name, assets.c.name, versions.c.number)
        .join(assets, assets.c.id == versions.c.asset_id)
        .join(productions, productions.c.id == assets.c.production_id)
        .where(versions.c.connection_id == connection_id, _counts())
        .order_by(productions.c.name, assets.c.name, versions.c.number)
    )
    return [HeldVersion(VersionId(row[0]), row[1], row[2], row[3]) for row in conn.execute(query.limit(limit))]


def _counts() -> ColumnElement[bool]:
    there = or_(
        versions.c.stored_at.is_not(None),
        versions.c.state == VersionState.UPLOADING.value,
        exists().where(proxies.c.version_id == versions.c.id),
    )
    return there & (versions.c.state != VersionState.DELETED.value)
