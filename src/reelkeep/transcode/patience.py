"""Waiting for a store or a database that is away: back off inside the job first, give the job back later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from reelkeep.errors import DependencyError
from reelkeep.jobs.interface import Hold

T = TypeVar("T")
PATIENCE_SECONDS: Final = 90.0  # a store that restarts or throttles for a minute costs no attempt
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 10.0


def patiently(action: Callable[[], T], hold: Hold, *, seconds: float = PATIENCE_SECONDS) -> T:
    """Return what ``action`` returns, tried again with growing waits while it raises DependencyError.

    Raises:
        DependencyError: the part was still away after ``seconds``; the caller gives the job back.
        JobCancelled, LeaseLost: the job had to be let go while waiting.
    """
    give_up = time.monotonic() + seconds
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return action()
        except DependencyError:
            if time.monotonic() + wait > give_up:
                raise
        hold.wait(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
