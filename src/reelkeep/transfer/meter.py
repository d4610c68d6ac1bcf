"""Counts bytes and tells how fast they go and how long the rest will take. Thread-safe."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from reelkeep.transfer.interface import OnProgress, Progress

WINDOW_SECONDS: Final = 10.0
REPORT_SECONDS: Final = 0.1


class Meter:
    """Args:
    done_bytes: what need not be sent any more; it does not count for the rate.
    whole: the meter of everything that is under way, which counts these bytes too.
    """

    def __init__(
        self,
        total_bytes: int,
        on_progress: OnProgress | None,
        *,
        done_bytes: int = 0,
        whole: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._done = total_bytes, done_bytes
        self._on_progress, self._clock = on_progress, clock
        self._whole = whole
        self._lock = threading.Lock()
        if whole is not None and done_bytes:
            whole.add(done_bytes)
        self._marks: deque[tuple[float, int]] = deque([(clock(), done_bytes)])
        self._reported = float("-inf")

    def add(self, count: int) -> None:
        """Count bytes; a negative number takes back those of a try that failed."""
        if self._whole is not None:
            self._whole.add(count)
        with self._lock:
            self._done += count
            now = self._clock()
            if now - self._reported < REPORT_SECONDS and self._done < self._total:
                return
            self._reported = now
            self._marks.append((now, self._done))
            while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW_SECONDS:
                self._marks.popleft()
            progress = self._progress()
        if self._on_progress is not None:
            self._on_progress(progress)

    def _progress(self) -> Progress:
        (since, before), (now, done) = self._marks[0], self._marks[-1]
        rate = max(0.0, (done - before) / (now - since)) if now > since else 0.0
        left = self._total - done
        return Progress(done, self._total, rate, left / rate if rate else None)
