"""Holds a transfer back to a number of bytes a second, and ends its waiting when it is to stop. Thread-safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from reelkeep.errors import DependencyError

STEP_BYTES: Final = 1 << 20
MIN_STEP_BYTES: Final = 4 << 10
STEPS_A_SECOND: Final = 8  # with a limit: small steps, so that the line is used evenly


class Stopped(DependencyError):
    """The transfer was told to stop."""


class Pace:
    """The rate that all transfers of one command share.

    Args:
        bytes_per_second: at most, over all of them; None for as fast as it goes.
        clock: the wall's; another in tests.
    """

    def __init__(self, bytes_per_second: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = bytes_per_second, clock
        self._lock = threading.Lock()
        self._free_at = 0.0

    @property
    def step_bytes(self) -> int:
        """How much to send or take at once."""
        if self._rate is None:
            return STEP_BYTES
        return max(MIN_STEP_BYTES, min(STEP_BYTES, self._rate // STEPS_A_SECOND))

    def take(self, count: int, stop: threading.Event) -> None:
        """Wait until ``count`` more bytes may go; raise Stopped at once when ``stop`` is set."""
        if self._rate is not None:
            stop.wait(self._book(count, self._rate))
        if stop.is_set():
            raise Stopped("the transfer was stopped")

    def _book(self, count: int, rate: int) -> float:
        with self._lock:
            now = self._clock()
            begins = max(now, self._free_at)
            self._free_at = begins + count / rate
            return begins - now
