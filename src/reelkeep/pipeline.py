"""The flow on one screen: which event asks for which job, and who does it.

upload completed     ingest.uploads        version: uploading -> stored, and the job's row, in one transaction
job claimed          runner.work           a fresh process per job; a lease, a heartbeat
probed               transcode.job         version: stored -> processing
segment in bucket    transcode.publisher   version: processing -> playable, with the first segment of the step rung
long film cut        transcode.shares      jobs that assist: each takes units of the film that nobody has
all published        transcode.job         version: -> ready, in the transaction that ends the job
an hour has passed   jobs.schedule         a sweep: uploads nobody finishes, sessions that ended, and cleaning jobs
dead attempts        transcode.leftovers   a job for each version: proxy objects that no row names are deleted
segment asked for    playback.segments     read from the bucket, unsealed, kept for six hours at most
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from reelkeep.catalog import login_sessions
from reelkeep.companies.handle import CompanyHandle
from reelkeep.ingest import abandoned
from reelkeep.isolation.sandbox import Limits
from reelkeep.jobs import schedule
from reelkeep.jobs.handling import Handler
from reelkeep.jobs.interface import Hold, Job, JobKind
from reelkeep.jobs.transactions import transaction
from reelkeep.media import MediaLimits
from reelkeep.playback import sessions
from reelkeep.transcode import job as transcode
from reelkeep.transcode import leftovers
from reelkeep.transcode.carrier import Codec


class Event(enum.Enum):
    """What happens to a version and asks for work."""

    STORED = "version.stored"


JOBS_AFTER: Final[Mapping[Event, tuple[JobKind, ...]]] = {Event.STORED: (JobKind.TRANSCODE,)}


def handlers(
    start_codec: Callable[[Limits], AbstractContextManager[Codec]],
    limits: MediaLimits | None = None,
    prepare_codec: Callable[[Limits], None] = lambda _: None,
) -> Mapping[JobKind, Handler]:
    """Return who does which kind of job in a job process.

    Args:
        start_codec: starts the sandboxed codec; from ``isolation.builder``.
        limits: what an original may ask for; the defaults if none are given.
        prepare_codec: has one started that ``start_codec`` will return, and does not wait for it.
    """
    wanted = limits or MediaLimits()
    codec = Limits(data_bytes=wanted.max_codec_bytes)
    making = transcode.handler(partial(start_codec, codec), wanted, prepare=partial(prepare_codec, codec))
    return {
        JobKind.TRANSCODE: making,
        JobKind.ASSIST: making,
        JobKind.SWEEP: Handler(sweep, lambda *_: None),
        JobKind.CLEAN: leftovers.handler(),
    }


def sweep(company: CompanyHandle, job: Job, hold: Hold) -> None:
    """End what nobody will finish, once an hour: first what only the database knows, then at the company's buckets."""
    with transaction(company.engine) as conn:
        sessions.forget_ended(conn)
        login_sessions.forget_ended(conn)
        schedule.forget_finished(conn)
    leftovers.ask_for_cleaning(company)
    abandoned.sweep(company, job, hold)
