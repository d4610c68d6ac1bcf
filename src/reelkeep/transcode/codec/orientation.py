"""How a picture must be turned and mirrored to stand upright, from the display matrix that comes with it. Pure; no I/O.

The matrix is that of ISO/IEC 14496-12 section 8.3.2 (tkhd): a point x, y of the stored picture is shown at
a·x + c·y, b·x + d·y. Cameras and EXIF (JEITA CP-3451 section 4.6.4, tag Orientation) use the eight matrices whose
numbers are 0, 1 and -1; any other angle is taken for the nearest quarter turn.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_NUMBERS: Final = struct.Struct("=9i")  # a b u c d v x y w, in the machine's byte order


@dataclass(frozen=True)
class Orientation:
    """``steps`` are filters of libavfilter; ``on_its_side`` says whether they exchange width and height."""

    steps: tuple[str, ...] = ()
    on_its_side: bool = False


_UPRIGHT: Final = Orientation()
_LYING: Final = {  # the signs of a and d
    (False, False): _UPRIGHT,
    (True, False): Orientation(("hflip",)),
    (False, True): Orientation(("vflip",)),
    (True, True): Orientation(("hflip", "vflip")),
}
_STANDING: Final = {  # the signs of b and c
    (False, False): Orientation(("transpose=cclock_flip",), True),  # the diagonal stays where it is
    (False, True): Orientation(("transpose=clock",), True),
    (True, False): Orientation(("transpose=cclock",), True),
    (True, True): Orientation(("transpose=clock_flip",), True),
}


def orientation(matrix: bytes | None) -> Orientation:
    """Return the way upright; nothing is done for a matrix that is missing, broken or empty.

    >>> orientation(_NUMBERS.pack(0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    Orientation(steps=('transpose=clock',), on_its_side=True)
    """
    if matrix is None or len(matrix) < _NUMBERS.size:
        return _UPRIGHT
    a, b, _, c, d, *_ = _NUMBERS.unpack_from(matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return _STANDING[b < 0, c < 0]
    return _LYING[a < 0, d < 0]
