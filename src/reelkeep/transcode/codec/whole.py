"""Tells from the outermost boxes whether the end of a file is missing, before anything is decoded.

Follows ISO/IEC 14496-12 section 4.2 and the QuickTime File Format (boxes), RIFF and EBU Tech 3306 (chunks), and
ITU-T T.81 annex B (the markers of JPEG; within coded data 0xFF is never followed by that of the end; so in JPEG 2000).
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

from reelkeep.transcode.codec.problems import Refused

_MAX_BOXES: Final = 100_000  # a fragmented file of a day has fewer
_TO_THE_END: Final = 0
_LARGE: Final = 1
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = b"\xff\xd9"
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
    elif container == "jpeg_pipe":
        _check_jpeg(original)
    elif container == "j2k_pipe":
        _check_end_of_image(original, 0)


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


def _check_jpeg(original: Readable) -> None:
    """Look for the end of the picture behind its first scan; what is in a preview within a segment does not count."""
    offset = 2
    for _ in range(_MAX_BOXES):
        if original.size_bytes - offset < 4:
            raise Refused("cut_off")
        mark, kind, length = struct.unpack(">BBH", original.read_at(offset, 4))
        if mark != 0xFF:
            return  # not told apart here; the decoder says what is wrong
        if kind == _START_OF_SCAN:
            break
        offset += 1 if kind == 0xFF else 2 + length  # a run of 0xFF is padding
    _check_end_of_image(original, offset)


def _check_end_of_image(original: Readable, offset: int) -> None:
    """Look for the marker of the end, which JPEG and JPEG 2000 (ISO/IEC 15444-1, A.4.4) have in common."""
    before = b""
    for start in range(offset, original.size_bytes, 1 << 20):
        piece = original.read_at(start, min(1 << 20, original.size_bytes - start))
        if _END_OF_IMAGE in before + piece:
            return
        before = piece[-1:]
    raise Refused("cut_off")
