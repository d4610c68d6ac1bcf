"""What a transcode job reads from and writes to the company's database, inside the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import Connection, Row, case, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from reelkeep.catalog import changes, versions
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.luts import Choice, choice_of
from reelkeep.catalog.tables import (
    assets,
    attempts,
    jobs,
    lut_choices,
    luts,
    productions,
    proxies,
    renditions,
    segments,
    stills,
    version_keys,
)
from reelkeep.catalog.tables import versions as versions_table
from reelkeep.encryption.keys import (
    CompanyKey,
    ContentKey,
    KeyClass,
    VersionKey,
    content_keys_from_json,
    content_keys_to_json,
    new_salt,
)
from reelkeep.errors import IsolationError
from reelkeep.ids import AttemptId, JobId, ProductionId, VersionId, new_id
from reelkeep.jobs.interface import JobCancelled, JobKind, LeaseLost
from reelkeep.luts import LutScope
from reelkeep.media import Loudness, Probe, TrackKind, is_sound
from reelkeep.packaging.bundle_index import ProxyPlan, RenditionDescription, SegmentFacts, bands_to_json
from reelkeep.packaging.bundles import Bundle
from reelkeep.packaging.stills import SealedStill, StillKind
from reelkeep.transcode import unit_records
from reelkeep.transcode.grid import Grid
from reelkeep.transcode.protocol import Times
from reelkeep.transcode.resume import WHOLE, Published, run_from
from reelkeep.transcode.units import Unit

RENDITIONS_FIELD: Final = "renditions"  # in versions.probe, beside the fields of media.Probe: the names planned
TIMES_FIELD: Final = "times"  # there, too: the fields of protocol.Times without its body


class ProxyChanged(IsolationError):
    """This proxy was begun by another release of Reelkeep, which encoded it differently."""

    default_advice = "Upload the file again as a new version; the original stays stored as it is."


@dataclass(frozen=True)
class Attempt:
    id: AttemptId
    number: int
    salt: bytes = field(repr=False)


@dataclass(frozen=True)
class Keys:
    """The keys of one version."""

    version_key: VersionKey
    content_keys: dict[KeyClass, ContentKey] = field(repr=False)


def keys_of(conn: Connection, company_key: CompanyKey, version_id: VersionId) -> Keys:
    """Return the keys of a version, made now if it has none yet."""
    version_key, wrapped = company_key.new_version_key(version_id)
    content = content_keys_to_json(version_key, version_key.new_content_keys(KeyClass))
    row = {"version_id": version_id, "wrapped_key": wrapped, "content_keys": content}
    conn.execute(upsert(version_keys).values(row).on_conflict_do_nothing())
    stored = conn.execute(select(version_keys).where(version_keys.c.version_id == version_id)).one()
    version_key = company_key.unwrap_version_key(version_id, stored.wrapped_key)
    return Keys(version_key, content_keys_from_json(version_key, stored.content_keys))


def published(conn: Connection, version_id: VersionId, unit: Unit = WHOLE) -> Published:
    """Return what is published of a version's proxy, or of one unit of it."""
    begun = proxies.c.version_id.is_not(None)
    version = conn.execute(
        select(
            versions_table.c.probe,
            proxies.c.planned_frames,
            proxies.c.completed_at,
            func.coalesce(proxies.c.mark_bands, productions.c.mark_bands).label("mark_bands"),
            func.coalesce(proxies.c.largest_edge_px, productions.c.largest_edge_px).label("largest_edge_px"),
            luts.c.id.label("lut_id"),
            luts.c.file_name.label("lut_name"),
            case((begun, proxies.c.lut_input), else_=lut_choices.c.input).label("lut_input"),
            case((begun, LutScope.ALL.value), else_=lut_choices.c.scope).label("lut_scope"),
        )
        .join(assets, assets.c.id == versions_table.c.asset_id)
        .join(productions, productions.c.id == assets.c.production_id)
        .outerjoin(proxies, proxies.c.version_id == versions_table.c.id)
        .outerjoin(lut_choices, lut_choices.c.production_id == productions.c.id)
        .outerjoin(luts, luts.c.id == case((begun, proxies.c.lut_id), else_=lut_choices.c.lut_id))
        .where(versions_table.c.id == version_id)
    ).one()
    numbered = _numbered(conn, version_id)
    runs = {name: _run(name, is_step, unit, rows) for (name, is_step), rows in numbered.items()}
    shown = _still_numbers(conn, version_id)
    return Published(
        expected=tuple((version.probe or {}).get(RENDITIONS_FIELD, ())),
        planned_frames=version.planned_frames or 0,
        mark_bands=version.mark_bands,
        largest_edge_px=version.largest_edge_px,
        lut=choice_of(version.lut_id, version.lut_name, version.lut_input, version.lut_scope),
        segments={name: run[0] for name, run in runs.items()},
        samples={name: run[1] for name, run in runs.items()},
        unit=unit,
        numbers={name: frozenset(number for number, _ in rows) for (name, _), rows in numbered.items()},
        sheets=frozenset(shown[StillKind.TILES.value]),
        poster=bool(shown[StillKind.POSTER.value]),
        peaks=bool(shown[StillKind.PEAKS.value]),
        times=bool(shown[StillKind.TIMES.value]),
        complete=version.completed_at is not None,
    )


def _run(name: str, is_step: bool, unit: Unit, rows: list[tuple[int, int]]) -> tuple[int, int]:
    """Return how many segments of a unit, and samples, are there without a hole; sound is counted from its start."""
    if is_sound(name):
        return run_from(0, rows)
    grid = Grid(TrackKind.VIDEO, is_step=is_step)
    end = None if unit.end_frame is None else grid.number(unit.end_frame)
    return run_from(grid.number(unit.first_frame), [row for row in rows if end is None or row[0] < end])


def _numbered(conn: Connection, version_id: VersionId) -> dict[tuple[str, bool], list[tuple[int, int]]]:
    """Return (number, samples) of every segment, by the rendition's name and whether it is the step rung."""
    query = (
        select(renditions.c.name, renditions.c.is_step, segments.c.number, segments.c.samples)
        .join(segments, segments.c.rendition_id == renditions.c.id)
        .where(renditions.c.version_id == version_id)
        .order_by(segments.c.number)
    )
    numbered: dict[tuple[str, bool], list[tuple[int, int]]] = defaultdict(list)
    for name, is_step, number, samples in conn.execute(query):
        numbered[name, is_step].append((number, samples))
    return numbered


def _still_numbers(conn: Connection, version_id: VersionId) -> dict[str, list[int]]:
    query = select(stills.c.kind, stills.c.number).where(stills.c.version_id == version_id).order_by(stills.c.number)
    found: dict[str, list[int]] = defaultdict(list)
    for kind, number in conn.execute(query):
        found[kind].append(number)
    return found


def begin(
    conn: Connection,
    version_id: VersionId,
    job_id: JobId,
    probe: Probe,
    plan: ProxyPlan,
    names: Sequence[str],
    lut: Choice | None = None,
) -> Attempt:
    """Record what the probe found and begin an attempt, with a salt of its own; the version is *processing* then.

    Args:
        lut: that the pictures are shown through.

    Raises:
        ProxyChanged: segments of another plan are published; nothing was changed.
    """
    shown = {"lut_id": lut.lut_id if lut else None, "lut_input": lut.input.value if lut else None}
    values = {**_plan_values(plan), **shown}
    old = conn.execute(select(proxies).where(proxies.c.version_id == version_id).with_for_update()).one_or_none()
    if old is None:
        conn.execute(insert(proxies).values(version_id=version_id, **values))
    elif any(getattr(old, name) != value for name, value in values.items()):
        _replace_plan(conn, version_id, values)
    facts = {**asdict(probe), "light": probe.light.value, RENDITIONS_FIELD: list(names)}
    _add_facts(conn, version_id, facts)
    if _state(conn, version_id) is VersionState.STORED:
        versions.move(conn, version_id, VersionState.PROCESSING)
    return _add_attempt(conn, version_id, job_id)


def _add_facts(conn: Connection, version_id: VersionId, facts: dict[str, Any]) -> None:
    """Record what a probe found, unless all of it stands there: what was measured since then stays."""
    this = versions_table.c.id == version_id
    stored = conn.scalar(select(versions_table.c.probe).where(this).with_for_update()) or {}
    if facts.keys() <= stored.keys() and stored[RENDITIONS_FIELD] == facts[RENDITIONS_FIELD]:
        return
    conn.execute(update(versions_table).where(this).values(probe=facts))


def _plan_values(plan: ProxyPlan) -> dict[str, Any]:
    return {
        "format_version": plan.format_version,
        "planned_frames": plan.planned_frames,
        "rate_numerator": plan.rate.numerator,
        "rate_denominator": plan.rate.denominator,
        "planned_audio_samples": plan.planned_audio_samples,
        "tile_layout": plan.tile_layout.to_json() if plan.tile_layout else None,
        "mark_bands": plan.mark_bands,
        "largest_edge_px": plan.largest_edge_px,
    }


def _replace_plan(conn: Connection, version_id: VersionId, values: dict[str, Any]) -> None:
    if _numbered(conn, version_id):
        raise ProxyChanged
    conn.execute(renditions.delete().where(renditions.c.version_id == version_id))
    conn.execute(update(proxies).where(proxies.c.version_id == version_id).values(values))


def _add_attempt(conn: Connection, version_id: VersionId, job_id: JobId) -> Attempt:
    attempt = Attempt(AttemptId(new_id()), last_attempt_number(conn, version_id) + 1, new_salt())
    row = {"id": attempt.id, "version_id": version_id, "number": attempt.number, "salt": attempt.salt}
    conn.execute(insert(attempts).values(job_id=job_id, **row))
    return attempt


def add_rendition(conn: Connection, version_id: VersionId, wanted: RenditionDescription) -> tuple[str, bytes]:
    """Record a rendition, or find it again from an earlier attempt; return its row's id and its IV.

    Raises:
        ProxyChanged: it is there with another configuration, so its init segment would not fit; nothing was changed.
    """
    values = {
        "kind": wanted.kind.value, "is_step": wanted.is_step, "width_px": wanted.width_px,
        "height_px": wanted.height_px, "codecs": wanted.codecs, "timescale": wanted.timescale,
        "key_id": wanted.key_id, "content_key_class": wanted.content_key_class.value,
        "codec_config": wanted.codec_config, "bands": bands_to_json(wanted.bands),
        "language": wanted.language, "label": wanted.label,
    }  # fmt: skip
    this = (renditions.c.version_id == version_id, renditions.c.name == wanted.name)
    old = conn.execute(select(renditions).where(*this)).one_or_none()
    if old is not None:
        if any(getattr(old, name) != value for name, value in values.items()):
            raise ProxyChanged
        return old.id, old.iv
    rendition_id = new_id()
    row = {"id": rendition_id, "version_id": version_id, "name": wanted.name, "iv": wanted.iv}
    conn.execute(insert(renditions).values(**row, bandwidth_bps=wanted.bandwidth_bps, **values))
    return rendition_id, wanted.iv


def publish_bundle(
    conn: Connection, version_id: VersionId, rendition_id: str, attempt: Attempt, bundle: Bundle, *, playable: bool
) -> None:
    """Record the segments of a bundle that is in the bucket, and say so. Repeating it changes nothing.

    Args:
        playable: with these segments the version can be played from its beginning.

    Raises:
        LeaseLost: another attempt has published one of these segments; roll back.
        JobCancelled: another job of this version has failed, or was cancelled; roll back.
    """
    state = conn.execute(select(versions_table.c.state).where(versions_table.c.id == version_id)).scalar_one()
    if state in (VersionState.FAILED.value, VersionState.CANCELLED.value):
        raise JobCancelled
    rows = [_segment_row(rendition_id, attempt, bundle, facts) for facts in bundle.segments]
    conn.execute(upsert(segments).values(rows).on_conflict_do_nothing())
    numbers = [facts.number for facts in bundle.segments]
    theirs = select(segments.c.number).where(
        segments.c.rendition_id == rendition_id, segments.c.number.in_(numbers), segments.c.attempt_id != attempt.id
    )
    if conn.execute(theirs).first() is not None:
        raise LeaseLost
    if playable and _state(conn, version_id) is VersionState.PROCESSING:
        versions.move(conn, version_id, VersionState.PLAYABLE)
    changes.notify(conn, _production(conn, version_id), version_id, "segments")


def _segment_row(rendition_id: str, attempt: Attempt, bundle: Bundle, facts: SegmentFacts) -> dict[str, Any]:
    return {
        "rendition_id": rendition_id, "number": facts.number, "attempt_id": attempt.id,
        "object_key": bundle.object_key, "offset": facts.offset, "length": facts.length,
        "decode_time": facts.decode_time, "duration": facts.duration, "samples": facts.samples,
        "plain_sha256": facts.plain_sha256, "band_ranges": facts.band_ranges,
    }  # fmt: skip


def publish_still(conn: Connection, version_id: VersionId, attempt: Attempt, still: SealedStill) -> None:
    """Record a still that is in the bucket, and say so. Repeating it changes nothing."""
    row = {
        "version_id": version_id, "kind": still.kind.value, "number": still.number, "attempt_id": attempt.id,
        "object_key": still.object_key, "length": still.length, "content_type": still.content_type,
    }  # fmt: skip
    conn.execute(upsert(stills).values(row).on_conflict_do_nothing())
    changes.notify(conn, _production(conn, version_id), version_id, "stills")


def complete(conn: Connection, version_id: VersionId, frames: int) -> bool:
    """Record that every segment is published; the version becomes *ready* with the end of the job.

    Returns:
        False if it was recorded before; nothing was changed then.
    """
    this = (proxies.c.version_id == version_id, proxies.c.completed_at.is_(None))
    return conn.execute(update(proxies).where(*this).values(frames=frames, completed_at=func.now())).rowcount == 1


def sheet_frames_and_rate(conn: Connection, version_id: VersionId) -> tuple[int, Fraction]:
    """Return how many frames one tile sheet of a version with a plan stands for, 0 if it has none; and its rate."""
    plan = conn.execute(select(proxies).where(proxies.c.version_id == version_id)).one()
    layout = plan.tile_layout
    frames = layout["columns"] * layout["rows"] * layout["interval_frames"] if layout else 0
    return frames, Fraction(plan.rate_numerator, plan.rate_denominator)


def is_complete(conn: Connection, version_id: VersionId) -> bool:
    """Return whether every segment is published."""
    done = select(proxies.c.version_id).where(proxies.c.version_id == version_id, proxies.c.completed_at.is_not(None))
    return conn.execute(done).first() is not None


def measured(conn: Connection, version_id: VersionId, loudness: Mapping[int, Loudness], times: Times | None) -> None:
    """Record what only the whole file could tell beside what the probe found. Repeating it is harmless.

    Args:
        loudness: of the sound tracks, by their numbers.
        times: of the pictures, where the original has no constant rate.
    """
    this = versions_table.c.id == version_id
    facts = conn.execute(select(versions_table.c.probe).where(this).with_for_update()).scalar_one()
    sounds = [
        {**sound, "loudness": asdict(loudness[number])} if number in loudness else sound
        for number, sound in enumerate(facts["sounds"])
    ]
    conn.execute(
        update(versions_table).where(this).values(probe={**facts, "sounds": sounds, TIMES_FIELD: _summary(times)})
    )


def _summary(times: Times | None) -> dict[str, Any] | None:
    return None if times is None else {name: value for name, value in vars(times).items() if name != "body"}


def verify(conn: Connection, version_id: VersionId, sha256: bytes) -> None:
    """Record the checksum that a full read of the original gave, whether or not it is the one that was claimed."""
    this = versions_table.c.id == version_id
    conn.execute(update(versions_table).where(this).values(verified_sha256=sha256))


def named_objects(conn: Connection, version_id: VersionId) -> set[str]:
    """Return the keys of the version's objects that a row names."""
    bundles = select(segments.c.object_key).join(renditions).where(renditions.c.version_id == version_id)
    others = select(stills.c.object_key).where(stills.c.version_id == version_id)
    return {row[0] for row in conn.execute(bundles.union(others))}


def last_attempt_number(conn: Connection, version_id: VersionId) -> int:
    """Return the number of the newest attempt, at a proxy that was taken away too; 0 if there was none."""
    newest = select(func.max(attempts.c.number)).where(attempts.c.version_id == version_id).scalar_subquery()
    of_version = versions_table.c.id == version_id
    number = conn.scalar(select(func.coalesce(newest, versions_table.c.earlier_attempts)).where(of_version))
    return int(number or 0)


def uncleaned(conn: Connection, limit: int) -> list[VersionId]:
    """Return versions that nobody works on and whose dead attempts may have left objects that no row names.

    A version whose only attempt became its proxy has none; one that was cleaned after its last attempt has none more.
    """
    tried = (
        select(
            attempts.c.version_id,
            func.max(attempts.c.number).label("last"),
            func.max(attempts.c.created_at).label("at"),
        )
        .group_by(attempts.c.version_id)
        .subquery()
    )
    cleaned = (jobs.c.kind == JobKind.CLEAN.value) & (jobs.c.state == JobState.DONE.value)
    spoken_for = exists().where(
        jobs.c.version_id == versions_table.c.id,
        jobs.c.state.in_((JobState.WAITING.value, JobState.RUNNING.value))
        | (cleaned & (jobs.c.created_at > tried.c.at)),
    )
    ready, given_up = VersionState.READY.value, (VersionState.FAILED.value, VersionState.CANCELLED.value)
    left = ((versions_table.c.state == ready) & (tried.c.last > 1)) | versions_table.c.state.in_(given_up)
    query = select(versions_table.c.id).join(tried, tried.c.version_id == versions_table.c.id).where(left, ~spoken_for)
    found = [VersionId(row.id) for row in conn.execute(query.order_by(tried.c.at).limit(limit))]
    return [*_deleted_uncleaned(conn, limit), *found][:limit]


def _deleted_uncleaned(conn: Connection, limit: int) -> list[VersionId]:
    """Return deleted versions of which no cleaning that began after the deletion is under way or done."""
    at = versions_table.c.deleted_at
    begun = exists().where(
        jobs.c.version_id == versions_table.c.id,
        jobs.c.kind == JobKind.CLEAN.value,
        jobs.c.state.in_((JobState.WAITING.value, JobState.RUNNING.value))
        | ((jobs.c.state == JobState.DONE.value) & (jobs.c.created_at >= at)),
    )
    query = select(versions_table.c.id).where(versions_table.c.state == VersionState.DELETED.value, ~begun)
    return [VersionId(row.id) for row in conn.execute(query.order_by(at).limit(limit))]


def closing_attempts(conn: Connection, version_id: VersionId) -> frozenset[int]:
    """Return the attempts that made the ends of a complete proxy; of a film that is not cut it is the last one."""
    return unit_records.closing_attempts(conn, version_id) or frozenset({last_attempt_number(conn, version_id)})


def state_of(conn: Connection, version_id: VersionId) -> VersionState:
    """Return the state of a version, locked until the transaction ends."""
    return _state(conn, version_id)


def _state(conn: Connection, version_id: VersionId) -> VersionState:
    query = select(versions_table.c.state).where(versions_table.c.id == version_id).with_for_update()
    return VersionState(conn.execute(query).scalar_one())


def _production(conn: Connection, version_id: VersionId) -> ProductionId:
    query = select(assets.c.production_id).join(versions_table, versions_table.c.asset_id == assets.c.id)
    row: Row[Any] = conn.execute(query.where(versions_table.c.id == version_id)).one()
    return ProductionId(row.production_id)
