"""Reads SMPTE ST 12-1 timecode text, with drop-frame. Pure; no I/O."""

from __future__ import annotations

import re
from typing import Final

from reelkeep.media import FrameRate, Timecode

_TEXT: Final = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
_DROPPING: Final = frozenset({30, 60})  # drop-frame is defined for 29.97 and 59.94 only


def parse_timecode(text: str, rate: FrameRate) -> Timecode | None:
    """Return the start timecode as frames since midnight; None for what is no timecode at this rate.

    >>> parse_timecode("00:01:00;02", FrameRate(30000, 1001)).frame
    1800
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    nominal = rate.nominal
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        return None
    drop = match[4] != ":" and nominal in _DROPPING
    total_minutes = hours * 60 + minutes
    frame = (total_minutes * 60 + seconds) * nominal + frames
    if drop:
        frame -= nominal // 15 * (total_minutes - total_minutes // 10)
    return Timecode(frame, rate, drop)
