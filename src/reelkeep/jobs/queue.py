"""The queue of one company: claim, renew, finish and retry job rows, with PostgreSQL as the only coordinator.

A claim is a lease: ``FOR UPDATE SKIP LOCKED`` picks the row, ``leased_until`` keeps others away, and a lease that has
run out, or whose holder's connection is gone (``presence``), is claimed again by whoever comes next: a killed job
process needs no cleaner. Every later write names the worker of the lease, so a process that was asleep while its lease
ran out, or that lost its connection, changes nothing.

Every function works inside the caller's transaction and commits nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql

from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.lifecycle import JOB_STEPS, JobState, step
from reelkeep.catalog.tables import jobs, versions
from reelkeep.errors import NotFound
from reelkeep.ids import ConnectionId, JobId, VersionId, new_id
from reelkeep.jobs.interface import Job, JobKind, LeaseLost
from reelkeep.jobs.presence import holder_is_gone

LEASE: Final = timedelta(seconds=30)
MAX_ATTEMPTS: Final = 5
PARKED: Final = timedelta(minutes=15)  # between looks whether a connection is in use again, if nobody says so
BACK_OFF: Final = (timedelta(seconds=10), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))

_CLAIMABLE = and_(
    jobs.c.kind.in_([kind.value for kind in JobKind]),  # a newer release's kinds are left to its processes
    or_(
        and_(jobs.c.state == JobState.WAITING.value, jobs.c.due_at <= func.now()),
        and_(jobs.c.state == JobState.RUNNING.value, or_(jobs.c.leased_until < func.now(), holder_is_gone())),
    ),
)
_WAITING = jobs.c.state == JobState.WAITING.value
_OF_VERSION = (JobKind.TRANSCODE.value, JobKind.ASSIST.value)  # whose end a version's people see
_UNFINISHED = jobs.c.state.in_((JobState.WAITING.value, JobState.RUNNING.value))


_HELPS = jobs.c.kind == JobKind.ASSIST.value


def back_off(attempts: int) -> timedelta | None:
    """Return how long to wait after the given number of attempts, or None if no further one is allowed.

    >>> back_off(1).total_seconds(), back_off(MAX_ATTEMPTS)
    (10.0, None)
    """
    return BACK_OFF[attempts - 1] if attempts < MAX_ATTEMPTS else None


def enqueue(conn: Connection, kind: JobKind, version_id: VersionId | None) -> JobId:
    """Add a job that is due at once, in the transaction of the event that asks for it. Ring the doorbell after it.

    A version has at most one unfinished job of a kind: if there is one, its id is returned and nothing is added.
    """
    same = and_(jobs.c.kind == kind.value, jobs.c.version_id == version_id, _UNFINISHED)
    if version_id is not None and (standing := conn.scalar(select(jobs.c.id).where(same))) is not None:
        return JobId(standing)
    job_id = JobId(new_id())
    conn.execute(insert(jobs).values(id=job_id, kind=kind.value, version_id=version_id, state=JobState.WAITING.value))
    return job_id


def enqueue_many(conn: Connection, kind: JobKind, version_ids: Sequence[VersionId]) -> None:
    """Do as ``enqueue`` for many versions, in two statements."""
    same = jobs.c.kind == kind.value, jobs.c.version_id.in_(version_ids), _UNFINISHED
    standing = set(conn.scalars(select(jobs.c.version_id).where(*same)))
    rows = [
        {"id": JobId(new_id()), "kind": kind.value, "version_id": version_id, "state": JobState.WAITING.value}
        for version_id in version_ids
        if version_id not in standing
    ]
    add_rows(conn, jobs, rows)


def ask_for_help(conn: Connection, version_id: VersionId) -> bool:
    """Add a job that helps with a version, unless one waits already; return whether it was added."""
    waiting = select(jobs.c.id).where(_HELPS, jobs.c.version_id == version_id, _WAITING)
    if conn.execute(waiting).first() is not None:
        return False
    row = {"id": JobId(new_id()), "kind": JobKind.ASSIST.value, "state": JobState.WAITING.value}
    conn.execute(insert(jobs).values(version_id=version_id, **row))
    return True


def withdraw_help(conn: Connection, version_id: VersionId) -> None:
    """Cancel the help that waits: there is nothing left to help with. One that somebody claims just now finds that."""
    waiting = select(jobs).where(_HELPS, jobs.c.version_id == version_id, _WAITING)
    for row in conn.execute(waiting.with_for_update(skip_locked=True)):
        _step(conn, row, JobState.CANCELLED, finished_at=func.now())


def others_wait(conn: Connection) -> bool:
    """Return whether a film of which there is nothing yet is due."""
    first = (jobs.c.kind == JobKind.TRANSCODE.value, _WAITING, jobs.c.due_at <= func.now())
    return conn.execute(select(jobs.c.id).where(*first).limit(1)).first() is not None


def is_worked_on(conn: Connection, version_id: VersionId) -> bool:
    """Return whether a job that makes this version's proxy has not ended yet."""
    ours = (jobs.c.version_id == version_id, jobs.c.kind.in_(_OF_VERSION), _UNFINISHED)
    return conn.execute(select(jobs.c.id).where(*ours).limit(1)).first() is not None


def was_done_since(conn: Connection, kind: JobKind, version_id: VersionId, since: datetime) -> bool:
    """Return whether a job of this kind that was asked for at ``since`` or later is done."""
    done = (jobs.c.kind == kind.value, jobs.c.version_id == version_id, jobs.c.state == JobState.DONE.value)
    return conn.execute(select(jobs.c.id).where(*done, jobs.c.created_at >= since).limit(1)).first() is not None


def any_is_due(conn: Connection) -> bool:
    """Return whether a job could be claimed now."""
    return conn.execute(select(jobs.c.id).where(_CLAIMABLE).limit(1)).first() is not None


def due_kinds_query() -> str:
    """Return the SQL that names the kinds of which a job could be claimed now: what the supervisor's sweep asks."""
    query = select(jobs.c.kind).distinct().where(_CLAIMABLE)
    return str(query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]


def claim(conn: Connection, worker: str) -> Job | None:
    """Lease the job that has been due longest to ``worker``; None if there is none that nobody else is looking at.

    Helping comes last: a film of which there is nothing yet goes before more of one that can be played.

    Call it on the connection of the worker's ``Presence``; without one the lease is anybody's at once.

    The attempt is counted here. A job that was claimed more often than ``MAX_ATTEMPTS`` is returned too: the caller
    ends it, because only the caller can say so on the version.
    """
    row = conn.execute(
        select(jobs).where(_CLAIMABLE).order_by(_HELPS, jobs.c.due_at).limit(1).with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    _step(conn, row, JobState.RUNNING, leased_by=worker, leased_until=func.now() + LEASE, attempts=row.attempts + 1)
    return Job(JobId(row.id), JobKind(row.kind), row.version_id, row.attempts + 1)


def renew(conn: Connection, job_id: JobId, worker: str) -> bool:
    """Extend the lease by 30 seconds from now and return whether somebody asked to cancel the job.

    Raises:
        LeaseLost: the lease is another's, or the job has ended; nothing was changed.
    """
    row = _held(conn, job_id, worker)
    conn.execute(update(jobs).where(jobs.c.id == job_id).values(leased_until=func.now() + LEASE))
    return row.cancel_requested_at is not None


def hold(conn: Connection, job_id: JobId, worker: str) -> None:
    """Fence a transaction: until it ends nobody can take the job over. Raise LeaseLost if somebody has.

    The lock is a share: the publishers of one job do not wait for each other.
    """
    mine = select(jobs.c.id).where(
        jobs.c.id == job_id, jobs.c.leased_by == worker, jobs.c.state == JobState.RUNNING.value
    )
    if conn.execute(mine.with_for_update(read=True)).one_or_none() is None:
        raise LeaseLost


def progressed(conn: Connection, job_id: JobId, worker: str) -> None:
    """Forget earlier attempts: this one got further, so the limit counts from here. A lost lease changes nothing."""
    mine = (jobs.c.id == job_id, jobs.c.leased_by == worker, jobs.c.attempts > 1)
    conn.execute(update(jobs).where(*mine).values(attempts=1))


def attempts(conn: Connection, job_id: JobId) -> int:
    """Return how many attempts count against the limit, the present one included."""
    return conn.scalar(select(jobs.c.attempts).where(jobs.c.id == job_id)) or 0


def finish(conn: Connection, job_id: JobId, worker: str, state: JobState, problem: str | None = None) -> None:
    """End a leased job as done, failed or cancelled; raise LeaseLost (nothing changed) if it is not leased to us."""
    row = _held(conn, job_id, worker)
    _step(conn, row, state, leased_by=None, leased_until=None, last_problem=problem, finished_at=func.now())


def retry_later(conn: Connection, job_id: JobId, worker: str, problem: str, delay: timedelta) -> None:
    """Give a leased job back, due after ``delay``; raise LeaseLost (nothing changed) if it is not leased to us."""
    row = _held(conn, job_id, worker)
    values = {"leased_by": None, "leased_until": None, "last_problem": problem, "due_at": func.now() + delay}
    _step(conn, row, JobState.WAITING, **values)


def give_back(conn: Connection, job_id: JobId, worker: str) -> None:
    """Give a leased job back, due at once and without counting the attempt; raise LeaseLost if it is not ours."""
    row = _held(conn, job_id, worker)
    values = {"leased_by": None, "leased_until": None, "due_at": func.now(), "attempts": max(0, row.attempts - 1)}
    _step(conn, row, JobState.WAITING, **values)


def park(conn: Connection, job_id: JobId, worker: str, connection_id: ConnectionId, problem: str) -> None:
    """Give a leased job back until its storage connection is in use again; the attempt is not counted.

    What else waits for the same connection is put off with it, so that not each of them starts a process to find out.

    Raises:
        LeaseLost: the job is not leased to us; nothing was changed.
    """
    row = _held(conn, job_id, worker)
    values = {"leased_by": None, "leased_until": None, "last_problem": problem, "attempts": max(0, row.attempts - 1)}
    _step(conn, row, JobState.WAITING, due_at=func.now() + PARKED, **values)
    others = (_WAITING, _lies_at(connection_id), jobs.c.due_at < func.now() + PARKED)
    conn.execute(update(jobs).where(*others).values(due_at=func.now() + PARKED))


def unpark(conn: Connection, connection_id: ConnectionId | None) -> list[JobKind]:
    """Make whatever waits for a connection due at once: it is in use again. Ring for the kinds that are returned.

    Args:
        connection_id: None: whatever waits for any, since the company key opens again.
    """
    where = [_WAITING] if connection_id is None else [_WAITING, _lies_at(connection_id)]
    waiting = update(jobs).where(*where).values(due_at=func.now()).returning(jobs.c.kind)
    found = set(conn.scalars(waiting))
    return [kind for kind in JobKind if kind.value in found]


def connection_of(conn: Connection, job: Job) -> ConnectionId | None:
    """Return where the version of a job lies; None for a job without one."""
    if job.version_id is None:
        return None
    found = conn.scalar(select(versions.c.connection_id).where(versions.c.id == job.version_id))
    return ConnectionId(found) if found is not None else None


def _lies_at(connection_id: ConnectionId) -> ColumnElement[bool]:
    return jobs.c.version_id.in_(select(versions.c.id).where(versions.c.connection_id == connection_id))


def request_cancel(conn: Connection, version_id: VersionId, *, skip_locked: bool = False) -> JobState | None:
    """Cancel the unfinished jobs that make a version's proxy; others change nothing that its people see.

    Args:
        skip_locked: leave alone what somebody writes just now; for a job that ends and takes its helpers with it.

    Returns:
        CANCELLED: the job was waiting and has ended; the caller moves the version.
        RUNNING: its process learns it within seconds, and moves the version itself.
        None: there was nothing to cancel.
    """
    state = None
    ours = (jobs.c.version_id == version_id, jobs.c.kind.in_(_OF_VERSION), _UNFINISHED)
    for row in conn.execute(select(jobs).where(*ours).with_for_update(skip_locked=skip_locked)):
        if row.state == JobState.WAITING.value:
            _step(conn, row, JobState.CANCELLED, finished_at=func.now(), cancel_requested_at=func.now())
            state = state or JobState.CANCELLED
        else:
            conn.execute(update(jobs).where(jobs.c.id == row.id).values(cancel_requested_at=func.now()))
            state = JobState.RUNNING
    return state


def _held(conn: Connection, job_id: JobId, worker: str) -> Row[Any]:
    row = conn.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    if row.leased_by != worker or row.state != JobState.RUNNING.value:
        raise LeaseLost
    return row


def _step(conn: Connection, row: Row[Any], new: JobState, **values: object) -> None:
    state = step(JOB_STEPS, JobState(row.state), new)
    conn.execute(update(jobs).where(jobs.c.id == row.id).values(state=state.value, **values))
