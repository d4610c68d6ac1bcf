"""A few things that were looked up a moment ago. No I/O; belongs to one event loop."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps what was put in for some seconds, whether it is used or not.

    Args:
        seconds: how long.
        max_entries: over it, what was put in first goes first.
    """

    def __init__(self, seconds: float, max_entries: int) -> None:
        self._seconds, self._max_entries = seconds, max_entries
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return what was put in, if that is not too long ago."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if time.monotonic() >= entry[0]:
            del self._entries[key]
            return None
        return entry[1]

    def put(self, key: K, value: V) -> None:
        self.sweep()
        self._entries.pop(key, None)
        self._entries[key] = time.monotonic() + self._seconds, value
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def sweep(self) -> None:
        """Let go of what was put in too long ago."""
        now = time.monotonic()
        while self._entries and next(iter(self._entries.values()))[0] <= now:  # put in first, over first
            self._entries.popitem(last=False)

    def clear(self) -> None:
        self._entries.clear()
