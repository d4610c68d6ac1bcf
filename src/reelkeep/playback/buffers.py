"""Memory for segments, used again once nobody holds a view of what was in it.

Fresh memory of some megabytes costs as much as a tenth of all else that is done for a segment: each time it is cleared
first. Python does not resize a ``bytearray`` of which there is a view (PEP 3118), and so tells which are free.
"""

from __future__ import annotations

import threading
from typing import Final

UNIT_BYTES: Final = 256 << 10  # sizes are rounded up to it, so that one serves another; what is smaller is not kept


class Buffers:
    """Thread-safe.

    Args:
        most_bytes: as much is kept; what is more goes with its last view.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: list[bytearray] = []

    def take(self, length: int) -> memoryview:
        """Return a view of ``length`` bytes, of whatever was in them; let every view of it go to give them back."""
        if length < UNIT_BYTES:
            return memoryview(bytearray(length))
        with self._lock:
            for buffer in self._kept:
                if len(buffer) >= length and _is_free(buffer):
                    return memoryview(buffer)[:length]
            made = bytearray(-(-length // UNIT_BYTES) * UNIT_BYTES)
            if sum(map(len, self._kept)) + len(made) > self._most_bytes:
                self._let_go()
            if sum(map(len, self._kept)) + len(made) <= self._most_bytes:
                self._kept.append(made)
            return memoryview(made)[:length]

    def sweep(self) -> None:
        """Let go of what is free."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        self._kept = [buffer for buffer in self._kept if not _is_free(buffer)]


def _is_free(buffer: bytearray) -> bool:
    """Tell whether there is no view of a buffer. Taking a byte off and putting it back moves nothing."""
    try:
        buffer.append(buffer.pop())
    except BufferError:
        return False
    return True
