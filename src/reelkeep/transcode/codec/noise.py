"""Static noise that stands where nothing may be predicted from. Pure numpy.

In squares of 4 by 4 samples, black or white: no motion search finds anything alike in a film, the encoder copies it
from frame to frame for nothing, and a square is one coefficient. The two lines at each edge are opposites: the
deblocking filter (ITU-T H.264, 8.7.2.2) leaves an edge alone where the first two samples beyond it differ so much. So
what the encoder keeps outside is what a decoder has that does not filter across that edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelkeep.media import MACROBLOCK_PX

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]

_SQUARE: Final = 4
_EDGE_LINES: Final = 2
_PLANES_APART: Final = 1 << 24  # more squares than a plane has
_MULTIPLIERS: Final = (0x7FEB352D, 0x846CA68B)  # of the integer hash "lowbias32", in the public domain


def noise(width_px: int, rows: int, seed: int) -> Planes:
    """Return luma and chroma of some macroblock rows of noise; the same for the same arguments, on every machine."""
    height = rows * MACROBLOCK_PX
    sizes = (height, width_px), (height // 2, width_px // 2), (height // 2, width_px // 2)
    luma, first, second = (
        _plane(*size, (3 * seed + number) * _PLANES_APART & 0xFFFFFFFF) for number, size in enumerate(sizes)
    )
    return luma, first, second


def _plane(height: int, width: int, start: int) -> Plane:
    down, across = -(-height // _SQUARE), -(-width // _SQUARE)
    hashed = np.arange(down * across, dtype=np.uint32) + np.uint32(start)
    for shift, multiplier in zip((16, 15), _MULTIPLIERS, strict=True):
        hashed = (hashed ^ hashed >> np.uint32(shift)) * np.uint32(multiplier)
    squares = (hashed >> np.uint32(31)).astype(np.uint8).reshape(down, across) * np.uint8(255)
    plane = squares.repeat(_SQUARE, 0).repeat(_SQUARE, 1)[:height, :width].copy()
    plane[1], plane[-_EDGE_LINES] = ~plane[0], ~plane[-1]
    return plane
