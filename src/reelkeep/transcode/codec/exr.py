"""Reads of an OpenEXR header what its decoder does not tell: whether the file is whole, and its start timecode.

Follows the OpenEXR File Layout (magic number, version field, attributes, offset tables) and ImfTimeCode for the bits
of a timecode, which are those of SMPTE ST 12-1. A renderer that was stopped leaves zeros in the offset table, or a
table that points behind the end; the decoder shows such pictures as black below the last line without a word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.whole import Readable

_MAX_ATTRIBUTES: Final = 1_000
_MAX_NAME_BYTES: Final = 255  # of the format, with long names
_MAX_VALUE_BYTES: Final = 4_096  # of the attributes looked at; others are stepped over
_MAX_HEADER_BYTES: Final = 16 << 20
_MAX_CHUNKS: Final = 1 << 20
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000  # flags of the version field
_LINES: Final = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # by compression
_WANTED: Final = frozenset({b"compression", b"dataWindow", b"chunkCount", b"timeCode", b"tiles"})


@dataclass(frozen=True)
class _Header:
    flags: int
    attributes: Mapping[bytes, bytes]
    end: int  # where the offset table begins


def check_exr(original: Readable) -> None:
    """Raise Refused("cut_off") if lines of the picture are missing; other layouts than plain lines pass unseen."""
    header = _header(original)
    chunks = _chunks(header)
    if chunks is None:
        return
    if header.end + 8 * chunks > original.size_bytes:
        raise Refused("cut_off")
    table = struct.unpack(f"<{chunks}Q", _bytes(original, header.end, 8 * chunks))
    last = max(table)
    if min(table) < header.end or last + 8 > original.size_bytes:
        raise Refused("cut_off")
    (length,) = struct.unpack("<i", original.read_at(last + 4, 4))
    if length < 0 or last + 8 + length > original.size_bytes:
        raise Refused("cut_off")


def exr_timecode(original: Readable) -> str | None:
    """Return the start timecode as text, "01:00:00:00", a semicolon before the frames for drop-frame."""
    value = _header(original).attributes.get(b"timeCode", b"")
    if len(value) != 8:
        return None
    (word,) = struct.unpack_from("<I", value)
    frames, seconds, minutes, hours = (
        (word >> shift + 4 & tens) * 10 + (word >> shift & 15) for shift, tens in ((0, 3), (8, 7), (16, 7), (24, 3))
    )
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if word & 0x40 else ':'}{frames:02d}"


def _chunks(header: _Header) -> int | None:
    """How many blocks of lines there are; None for layouts that are not counted here."""
    if header.flags & (_TILED | _DEEP | _MULTIPART):
        return None
    window, compression = header.attributes.get(b"dataWindow", b""), header.attributes.get(b"compression", b"")
    if len(window) != 16 or len(compression) != 1 or compression[0] not in _LINES:
        return None
    _, top, _, bottom = struct.unpack("<4i", window)
    chunks = -(-(bottom - top + 1) // _LINES[compression[0]])
    return chunks if 0 < chunks <= _MAX_CHUNKS else None


def _header(original: Readable) -> _Header:
    (version,) = struct.unpack("<I", _bytes(original, 4, 4))
    found: dict[bytes, bytes] = {}
    at = 8
    for _ in range(_MAX_ATTRIBUTES):
        name, at = _name(original, at)
        if not name:
            return _Header(version, found, at)
        _, at = _name(original, at)
        (size,) = struct.unpack("<i", _bytes(original, at, 4))
        at += 4
        if size < 0 or at + size > min(_MAX_HEADER_BYTES, original.size_bytes):
            break
        if name in _WANTED and size <= _MAX_VALUE_BYTES:
            found[name] = _bytes(original, at, size)
        at += size
    raise Refused("cut_off", "its header never ends")


def _name(original: Readable, at: int) -> tuple[bytes, int]:
    head = _bytes(original, at, min(_MAX_NAME_BYTES + 1, max(1, original.size_bytes - at)))
    name, end, _ = head.partition(b"\0")
    if not end:
        raise Refused("cut_off", "its header never ends")
    return name, at + len(name) + 1


def _bytes(original: Readable, at: int, length: int) -> bytes:
    if at + length > original.size_bytes:
        raise Refused("cut_off")
    return b"".join(_pieces(original, at, length))


def _pieces(original: Readable, at: int, length: int) -> Iterator[bytes]:
    for start in range(at, at + length, 1 << 20):
        yield original.read_at(start, min(1 << 20, at + length - start))
