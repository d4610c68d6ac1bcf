"""Reads ISO base media boxes in tests: what was written is looked at with other eyes than the writer's."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

CONTAINERS = {"moov", "trak", "edts", "mdia", "minf", "stbl", "mvex", "moof", "traf", "sinf", "schi", "dinf"}
ENTRY_BYTES = {"stsd": 16, "avc1": 86, "encv": 86, "mp4a": 36, "enca": 36}  # before the boxes inside


@dataclass(frozen=True)
class Box:
    path: str
    start: int
    data: bytes  # with the header


def walk(data: bytes, start: int = 0, end: int | None = None, path: str = "") -> Iterator[Box]:
    """Yield every box, the outer before the inner ones."""
    end = len(data) if end is None else end
    while start < end:
        (size,) = struct.unpack_from(">I", data, start)
        assert size >= 8, (path, start, size)
        assert start + size <= end, (path, start, size)
        name = data[start + 4 : start + 8].decode("latin-1")
        yield Box(f"{path}/{name}", start, data[start : start + size])
        if name in CONTAINERS or name in ENTRY_BYTES:
            yield from walk(data, start + ENTRY_BYTES.get(name, 8), start + size, f"{path}/{name}")
        start += size


def find(data: bytes, ending: str) -> list[Box]:
    return [each for each in walk(data) if each.path.endswith("/" + ending)]


def one(data: bytes, ending: str) -> bytes:
    """Return the only such box, without its header."""
    (found,) = find(data, ending)
    return found.data[8:]


def payload(file: bytes) -> bytes:
    """Return the bytes of all mdat boxes, joined."""
    return b"".join(each.data[8:] for each in find(file, "mdat"))


def subsamples(file: bytes) -> list[list[tuple[int, int]]]:
    """Return the clear and protected sizes of each sample, from the senc boxes."""
    found = []
    for each in find(file, "traf/senc"):
        (count,), offset = struct.unpack_from(">I", each.data, 12), 16
        for _ in range(count):
            (pairs,) = struct.unpack_from(">H", each.data, offset)
            found.append([struct.unpack_from(">HI", each.data, offset + 2 + 6 * pair) for pair in range(pairs)])
            offset += 2 + 6 * pairs
        assert offset == len(each.data)
    return found
