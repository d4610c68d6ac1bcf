"""The states of versions, uploads and jobs, as tables. Pure; no I/O.

A step that is not in its table raises and changes nothing. The diagram in docs/lifecycle.md is drawn from these tables.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeVar

from reelkeep.errors import Conflict

S = TypeVar("S", bound=enum.Enum)


class VersionState(enum.Enum):
    UPLOADING = "uploading"  # parts are on their way to the bucket
    STORED = "stored"  # the original is whole in the bucket, its size and checksum verified against the store
    PROCESSING = "processing"  # a job has probed it and is making the proxy
    PLAYABLE = "playable"  # the first segment is published, more follow
    READY = "ready"  # the proxy is complete
    FAILED = "failed"  # the proxy cannot be made; the original is untouched
    CANCELLED = "cancelled"  # somebody stopped the upload or the job; a stored original is untouched
    DELETED = "deleted"  # its proxy and keys are gone; a stored original waits in the bucket for whoever may purge it


class UploadState(enum.Enum):
    OPEN = "open"
    COMPLETED = "completed"
    ABORTED = "aborted"


class JobState(enum.Enum):
    WAITING = "waiting"
    RUNNING = "running"  # leased; a lease that runs out is taken up by another process
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_V = VersionState
VERSION_STEPS: Final[Mapping[VersionState, frozenset[VersionState]]] = {
    _V.UPLOADING: frozenset({_V.STORED, _V.FAILED, _V.CANCELLED}),
    _V.STORED: frozenset({_V.PROCESSING, _V.FAILED, _V.CANCELLED}),
    _V.PROCESSING: frozenset({_V.PLAYABLE, _V.READY, _V.FAILED, _V.CANCELLED}),
    _V.PLAYABLE: frozenset({_V.READY, _V.FAILED, _V.CANCELLED}),
    _V.READY: frozenset({_V.STORED, _V.DELETED}),  # stored: its proxy is made anew
    _V.FAILED: frozenset({_V.STORED, _V.DELETED}),  # tried again by hand
    _V.CANCELLED: frozenset({_V.STORED, _V.DELETED}),
    _V.DELETED: frozenset({_V.STORED}),  # brought back, while its original is there
}

_U = UploadState
UPLOAD_STEPS: Final[Mapping[UploadState, frozenset[UploadState]]] = {
    _U.OPEN: frozenset({_U.COMPLETED, _U.ABORTED}),
    _U.COMPLETED: frozenset(),
    _U.ABORTED: frozenset(),
}

_J = JobState
JOB_STEPS: Final[Mapping[JobState, frozenset[JobState]]] = {
    _J.WAITING: frozenset({_J.RUNNING, _J.CANCELLED}),
    _J.RUNNING: frozenset({_J.WAITING, _J.RUNNING, _J.DONE, _J.FAILED, _J.CANCELLED}),
    _J.DONE: frozenset(),
    _J.FAILED: frozenset(),
    _J.CANCELLED: frozenset(),
}


def step(steps: Mapping[S, frozenset[S]], old: S, new: S) -> S:
    """Return ``new`` if the table allows the step from ``old``; raise Conflict otherwise.

    >>> step(VERSION_STEPS, VersionState.UPLOADING, VersionState.STORED)
    <VersionState.STORED: 'stored'>
    """
    if new not in steps[old]:
        raise Conflict(f"this is {old.value} and cannot become {new.value}")
    return new
