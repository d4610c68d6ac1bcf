"""What one kind of job does: the work itself, and what its end means for the records it worked on. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from reelkeep.catalog.lifecycle import JobState
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import ReelkeepError
from reelkeep.jobs.interface import Hold, Job


@dataclass(frozen=True)
class Handler:
    """One kind of job.

    Args:
        work: does it. Returns when everything but the end is recorded; raises an error of the tree otherwise.
        ended: called in the transaction that ends the job (done, failed or cancelled), never for a retry.
    """

    work: Callable[[CompanyHandle, Job, Hold], None]
    ended: Callable[[Connection, Job, JobState, ReelkeepError | None], None]
