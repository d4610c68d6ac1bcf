"""LUTs of productions: what was added, which one is chosen, and their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from reelkeep.catalog import changes
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import assets, lut_choices, luts, productions, proxies, users, versions
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import ConnectionId, LutId, ProductionId, UserId
from reelkeep.luts import Lut, LutInput, LutScope, Shaper

NAMED_FILMS: Final = 5


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
    this = (luts.c.id == lut_id, luts.c.production_id == production_id, luts.c.deleted_at.is_(None))
    row = conn.execute(_rows().where(*this)).first()
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
    if lut.shaper is not None:
        values |= {"shaper_domain": [lut.shaper.low, lut.shaper.high], "shaper_numbers": lut.shaper.numbers}
    return conn.execute(update(luts).where(*this).values(values)).rowcount == 1


def numbers(conn: Connection, lut_id: LutId) -> Lut:
    """Return a LUT that was checked."""
    columns = (luts.c.points, luts.c.domain, luts.c.numbers, luts.c.shaper_domain, luts.c.shaper_numbers)
    query = select(*columns).where(luts.c.id == lut_id)
    row = conn.execute(query.where(luts.c.checked_at.is_not(None))).one()
    low, high = (tuple(map(float, end)) for end in row.domain)
    shaper = None
    if row.shaper_domain is not None:
        start, end = map(float, row.shaper_domain)
        shaper = Shaper(start, end, bytes(row.shaper_numbers))
    return Lut(row.points, (low[0], low[1], low[2]), (high[0], high[1], high[2]), bytes(row.numbers), shaper)


def delete_lut(conn: Connection, row: LutRow, user_id: UserId) -> None:
    """Forget what a LUT holds; its row goes on naming the file in the bucket, and films that were made stay.

    Raises:
        Conflict: its production has chosen it, or films are not made yet that began with it; the message names them.
            Nothing was changed.
    """
    conn.execute(select(luts.c.id).where(luts.c.id == row.id).with_for_update())
    chosen = select(productions.c.name).join(lut_choices, lut_choices.c.production_id == productions.c.id)
    if (name := conn.execute(chosen.where(lut_choices.c.lut_id == row.id)).scalar_one_or_none()) is not None:
        raise Conflict(
            f"the production {name} shows its new versions through {row.name}",
            advice="Choose another LUT or none there first.",
        )
    waiting = select(assets.c.name, versions.c.number).select_from(
        proxies.join(versions, versions.c.id == proxies.c.version_id).join(assets, assets.c.id == versions.c.asset_id)
    )
    done = versions.c.state.in_([VersionState.READY.value, VersionState.DELETED.value])
    waiting = waiting.where(proxies.c.lut_id == row.id, ~done).order_by(versions.c.id)
    if films := [f"{each.name} (version {each.number})" for each in conn.execute(waiting.limit(NAMED_FILMS + 1))]:
        more = " and others" if len(films) > NAMED_FILMS else ""
        raise Conflict(
            f"films that began with {row.name} are not made yet: {', '.join(films[:NAMED_FILMS])}{more}",
            advice="Wait until they are ready, or delete those versions.",
        )
    nothing = {"numbers": None, "domain": None, "shaper_domain": None, "shaper_numbers": None, "checked_at": None}
    conn.execute(
        update(luts).where(luts.c.id == row.id).values(**nothing, title="", deleted_at=func.now(), deleted_by=user_id)
    )
    changes.notify_production(conn, row.production_id)


def choose(conn: Connection, production_id: ProductionId, lut_id: LutId, *, into: LutInput, scope: LutScope) -> None:
    """Let versions whose making has not begun be shown through a LUT. Proxies that are there stay as they are.

    Raises:
        NotFound: it is no LUT of the production.
        Conflict: it was not checked, or is not a LUT; nothing was changed.
    """
    conn.execute(select(luts.c.id).where(luts.c.id == lut_id).with_for_update())  # nobody deletes it meanwhile
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
    columns = [
        column for column in luts.c if column.name not in ("numbers", "domain", "shaper_domain", "shaper_numbers")
    ]
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
