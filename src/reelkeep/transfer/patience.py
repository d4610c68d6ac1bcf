"""How long and how often to try again: exponential back-off with full jitter, bounded by time without success.

Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015 (full jitter).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from reelkeep.errors import DependencyError

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 10.0
GIVE_UP_SECONDS: Final = 300.0  # a store that is away for a minute must not end an upload

T = TypeVar("T")


class Patience:
    """One try after the other at one thing.

    Args:
        give_up_seconds: counted from the first failure.
        sleep, clock: the wall's; others in tests.
    """

    def __init__(
        self,
        give_up_seconds: float = GIVE_UP_SECONDS,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._give_up_seconds = give_up_seconds
        self._sleep, self._clock = sleep, clock
        self._failed_since: float | None = None
        self._failures = 0

    def wait(self, problem: DependencyError) -> None:
        """Wait before the next try; raise ``problem`` once patience is at its end."""
        now = self._clock()
        if self._failed_since is None:
            self._failed_since = now
        if now - self._failed_since >= self._give_up_seconds:
            raise problem
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self._sleep(random.uniform(0, longest))  # noqa: S311  # jitter, no secret

    def call(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; it is tried again while it raises DependencyError."""
        while True:
            try:
                return work()
            except DependencyError as problem:
                self.wait(problem)
