"""The units of a version in the company's database, inside the caller's transaction.

A unit belongs to a job as long as that job runs: a job whose process died runs on in the queue until another process
claims it, and goes on with its units. Every function is called under the fence of the job's lease (``queue.hold``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from reelkeep.catalog.lifecycle import JobState
from reelkeep.catalog.tables import jobs, units
from reelkeep.ids import JobId, VersionId
from reelkeep.jobs import queue
from reelkeep.media import TrackKind
from reelkeep.transcode.units import Standing, Unit, choose


def cut(conn: Connection, version_id: VersionId, job_id: JobId, cuts: Sequence[int], *, sound: bool) -> None:
    """Record where a film is cut; its first unit and its sound are the job's. Repeating it changes nothing."""
    begins = [0, *cuts]
    ends = [*cuts, None]
    rows = [
        _row(version_id, TrackKind.VIDEO, number, begin, end, None if number else job_id)
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]
    if sound:
        rows.append(_row(version_id, TrackKind.AUDIO, 0, 0, None, job_id))
    conn.execute(upsert(units).values(rows).on_conflict_do_nothing())
    queue.ask_for_help(conn, version_id)


def _row(
    version_id: VersionId, kind: TrackKind, number: int, first: int, end: int | None, job_id: JobId | None
) -> dict[str, Any]:
    return {
        "version_id": version_id, "kind": kind.value, "number": number, "first_frame": first, "end_frame": end,
        "job_id": job_id,
    }  # fmt: skip


def cuts_of(conn: Connection, version_id: VersionId) -> tuple[int, ...]:
    """Return the first frames of all units but the first; empty if the film is not cut."""
    firsts = select(units.c.first_frame).where(*_picture(version_id)).order_by(units.c.number)
    return tuple(conn.scalars(firsts))[1:]


def is_sound_done(conn: Connection, version_id: VersionId) -> bool:
    """Return whether the sound of a film that is cut is published whole, or there is none."""
    left = (units.c.version_id == version_id, units.c.kind == TrackKind.AUDIO.value, units.c.done_at.is_(None))
    return conn.execute(select(units.c.number).where(*left)).first() is None


def claim(conn: Connection, version_id: VersionId, job_id: JobId) -> Unit | None:
    """Make a unit the job's own, if one is left; ``units.choose`` says which."""
    found = _locked(conn, version_id)
    number = choose([_standing(row, job_id) for row in found])
    if number is None:
        return None
    row = found[number]
    _give(conn, row, job_id)
    return Unit(row.number, row.first_frame, row.end_frame)


def go_on(conn: Connection, version_id: VersionId, job_id: JobId, frame: int, *, take: bool) -> bool:
    """Record that the job's unit up to ``frame`` is published, and make the next one its own if nobody has it.

    Repeating it gives the same answer.

    Args:
        take: False: leave the next one to others.
    """
    found = _locked(conn, version_id)
    this = (*_picture(version_id), units.c.job_id == job_id, units.c.end_frame == frame, units.c.done_at.is_(None))
    conn.execute(update(units).where(*this).values(done_at=func.now()))
    following = next((row for row in found if row.first_frame == frame), None)
    if not take or following is None or _standing(following, job_id) not in (Standing.FREE, Standing.MINE):
        return False
    _give(conn, following, job_id)
    return True


def reached_end(conn: Connection, version_id: VersionId, job_id: JobId, attempt_number: int, frames: int) -> None:
    """Record that the film ends with ``frames``, and that the job's unit is published up to there.

    A film that is shorter than its index said may have no frame in its last units: these are no more.
    """
    _locked(conn, version_id)
    conn.execute(delete(units).where(*_picture(version_id), units.c.first_frame >= max(1, frames)))
    mine = (*_picture(version_id), units.c.job_id == job_id, units.c.done_at.is_(None))
    values = {"done_at": func.now(), "end_frame": frames, "attempt_number": attempt_number}
    conn.execute(update(units).where(*mine, units.c.first_frame < frames).values(values))


def sound_done(conn: Connection, version_id: VersionId, attempt_number: int) -> None:
    """Record that the sound is published whole."""
    sound = (units.c.version_id == version_id, units.c.kind == TrackKind.AUDIO.value)
    conn.execute(update(units).where(*sound).values(done_at=func.now(), attempt_number=attempt_number))


def total_frames(conn: Connection, version_id: VersionId) -> int | None:
    """Return how long the film is if every unit is published, else None."""
    found = _locked(conn, version_id)
    if not found or any(row.done_at is None for row in found) or not is_sound_done(conn, version_id):
        return None
    return int(found[-1].end_frame)


def has_free(conn: Connection, version_id: VersionId) -> bool:
    """Return whether there is a unit that no running job has."""
    return any(_standing(row, None) is Standing.FREE for row in _rows(conn, version_id))


def is_cut(conn: Connection, version_id: VersionId) -> bool:
    """Return whether the film is cut."""
    return conn.execute(select(units.c.number).where(units.c.version_id == version_id)).first() is not None


def closing_attempts(conn: Connection, version_id: VersionId) -> frozenset[int]:
    """Return the attempts whose last bundles say how long the renditions are; empty if the film is not cut."""
    numbers = select(units.c.attempt_number).where(
        units.c.version_id == version_id, units.c.attempt_number.is_not(None)
    )
    return frozenset(conn.scalars(numbers))


def _picture(version_id: VersionId) -> tuple[Any, ...]:
    return units.c.version_id == version_id, units.c.kind == TrackKind.VIDEO.value


def _rows(conn: Connection, version_id: VersionId) -> Sequence[Row[Any]]:
    query = (
        select(units, jobs.c.state.label("job_state"))
        .outerjoin(jobs, jobs.c.id == units.c.job_id)
        .where(*_picture(version_id))
        .order_by(units.c.number)
    )
    return conn.execute(query).all()


def _locked(conn: Connection, version_id: VersionId) -> Sequence[Row[Any]]:
    """All of a version's at once, in one order: who chooses among them must see what the others have."""
    conn.execute(select(units.c.number).where(*_picture(version_id)).order_by(units.c.number).with_for_update())
    return _rows(conn, version_id)


def _standing(row: Row[Any], job_id: JobId | None) -> Standing:
    if row.done_at is not None:
        return Standing.DONE
    if job_id is not None and row.job_id == job_id:
        return Standing.MINE
    return Standing.BUSY if row.job_state == JobState.RUNNING.value else Standing.FREE


def _give(conn: Connection, row: Row[Any], job_id: JobId) -> None:
    this = (*_picture(row.version_id), units.c.number == row.number, units.c.done_at.is_(None))
    conn.execute(update(units).where(*this).values(job_id=job_id))
