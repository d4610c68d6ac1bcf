"""DRM-encrypted segments in memory files, each with a deadline that use does not extend (H11).

Every entry is a memfd of its own: never on a disk, and its pages return to the kernel the moment it is closed, which
heap memory does not promise. It is mapped for reading, so that a segment is sent without being copied first. What is
kept is what the player gets: still encrypted for it, no longer sealed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reelkeep.ids import VersionId

MAX_LIFETIME_SECONDS: Final = 6 * 3600.0  # promise H11: at most six hours from the moment of the fetch

SegmentName = tuple[VersionId, int, str, int]  # version, its proxy, rendition, number: never replaced
Clock = Callable[[], float]


def boot_clock() -> float:
    """Return seconds since boot, the time in suspend included: a sleeping machine must not stretch a deadline."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class _Entry:
    memory: mmap.mmap
    deadline: float


class SegmentCache:
    """Not thread-safe: used from the event loop alone.

    Args:
        max_bytes: over it, the entries used longest ago go first.
        max_entries: bounds open descriptors, one for each entry.
        lifetime_seconds: from the fetch to the end; at most six hours.
        clock: seconds on a clock that only goes forward.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        max_entries: int = 512,
        lifetime_seconds: float = MAX_LIFETIME_SECONDS,
        clock: Clock = boot_clock,
    ) -> None:
        if not 0 < lifetime_seconds <= MAX_LIFETIME_SECONDS:
            raise ValueError("a cached segment lives at most six hours")
        self._max_bytes, self._max_entries = max_bytes, max_entries
        self._lifetime_seconds, self.clock = lifetime_seconds, clock
        self._entries: OrderedDict[SegmentName, _Entry] = OrderedDict()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: SegmentName) -> bool:
        entry = self._entries.get(name)
        return entry is not None and self.clock() < entry.deadline

    def get(self, name: SegmentName) -> memoryview | None:
        """Return a segment that is here and not past its deadline; one past it is dropped, swept or not.

        It is a view of the memory file, which lives on until the view is let go.
        """
        entry = self._entries.get(name)
        if entry is None:
            return None
        if self.clock() >= entry.deadline:
            self._drop(name)
            return None
        self._entries.move_to_end(name)
        return memoryview(entry.memory)

    def put(self, name: SegmentName, segment: bytes | memoryview, *, fetched_at: float) -> None:
        """Keep a segment until its lifetime after ``fetched_at`` ends. A name that is here keeps its first deadline."""
        deadline = fetched_at + self._lifetime_seconds
        if name in self._entries or not 0 < len(segment) <= self._max_bytes or self.clock() >= deadline:
            return
        while self._entries and (
            self._size_bytes + len(segment) > self._max_bytes or len(self._entries) >= self._max_entries
        ):
            self._drop(next(iter(self._entries)))
        self._entries[name] = _Entry(_memory_file(segment), deadline)
        self._size_bytes += len(segment)

    def sweep(self) -> int:
        """Drop every entry past its deadline; return how many there were."""
        now = self.clock()
        over = [name for name, entry in self._entries.items() if now >= entry.deadline]
        for name in over:
            self._drop(name)
        return len(over)

    def seconds_to_next_deadline(self) -> float | None:
        """Return how long until the next entry must go, or None if nothing is kept."""
        deadlines = [entry.deadline for entry in self._entries.values()]
        return max(0.0, min(deadlines) - self.clock()) if deadlines else None

    def clear(self) -> None:
        """Drop everything."""
        for name in list(self._entries):
            self._drop(name)

    def _drop(self, name: SegmentName) -> None:
        entry = self._entries.pop(name)
        self._size_bytes -= len(entry.memory)
        with contextlib.suppress(BufferError):  # it is being sent: it goes with the last view of it
            entry.memory.close()


def _memory_file(content: bytes | memoryview) -> mmap.mmap:
    descriptor = os.memfd_create("segment", os.MFD_CLOEXEC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        return mmap.mmap(descriptor, len(content), mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ)
    finally:
        os.close(descriptor)  # the mapping has a descriptor of its own
