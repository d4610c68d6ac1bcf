"""Looks into the memory of other processes; root only."""

from __future__ import annotations

import re

_CHUNK_BYTES = 1 << 20


def holds(pid: int, needle: bytes) -> bool:
    """Tell whether a process's readable memory contains ``needle``."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found is None or "[v" in line:
                continue
            start, end = (int(part, 16) for part in found.groups())
            if _in_range(memory, start, end, needle):
                return True
    return False


def _in_range(memory: object, start: int, end: int, needle: bytes) -> bool:
    tail, position = b"", start
    while position < end:
        try:
            memory.seek(position)  # type: ignore[attr-defined]
            chunk = memory.read(min(_CHUNK_BYTES, end - position))  # type: ignore[attr-defined]
        except OSError:
            return False
        if not chunk:
            return False
        if needle in tail + chunk:
            return True
        tail, position = chunk[-len(needle) :], position + len(chunk)
    return False
