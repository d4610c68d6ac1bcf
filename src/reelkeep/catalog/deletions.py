"""Deleted versions: what is made of them goes at once, their originals wait in the bucket for whoever may purge them.

The platform's own role can delete no original, on purpose. A company that allows it lends a role of its own for that
(the stack's parameter AllowPurge); until then the originals are listed, and a version can be brought back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from reelkeep.catalog import remaking, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import (
    assets,
    comments,
    productions,
    sequence_files,
    users,
)
from reelkeep.catalog.tables import versions as table
from reelkeep.errors import Conflict
from reelkeep.ids import ConnectionId, ProductionId, UserId, VersionId


@dataclass(frozen=True)
class Deleted:
    """A deleted version whose original, if it ever arrived, is still in the bucket."""

    id: VersionId
    production_id: ProductionId
    production: str
    asset: str
    number: int
    file_name: str
    size_bytes: int
    connection_id: ConnectionId
    original_key: str  # of a sequence: what its files have in common
    is_stored: bool
    deleted_at: datetime
    deleted_by: str  # the user's name


_COLUMNS = (
    table.c.id, assets.c.production_id, productions.c.name, assets.c.name, table.c.number, table.c.file_name,
    table.c.size_bytes, table.c.connection_id, table.c.original_key, table.c.stored_at.is_not(None),
    table.c.deleted_at, users.c.name,
)  # fmt: skip


def take_away(conn: Connection, version_id: VersionId, user_id: UserId) -> None:
    """Delete a version, in the caller's transaction: its proxy, its keys, and every playback of it.

    The objects of the proxy are no more than noise without the keys; a cleaning job, which the caller asks for,
    removes them. Comments stay, out of sight, until the version is purged.

    Raises:
        Conflict: it is still being uploaded or made; nothing was changed.
    """
    state = versions.get(conn, version_id).state
    if state not in (VersionState.READY, VersionState.FAILED, VersionState.CANCELLED):
        raise Conflict("this version is still being made", advice="Stop it first, then delete it.")
    versions.move(conn, version_id, VersionState.DELETED)
    conn.execute(update(table).where(table.c.id == version_id).values(deleted_at=func.now(), deleted_by=user_id))
    remaking.take_proxy_away(conn, version_id)


def bring_back(conn: Connection, version_id: VersionId) -> None:
    """Make a deleted version *stored* again; the caller asks for its proxy.

    Raises:
        Conflict: it is not deleted, its original never arrived, or it was purged; nothing was changed.
    """
    row = conn.execute(
        select(table.c.state, table.c.stored_at, table.c.purged_at).where(table.c.id == version_id).with_for_update()
    ).one()
    if row.state != VersionState.DELETED.value:
        raise Conflict("this version is not deleted")
    if row.stored_at is None or row.purged_at is not None:
        raise Conflict("the original is no longer there", advice="Upload the file again as a new version.")
    conn.execute(update(table).where(table.c.id == version_id).values(deleted_at=None, deleted_by=None, ready_at=None))
    versions.move(conn, version_id, VersionState.STORED)


def of_production(conn: Connection, production_id: ProductionId) -> list[Deleted]:
    """Return the deleted versions of a production that are not purged, the last deleted first."""
    return _read(conn, assets.c.production_id == production_id)


def waiting(conn: Connection, at: Collection[ConnectionId]) -> list[Deleted]:
    """Return the deleted versions whose originals wait at these connections to be purged, the last deleted first."""
    return _read(conn, table.c.connection_id.in_(at) & table.c.stored_at.is_not(None))


def files_of(conn: Connection, one: Deleted) -> Sequence[str]:
    """Return the keys of all objects that a deleted version's original consists of."""
    files = sequence_files
    found = conn.scalars(select(files.c.object_key).where(files.c.version_id == one.id).order_by(files.c.object_key))
    return list(found) or [one.original_key]


def purged(conn: Connection, version_id: VersionId) -> None:
    """Note that the original of a deleted version is gone for good; what was said about it goes with it."""
    conn.execute(update(table).where(table.c.id == version_id).values(purged_at=func.now()))
    conn.execute(delete(comments).where(comments.c.version_id == version_id))


def _read(conn: Connection, where: ColumnElement[bool]) -> list[Deleted]:
    query = (
        select(*_COLUMNS)
        .join(assets, assets.c.id == table.c.asset_id)
        .join(productions, productions.c.id == assets.c.production_id)
        .join(users, users.c.id == table.c.deleted_by)
        .where(where, table.c.state == VersionState.DELETED.value, table.c.purged_at.is_(None))
    )
    return [Deleted(*row) for row in conn.execute(query.order_by(table.c.deleted_at.desc(), table.c.id))]
