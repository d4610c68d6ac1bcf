"""One job of one company: claim a row, do it under a heartbeat, and record how it ended."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from reelkeep.catalog.lifecycle import JobState
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import DependencyError, ReelkeepError, StorageSetupError, StorageStopped
from reelkeep.ids import ConnectionId, new_id
from reelkeep.jobs import queue
from reelkeep.jobs.handling import Handler
from reelkeep.jobs.interface import Hold, Job, JobCancelled, JobKind, LeaseLost, ShuttingDown
from reelkeep.jobs.presence import Presence
from reelkeep.jobs.transactions import transaction
from reelkeep.runner.heartbeat import HEARTBEAT_SECONDS, Heartbeat
from reelkeep.runner.shutdown import Shutdown


class Outcome(enum.Enum):
    """How a job process ended; the value is its exit code, which the supervisor reads."""

    WORKED = 0
    DIED = 1
    NOTHING = 3
    MORE = 4  # worked, and another job is due


class GaveUp(DependencyError):
    """The work was taken up five times and ended each time before it was done."""

    default_advice = "Press retry; if it happens again, tell the operator of this installation."


TOO_MANY_ATTEMPTS: Final = GaveUp()


def work_once(
    company: CompanyHandle,
    handlers: Mapping[JobKind, Handler],
    *,
    shutdown: Shutdown | None = None,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> Outcome:
    """Claim the company's next due job and do it.

    Args:
        shutdown: when it is said, the job is given back at once.

    Returns:
        WORKED: a job was claimed and its end, or its retry, is recorded.
        NOTHING: no job was due.
        DIED: the lease was lost to another process, which carries on.

    Raises:
        DependencyError: the database is away; the lease runs out by itself and the job is claimed again.
    """
    shutdown = shutdown or Shutdown()
    with Presence(company.engine, new_id()) as presence:
        with presence.transaction() as conn:
            job = None if shutdown.said else queue.claim(conn, presence.worker)
        if job is None:
            return Outcome.NOTHING
        try:
            with Heartbeat(presence, job.id, shutdown, seconds=heartbeat_seconds) as hold:
                error = _attempt(company, handlers[job.kind], job, hold)
                _record(company, handlers[job.kind], job, hold, error)
        except LeaseLost:
            return Outcome.DIED
    return Outcome.WORKED


def with_next(company: CompanyHandle, outcome: Outcome) -> Outcome:
    """Return MORE in place of WORKED if another job is due now.

    What is added after this look brings a ring of its own.

    Raises:
        DependencyError: the database is away.
    """
    if outcome is not Outcome.WORKED:
        return outcome
    with transaction(company.engine) as conn:
        return Outcome.MORE if queue.any_is_due(conn) else outcome


def _stopped(
    company: CompanyHandle, job: Job, error: ReelkeepError | None
) -> tuple[ConnectionId, StorageStopped] | None:
    """Return why the job cannot be done now if its storage connection is not in use, or turns out to refuse us."""
    with transaction(company.engine) as conn:
        connection_id = queue.connection_of(conn, job)
    if connection_id is None:
        return None
    why: StorageStopped | None = error if isinstance(error, StorageStopped) else None
    try:
        company.storage.connection(connection_id)
    except StorageStopped as stopped:
        why = stopped
    if why is None and isinstance(error, StorageSetupError) and company.lookout is not None:
        why = company.lookout.refuses(connection_id)
    return (connection_id, why) if why is not None else None


def _attempt(company: CompanyHandle, handler: Handler, job: Job, hold: Hold) -> ReelkeepError | None:
    if job.attempts > queue.MAX_ATTEMPTS:
        return TOO_MANY_ATTEMPTS
    try:
        hold.check()
        if (stopped := _stopped(company, job, None)) is not None:
            return stopped[1]
        handler.work(company, job, hold)
    except ReelkeepError as error:
        return error
    return None


def _record(company: CompanyHandle, handler: Handler, job: Job, hold: Hold, error: ReelkeepError | None) -> None:
    problem = error.message if error else None
    stopped = _stopped(company, job, error) if isinstance(error, StorageSetupError | DependencyError) else None
    with transaction(company.engine) as conn:
        if isinstance(error, ShuttingDown):
            queue.give_back(conn, job.id, hold.worker)
            return
        if stopped is not None:
            queue.park(conn, job.id, hold.worker, stopped[0], stopped[1].message)
            return
        delay = queue.back_off(queue.attempts(conn, job.id)) if isinstance(error, DependencyError) else None
        if delay is not None:
            queue.retry_later(conn, job.id, hold.worker, problem or "", delay)
            return
        if isinstance(error, DependencyError):
            error = GaveUp(problem)
        state = _state_after(error)
        queue.finish(conn, job.id, hold.worker, state, problem)
        handler.ended(conn, job, state, error)


def _state_after(error: ReelkeepError | None) -> JobState:
    if error is None:
        return JobState.DONE
    return JobState.CANCELLED if isinstance(error, JobCancelled) else JobState.FAILED
