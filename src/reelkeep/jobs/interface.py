"""Jobs as other parts see them: kinds, the row, the bell that wakes a runner, how work learns to stop. Pure; no I/O."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reelkeep.errors import Conflict
from reelkeep.ids import JobId, VersionId


class JobKind(enum.Enum):
    TRANSCODE = "transcode"
    ASSIST = "assist"  # makes units of a long film whose transcode job is at work
    SWEEP = "sweep"  # of the company, without a version: what nobody will finish, by the hour
    CLEAN = "clean"  # a version's proxy objects that no row names


@dataclass(frozen=True)
class Job:
    id: JobId
    kind: JobKind
    version_id: VersionId | None
    attempts: int  # this one included


class JobCancelled(Conflict):
    """Somebody cancelled this job."""


class LeaseLost(Conflict):
    """Another process has taken this job up; whatever this one still wants to write is refused."""


class ShuttingDown(Conflict):
    """This process was told to end; another one goes on with the job."""


class Doorbell(Protocol):
    def ring(self, kind: JobKind) -> None:
        """Tell the runners that a job is due. A ring may be lost: the sweep finds the row within a minute."""


class Hold(Protocol):
    """A handler's hold on its job: the name it is leased under, and the news that it has to let go."""

    @property
    def worker(self) -> str:
        """Return the name in ``jobs.leased_by``, with which every write of the job is fenced."""

    def check(self) -> None:
        """Return if the work may go on; raise JobCancelled, LeaseLost or ShuttingDown if not."""

    def wait(self, seconds: float) -> None:
        """Sleep, at most ``seconds``; raise as ``check`` does as soon as the job has to be let go."""

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call back, from another thread, when the job has to be let go: it wakes a blocked handler."""
