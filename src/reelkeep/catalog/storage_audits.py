"""Audits of the company's buckets: the newest of each connection, and whether an admin has taken note of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from reelkeep.catalog.tables import storage_audits
from reelkeep.errors import NotFound
from reelkeep.ids import ConnectionId, UserId, new_id

KEPT: Final = 100  # of each connection


@dataclass(frozen=True)
class KeptAudit:
    """An audit as it was kept."""

    id: str
    connection_id: ConnectionId
    made_at: datetime  # aware UTC
    is_clean: bool
    fresh: int  # problems that were not there at the audit before
    body: Mapping[str, Any]
    noted_at: datetime | None  # when an admin took note of what was fresh; None: nobody did


def keep(
    conn: Connection,
    connection_id: ConnectionId,
    made_at: datetime,
    *,
    is_clean: bool,
    fresh: int,
    body: Mapping[str, Any],
    marks: Sequence[str] | None,
) -> str:
    """Keep an audit and return its id; the oldest beyond KEPT go, and earlier ones lose their marks."""
    table = storage_audits
    row = {
        "id": new_id(),
        "connection_id": connection_id,
        "made_at": made_at,
        "is_clean": is_clean,
        "fresh": fresh,
        "body": body,
        "marks": marks,
    }
    conn.execute(update(table).where(table.c.connection_id == connection_id).values(marks=None))
    conn.execute(insert(table).values(row))
    newest = select(table.c.id).where(table.c.connection_id == connection_id)
    newest = newest.order_by(table.c.made_at.desc(), table.c.id.desc()).limit(KEPT)
    conn.execute(delete(table).where(table.c.connection_id == connection_id, table.c.id.not_in(newest)))
    return str(row["id"])


def newest(conn: Connection, at: Collection[ConnectionId], *, limit: int) -> list[KeptAudit]:
    """Return the newest audits of some connections, the newest first."""
    table = storage_audits
    columns = [table.c[name] for name in KeptAudit.__dataclass_fields__]
    query = select(*columns).where(table.c.connection_id.in_(at))
    rows = conn.execute(query.order_by(table.c.made_at.desc(), table.c.id.desc()).limit(limit)).mappings()
    return [KeptAudit(**row) for row in rows]


def marks(conn: Connection, connection_id: ConnectionId) -> Sequence[str] | None:
    """Return the marks of a connection's newest audit; None if it kept none."""
    table = storage_audits
    query = select(table.c.marks).where(table.c.connection_id == connection_id)
    found = conn.execute(query.order_by(table.c.made_at.desc(), table.c.id.desc()).limit(1)).scalar_one_or_none()
    return None if found is None else [str(one) for one in found]


def unnoted(conn: Connection, at: Collection[ConnectionId]) -> dict[ConnectionId, int]:
    """Return how many fresh problems of each connection no admin has taken note of; none are left out."""
    table = storage_audits
    this = (table.c.connection_id.in_(at), table.c.fresh > 0, table.c.noted_at.is_(None))
    query = select(table.c.connection_id, func.sum(table.c.fresh)).where(*this).group_by(table.c.connection_id)
    return {ConnectionId(row[0]): int(row[1]) for row in conn.execute(query)}


def note(conn: Connection, audit_id: str, user_id: UserId) -> KeptAudit:
    """Take note of an audit and of those of its connection before it; raise NotFound. Repeating it changes nothing."""
    table = storage_audits
    columns = [table.c[name] for name in KeptAudit.__dataclass_fields__]
    row = conn.execute(select(*columns).where(table.c.id == audit_id)).mappings().first()
    if row is None:
        raise NotFound("there is no such audit", advice="Look at the list again.")
    found = KeptAudit(**row)
    this = (table.c.connection_id == found.connection_id, table.c.made_at <= found.made_at, table.c.noted_at.is_(None))
    conn.execute(update(table).where(*this).values(noted_at=func.now(), noted_by=user_id))
    return found
