"""Where a long film is cut into units that several jobs can make at the same time.

A unit begins on the grid of segments, where a tile sheet begins, and shortly after a keyframe of the source: whoever
begins there decodes little that is thrown away. The rule for what is cut:

- MOV and MP4 whose index names every frame at one constant rate and drops none: no fragments, no edits that cut a
  frame away, no variable rate.
- MXF, whose rate is constant by its format, if each of its pictures stands alone.
- Everything else is one unit, and so is a film shorter than two units, or one whose keyframes lie too far apart.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from reelkeep.media import SEGMENT_FRAMES
from reelkeep.transcode.codec.reader import SEEK_MARGIN, Source
from reelkeep.transcode.fields import MAX_CUTS
from reelkeep.transcode.protocol import TileLayout

INTRA_ONLY: Final = frozenset({"prores", "dnxhd", "jpeg2000", "mjpeg", "cfhd", "v210", "rawvideo", "ffv1", "apv"})
_OFF_GRID: Final = Fraction(1, 2)  # of a frame: more is not rounding of time stamps


def find_cuts(source: Source, layout: TileLayout, frames: int, rate: Fraction) -> tuple[int, ...]:
    """Return the first frames of all units but the first; empty if the film is one unit."""
    unit = layout.per_sheet * layout.step_frames
    if layout.step_frames % SEGMENT_FRAMES or frames < 2 * unit or source.video is None:
        return ()
    if source.container_name == "mxf" and source.video.codec_context.name in INTRA_ONLY:
        return choose(range(frames), layout, frames, rate)
    if source.container_name != "mov" or (found := _keyframes(source.video, frames, rate)) is None:
        return ()
    return choose(found, layout, frames, rate)


def choose(keyframes: Sequence[int], layout: TileLayout, frames: int, rate: Fraction) -> tuple[int, ...]:
    """Return cuts near the starts of tile sheets, each within a tile's step before its sheet's first tile.

    Args:
        keyframes: their numbers on the grid, rising.

    >>> tiles = TileLayout(160, 90, 10, 6, 48)  # a sheet is 2,880 frames
    >>> choose(range(9_000), tiles, 9_000, Fraction(24))
    (2880, 5760)
    >>> choose([0, 2850, 5700, 5740], TileLayout(160, 90, 1, 10, 288), 9_000, Fraction(24))
    (2880, 5760)
    >>> choose([0], tiles, 9_000, Fraction(24))
    ()
    """
    unit, margin = layout.per_sheet * layout.step_frames, math.ceil(SEEK_MARGIN * rate)
    cuts = []
    for sheet in range(unit, frames - unit // 2 + 1, unit):
        places = range(sheet, sheet - layout.step_frames, -SEGMENT_FRAMES)
        wasted, cut = min((_wasted(keyframes, place, margin), -place) for place in places)
        if wasted <= unit // 2:
            cuts.append(-cut)
    return tuple(cuts[:MAX_CUTS])


def _wasted(keyframes: Sequence[int], place: int, margin: int) -> int:
    """Return how many frames are decoded in vain by who begins at ``place``."""
    before = bisect_right(keyframes, place - margin)
    return place - keyframes[before - 1] if before else place


def _keyframes(stream: Any, frames: int, rate: Fraction) -> list[int] | None:
    """Return the numbers of the keyframes; None if the index does not name every frame in its place."""
    index = stream.index_entries
    if abs(len(index) - frames) > 1:
        return None
    ticks, per = (1 / (rate * stream.time_base)).as_integer_ratio()  # whole numbers: a long film has 200,000 entries
    allowed = math.floor(max(Fraction(2), Fraction(ticks, per) * _OFF_GRID) * per)
    found, first = [], index[0].timestamp
    for number, entry in enumerate(index):
        if entry.is_discard or abs((entry.timestamp - first) * per - number * ticks) > allowed:
            return None
        if entry.is_keyframe:
            found.append(number)
    return found or None
