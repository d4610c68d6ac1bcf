"""Versions: the delivered cuts of an asset, numbered from 1, and their way through the states of ``lifecycle``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, exists, func, insert, select, update

from reelkeep.catalog import changes
from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.image_sequences import SequenceRow, sequence_of
from reelkeep.catalog.lifecycle import VERSION_STEPS, VersionState, step
from reelkeep.catalog.luts import Choice, choice_of
from reelkeep.catalog.runs import samples_from_start
from reelkeep.catalog.tables import assets, image_sequences, luts, proxies, renditions, stills, users, versions
from reelkeep.errors import NotFound, ReelkeepError
from reelkeep.ids import AssetId, ConnectionId, ProductionId, UserId, VersionId
from reelkeep.luts import LutScope
from reelkeep.media import FrameRate


@dataclass(frozen=True)
class Problem:
    code: str  # errors.*.code
    message: str
    advice: str


@dataclass(frozen=True)
class VersionRow:
    id: VersionId
    asset_id: AssetId
    production_id: ProductionId
    number: int
    state: VersionState
    problem: Problem | None
    connection_id: ConnectionId
    file_name: str
    original_key: str
    size_bytes: int
    claimed_sha256: bytes | None
    verified_sha256: bytes | None
    uploaded_by: UserId
    uploader_name: str
    created_at: datetime
    stored_at: datetime | None
    ready_at: datetime | None
    deleted_at: datetime | None
    probe: dict[str, Any] | None
    published_frames: int  # from frame 0 without a gap, on the step rung
    planned_frames: int | None
    frames: int | None
    rate: FrameRate | None
    has_poster: bool
    sequence: SequenceRow | None = None  # None: the original is one file
    lut: Choice | None = None  # that the proxy was made with


def create(
    conn: Connection,
    asset_id: AssetId,
    *,
    version_id: VersionId,
    connection_id: ConnectionId,
    file_name: str,
    original_key: str,
    size_bytes: int,
    uploaded_by: UserId,
    claimed_sha256: bytes | None = None,
) -> VersionRow:
    """Add the next version of an asset, in state *uploading*. The asset's row is locked until the transaction ends,
    so two uploads of one name get two numbers.

    Args:
        version_id: made by the caller, because it is part of ``original_key``.
        original_key: below the connection's prefix; see ``storage.layout``.
    """
    asset = conn.execute(select(assets.c.production_id).where(assets.c.id == asset_id).with_for_update()).first()
    if asset is None:
        raise NotFound
    number = select(func.coalesce(func.max(versions.c.number), 0) + 1).where(versions.c.asset_id == asset_id)
    conn.execute(
        insert(versions).values(
            id=version_id,
            asset_id=asset_id,
            number=number.scalar_subquery(),
            state=VersionState.UPLOADING.value,
            connection_id=connection_id,
            file_name=file_name,
            original_key=original_key,
            size_bytes=size_bytes,
            claimed_sha256=claimed_sha256,
            uploaded_by=uploaded_by,
        )
    )
    changes.notify(conn, ProductionId(asset.production_id), version_id, "state")
    return get(conn, version_id)


@dataclass(frozen=True)
class NewVersion:
    """A version to be made. ``id`` is made by the caller, because it is part of ``original_key``."""

    id: VersionId
    asset_id: AssetId
    connection_id: ConnectionId
    file_name: str
    original_key: str
    size_bytes: int
    uploaded_by: UserId
    claimed_sha256: bytes | None


def create_many(conn: Connection, production_id: ProductionId, new: Sequence[NewVersion]) -> None:
    """Add versions of a production's assets, in state *uploading*, in three statements. Locks as ``create`` does."""
    held = sorted({one.asset_id for one in new})
    conn.execute(select(assets.c.id).where(assets.c.id.in_(held)).order_by(assets.c.id).with_for_update())
    last = select(versions.c.asset_id, func.max(versions.c.number)).where(versions.c.asset_id.in_(held))
    numbers = {AssetId(asset_id): int(number) for asset_id, number in conn.execute(last.group_by(versions.c.asset_id))}
    rows = []
    for one in new:
        numbers[one.asset_id] = number = numbers.get(one.asset_id, 0) + 1
        rows.append({**vars(one), "number": number, "state": VersionState.UPLOADING.value})
    if rows:
        add_rows(conn, versions, rows)
        changes.notify_many(conn, production_id, [one.id for one in new], "state")


def store_many(conn: Connection, production_id: ProductionId, version_ids: Sequence[VersionId]) -> list[VersionId]:
    """Move those of the versions to *stored* that may take this step, in two statements; return them."""
    query = select(versions.c.id, versions.c.state).where(versions.c.id.in_(version_ids)).order_by(versions.c.id)
    held = {VersionId(row.id): VersionState(row.state) for row in conn.execute(query.with_for_update())}
    moved = [version_id for version_id, state in held.items() if VersionState.STORED in VERSION_STEPS[state]]
    if moved:
        values = {"state": VersionState.STORED.value, "problem_code": None, "problem": None}
        stored_at = func.coalesce(versions.c.stored_at, func.now())
        conn.execute(update(versions).where(versions.c.id.in_(moved)).values(**values, stored_at=stored_at))
        changes.notify_many(conn, production_id, moved, "state")
    return moved


def move(
    conn: Connection, version_id: VersionId, state: VersionState, problem: ReelkeepError | None = None
) -> VersionState:
    """Take one step of ``lifecycle.VERSION_STEPS``, lock the row, tell the listeners; return the state before.

    Args:
        problem: why, in words for the uploader; kept until the next step.

    Raises:
        NotFound: no such version.
        Conflict: the table does not allow the step; nothing was changed.
    """
    query = select(versions.c.state, assets.c.production_id).join(assets, assets.c.id == versions.c.asset_id)
    row = conn.execute(query.where(versions.c.id == version_id).with_for_update(of=versions)).first()
    if row is None:
        raise NotFound
    old = VersionState(row.state)
    values: dict[str, Any] = {"state": step(VERSION_STEPS, old, state).value}
    values["problem_code"] = problem.code if problem else None
    values["problem"] = f"{problem.message}\n{problem.advice()}" if problem else None
    if state is VersionState.STORED:
        values["stored_at"] = func.coalesce(versions.c.stored_at, func.now())
    if state is VersionState.READY:
        values["ready_at"] = func.now()
    conn.execute(update(versions).where(versions.c.id == version_id).values(values))
    changes.notify(conn, ProductionId(row.production_id), version_id, "state")
    return old


def _full() -> Select[Any]:
    published = (
        select(samples_from_start(renditions.c.id))
        .where(renditions.c.version_id == versions.c.id, renditions.c.is_step)
        .scalar_subquery()
    )
    poster = exists().where(stills.c.version_id == versions.c.id, stills.c.kind == "poster")
    return (
        select(
            *versions.c,
            assets.c.production_id,
            users.c.name.label("uploader_name"),
            proxies.c.planned_frames,
            proxies.c.frames,
            proxies.c.rate_numerator,
            proxies.c.rate_denominator,
            proxies.c.lut_id,
            proxies.c.lut_input,
            luts.c.file_name.label("lut_name"),
            func.coalesce(published, 0).label("published_frames"),
            poster.label("has_poster"),
            *(column.label(f"sequence_{column.name}") for column in image_sequences.c),
        )
        .join(assets, assets.c.id == versions.c.asset_id)
        .join(users, users.c.id == versions.c.uploaded_by)
        .outerjoin(proxies, proxies.c.version_id == versions.c.id)
        .outerjoin(luts, luts.c.id == proxies.c.lut_id)
        .outerjoin(image_sequences, image_sequences.c.version_id == versions.c.id)
    )


# Made once: to put such a statement together takes longer than to ask it.
_ONE: Final = _full().where(versions.c.id == bindparam("version_id"))
_OF_ASSETS: Final = (
    _full()
    .where(
        versions.c.asset_id.in_(bindparam("asset_ids", expanding=True)),
        versions.c.state != VersionState.DELETED.value,
    )
    .order_by(versions.c.number.desc())
)


def get(conn: Connection, version_id: VersionId) -> VersionRow:
    """Return a version, whoever asks; raise NotFound if there is none."""
    row = conn.execute(_ONE, {"version_id": version_id}).first()
    if row is None:
        raise NotFound
    return _version(row)


def of_assets(conn: Connection, asset_ids: Sequence[AssetId]) -> dict[AssetId, list[VersionRow]]:
    """Return the versions of each asset that are not deleted, newest first; an asset without any has an empty list."""
    found: dict[AssetId, list[VersionRow]] = {asset_id: [] for asset_id in asset_ids}
    for row in conn.execute(_OF_ASSETS, {"asset_ids": list(asset_ids)}):
        found[AssetId(row.asset_id)].append(_version(row))
    return found


def published_frames(conn: Connection, version_id: VersionId) -> int:
    """Return how many frames, from frame 0 without a gap, can be shown: those published on the step rung."""
    query = select(samples_from_start(renditions.c.id))
    step = (renditions.c.version_id == version_id, renditions.c.is_step)
    return int(conn.execute(query.where(*step)).scalar() or 0)


def _version(row: Row[Any]) -> VersionRow:
    message, _, advice = (row.problem or "").partition("\n")
    return VersionRow(
        id=VersionId(row.id),
        asset_id=AssetId(row.asset_id),
        production_id=ProductionId(row.production_id),
        number=row.number,
        state=VersionState(row.state),
        problem=Problem(row.problem_code or "error", message, advice) if row.problem else None,
        connection_id=ConnectionId(row.connection_id),
        file_name=row.file_name,
        original_key=row.original_key,
        size_bytes=row.size_bytes,
        claimed_sha256=row.claimed_sha256,
        verified_sha256=row.verified_sha256,
        uploaded_by=UserId(row.uploaded_by),
        uploader_name=row.uploader_name,
        created_at=row.created_at,
        stored_at=row.stored_at,
        ready_at=row.ready_at,
        deleted_at=row.deleted_at,
        probe=row.probe,
        published_frames=int(row.published_frames),
        planned_frames=row.planned_frames,
        frames=row.frames,
        rate=FrameRate(row.rate_numerator, row.rate_denominator) if row.rate_numerator else None,
        has_poster=row.has_poster,
        sequence=_sequence(row),
        lut=choice_of(row.lut_id, row.lut_name, row.lut_input, LutScope.ALL.value),
    )


def _sequence(row: Row[Any]) -> SequenceRow | None:
    if row.sequence_version_id is None:
        return None
    return sequence_of(
        kind=row.sequence_kind,
        rate=(row.sequence_rate_numerator, row.sequence_rate_denominator),
        files=row.sequence_files,
        numbers=(row.sequence_first_number, row.sequence_last_number),
        gaps=row.sequence_gaps,
    )
