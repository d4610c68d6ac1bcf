"""Looks at the chunks of a PNG before its decoder does, which unpacks texts and profiles to any size.

Follows the Portable Network Graphics Specification (third edition), sections 5 and 11. What is unpacked here is
thrown away; only whether it stays below the bound matters.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.whole import Readable

MAX_PACKED_BYTES: Final = 4 << 20
MAX_UNPACKED_BYTES: Final = 16 << 20  # the largest printers' profiles are below 4 MiB
_MAX_CHUNKS: Final = 1_000_000
_PACKED: Final = frozenset({b"iCCP", b"zTXt", b"iTXt"})
_BEHIND_KEYWORD: Final = {b"iCCP": 1, b"zTXt": 1, b"iTXt": 2}  # bytes between the keyword's end and what is packed


def check_png(original: Readable, max_picture_px: int) -> None:
    """Raise Refused("too_large") if the picture, or a text or profile in the file, unpacks to more than its bound."""
    offset = 8
    for _ in range(_MAX_CHUNKS):
        if original.size_bytes - offset < 12:
            return
        length, kind = struct.unpack(">I4s", original.read_at(offset, 8))
        body = offset + 8
        offset = body + length + 4
        if offset > original.size_bytes:
            return  # the decoder says that it is cut off
        if kind == b"IHDR" and length >= 8:
            width, height = struct.unpack(">II", original.read_at(body, 8))
            if width * height > max_picture_px:
                raise Refused("too_large", f"{width} by {height} pixels")
        if kind in _PACKED:
            _check_packed(original, kind, body, length)


def _check_packed(original: Readable, kind: bytes, body: int, length: int) -> None:
    if length > MAX_PACKED_BYTES:
        raise Refused("too_large", "a text or profile in it")
    content = b"".join(original.read_at(body + at, min(1 << 20, length - at)) for at in range(0, length, 1 << 20))
    _, _, packed = content.partition(b"\0")
    try:
        unpacker = zlib.decompressobj()
        unpacker.decompress(packed[_BEHIND_KEYWORD[kind] :], MAX_UNPACKED_BYTES)
    except zlib.error:
        return  # not packed, or damaged: nothing comes out of it
    if unpacker.unconsumed_tail:
        raise Refused("too_large", "a text or profile in it")
