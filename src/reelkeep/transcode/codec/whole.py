"""Tells from the outermost boxes whether the end of a file is missing, before anything is decoded.

Follows ISO/IEC 14496-12 section 4.2 and the QuickTime File Format (boxes), RIFF and EBU Tech 3306 (chunks).
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

from reelkeep.transcode.codec.problems import Refused

_MAX_BOXES: Final = 100_000  # a fragmented file of a day has fewer
_TO_THE_END: Final = 0
_LARGE: Final = 1
_UNFINISHED_RIFF: Final = frozenset({0, 0xFFFFFFFF})  # written while the recording ran, or by RF64


class Readable(Protocol):
    """What can be read at a place."""

    @property
    def size_bytes(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes: ...


def check_whole(original: Readable, container: str) -> None:
    """Raise Refused("cut_off") if the file says it is longer than it is, or its index never comes."""
    if container == "mov":
        _check_boxes(original)
    elif container in ("wav", "avi"):
        _check_riff(original)


def _check_boxes(original: Readable) -> None:
    offset, seen_index = 0, False
    for _ in range(_MAX_BOXES):
        left = original.size_bytes - offset
        if left < 8:
            break  # some cameras leave a few zero bytes behind the last box
        head = original.read_at(offset, min(16, left))
        size, kind = struct.unpack_from(">I4s", head)
        if size == _LARGE and left >= 16:
            size = struct.unpack_from(">Q", head, 8)[0]
        elif size == _TO_THE_END:
            size = left
        if not _is_kind(kind) or size < 8:
            break
        seen_index = seen_index or kind == b"moov"
        offset += size
        if size > left:
            raise Refused("cut_off")
    if not seen_index:
        raise Refused("cut_off", "its index is not there")


def _is_kind(kind: bytes) -> bool:
    return all(32 <= byte < 127 or byte == 0xA9 for byte in kind)


def _check_riff(original: Readable) -> None:
    size = struct.unpack_from("<I", original.read_at(0, 12), 4)[0]
    if size not in _UNFINISHED_RIFF and size + 8 > original.size_bytes + 1:
        raise Refused("cut_off")
