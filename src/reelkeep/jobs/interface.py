"""Jobs as other parts see them: kinds, the row, and the bell that wakes a runner. Pure; no I/O."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from reelkeep.ids import JobId, VersionId


class JobKind(enum.Enum):
    TRANSCODE = "transcode"
    SWEEP = "sweep"  # aborts uploads nobody will finish, deletes proxies of attempts nobody will use


@dataclass(frozen=True)
class Job:
    id: JobId
    kind: JobKind
    version_id: VersionId | None
    attempts: int  # this one included


class Doorbell(Protocol):
    def ring(self, kind: JobKind) -> None:
        """Tell the runners that a job is due. A ring may be lost: the sweep finds the row within a minute."""
