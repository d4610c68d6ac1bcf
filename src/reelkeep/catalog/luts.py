"""LUTs of productions: what was added, which one is chosen, and their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from reelkeep.catalog import changes
from reelkeep.catalog.tables import lut_choices, luts, users
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import ConnectionId, LutId, ProductionId, UserId
from reelkeep.luts import Lut, LutInput, LutScope


@dataclass(frozen=True)
class LutRow:
    """A LUT without its numbers. Until it was checked, nobody can choose it."""

    id: LutId
    production_id: ProductionId
    name: str  # of the file, as its uploader called it
    connection_id: ConnectionId
    object_key: str
    store_upload_id: str
    size_bytes: int
    crc32: bytes = field(repr=False)
    title: str = ""  # as the file says it
    points: int | None = None  # along each axis
    adder_name: str = ""
    created_at: datetime | None = None
    is_stored: bool = False  # whole in the bucket
    is_checked: bool = False


@dataclass(frozen=True)
class Choice:
    """The LUT that new versions of a production are shown through, or the one that a proxy was made with."""

    lut_id: LutId
    name: str
    input: LutInput
    scope: LutScope


def add(conn: Connection, row: LutRow, user_id: UserId) -> None:
    """Record a LUT whose upload has begun."""
    conn.execute(
        insert(luts).values(
            id=row.id, production_id=row.production_id, file_name=row.name, connection_id=row.connection_id,
            object_key=row.object_key, store_upload_id=row.store_upload_id, size_bytes=row.size_bytes,
            crc32=row.crc32, added_by=user_id,
        )
    )  # fmt: skip


def get(conn: Connection, production_id: ProductionId, lut_id: LutId) -> LutRow:
    """Return a LUT of the production; raise NotFound if it has none of this id."""
    row = conn.execute(_rows().where(luts.c.id == lut_id, luts.c.production_id == production_id)).first()
    if row is None:
        raise NotFound("this production has no such LUT", advice="Look at the list of its LUTs.")
    return _row(row)


def of_production(conn: Connection, production_id: ProductionId) -> list[LutRow]:
    """Return the LUTs that can be chosen, newest first."""
    query = _rows().where(luts.c.production_id == production_id, luts.c.checked_at.is_not(None))
    return [_row(row) for row in conn.execute(query.order_by(luts.c.id.desc()))]


def stored(conn: Connection, lut_id: LutId, etag: str | None) -> None:
    """Record that a LUT is whole in the bucket. Repeating it changes nothing."""
    this = (luts.c.id == lut_id, luts.c.stored_at.is_(None))
    conn.execute(update(luts).where(*this).values(stored_at=func.now(), etag=etag))


def checked(conn: Connection, lut_id: LutId, title: str, lut: Lut) -> bool:
    """Record what a LUT holds; from then on it can be chosen. False if that was recorded before."""
    this = (luts.c.id == lut_id, luts.c.checked_at.is_(None))
    domain = [list(lut.domain_min), list(lut.domain_max)]
    values = {"title": title, "points": lut.points, "domain": domain, "numbers": lut.numbers, "checked_at": func.now()}
    return conn.execute(update(luts).where(*this).values(values)).rowcount == 1


def numbers(conn: Connection, lut_id: LutId) -> Lut:
    """Return a LUT that was checked."""
    query = select(luts.c.points, luts.c.domain, luts.c.numbers).where(luts.c.id == lut_id)
    row = conn.execute(query.where(luts.c.checked_at.is_not(None))).one()
    low, high = (tuple(map(float, end)) for end in row.domain)
    return Lut(row.points, (low[0], low[1], low[2]), (high[0], high[1], high[2]), bytes(row.numbers))


def choose(conn: Connection, production_id: ProductionId, lut_id: LutId, *, into: LutInput, scope: LutScope) -> None:
    """Let versions whose making has not begun be shown through a LUT. Proxies that are there stay as they are.

    Raises:
        NotFound: it is no LUT of the production.
        Conflict: it was not checked, or is not a LUT; nothing was changed.
    """
    if not get(conn, production_id, lut_id).is_checked:
        raise Conflict("this file was not found to be a LUT", advice="Add it again, and choose it then.")
    values = {"lut_id": lut_id, "input": into.value, "scope": scope.value}
    statement = upsert(lut_choices).values(production_id=production_id, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["production_id"], set_=values))
    changes.notify_production(conn, production_id)


def choose_none(conn: Connection, production_id: ProductionId) -> None:
    """Let versions whose making has not begun be shown without a LUT."""
    conn.execute(delete(lut_choices).where(lut_choices.c.production_id == production_id))
    changes.notify_production(conn, production_id)


def choice_of(lut_id: str | None, name: str, into: str, scope: str) -> Choice | None:
    """Return what columns of a row stand for; None if they name no LUT. Of a proxy the scope is ALL: it has one."""
    return Choice(LutId(lut_id), name, LutInput(into), LutScope(scope)) if lut_id is not None else None


def _rows() -> Select[Any]:
    columns = [column for column in luts.c if column.name not in ("numbers", "domain")]
    return select(*columns, users.c.name.label("adder_name")).join(users, users.c.id == luts.c.added_by)


def _row(row: Row[Any]) -> LutRow:
    return LutRow(
        id=LutId(row.id),
        production_id=ProductionId(row.production_id),
        name=row.file_name,
        connection_id=ConnectionId(row.connection_id),
        object_key=row.object_key,
        store_upload_id=row.store_upload_id,
        size_bytes=row.size_bytes,
        crc32=bytes(row.crc32),
        title=row.title,
        points=row.points,
        adder_name=row.adder_name,
        created_at=row.created_at,
        is_stored=row.stored_at is not None,
        is_checked=row.checked_at is not None,
    )
