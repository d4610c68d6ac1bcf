"""Reads the start timecode of a DPX header, which libavcodec does not always tell.

Follows SMPTE ST 268: the header of the television industry begins at 1920 with a timecode of eight BCD digits; all
ones stand for what is not known.
"""

from __future__ import annotations

import struct
from typing import Final

from reelkeep.transcode.codec.whole import Readable

_TIMECODE_AT: Final = 1920
_UNKNOWN: Final = (0, 0xFFFFFFFF)


def dpx_timecode(original: Readable) -> str | None:
    """Return the start timecode as text, "01:00:00:00"; None if there is none."""
    if original.size_bytes < _TIMECODE_AT + 4:
        return None
    order = ">" if original.read_at(0, 4) == b"SDPX" else "<"
    (place,) = struct.unpack(f"{order}I", original.read_at(4, 4))
    (digits,) = struct.unpack(f"{order}I", original.read_at(_TIMECODE_AT, 4))
    if place < _TIMECODE_AT + 4 or digits in _UNKNOWN:
        return None
    text = f"{digits:08x}"
    return ":".join(text[at : at + 2] for at in range(0, 8, 2)) if text.isdecimal() else None
