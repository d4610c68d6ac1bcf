"""The samples of 4:2:0 pictures as arrays over PyAV's own memory, and pictures made of them."""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np

from reelkeep.media import MACROBLOCK_PX, Band
from reelkeep.transcode.codec.noise import Plane, Planes

_MIDDLE: Final = 128


def planes_of(picture: Any) -> Planes:
    """Return the three planes of a yuv420p picture; writing to them writes to the picture."""
    luma, first, second = (_view(plane) for plane in picture.planes)
    return luma, first, second


def _view(plane: Any) -> Plane:
    lines: Plane = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def rows_of(planes: Planes, first_row: int, end_row: int) -> Planes:
    """Return the part of the planes between two macroblock rows."""
    luma, chroma = slice(first_row * MACROBLOCK_PX, end_row * MACROBLOCK_PX), MACROBLOCK_PX // 2
    part = slice(first_row * chroma, end_row * chroma)
    return planes[0][luma], planes[1][part], planes[2][part]


def put(target: Planes, source: Planes) -> None:
    """Copy samples where they belong."""
    for to, what in zip(target, source, strict=True):
        to[...] = what


def put_chroma_edges(target: Planes, source: Planes, place: Band, real: Band, *, beyond: int) -> None:
    """Let the noise in chroma begin with the real line at both edges of some rows, and one behind it far from that one.

    The motion search looks at luma alone, so it often takes chroma from half a line across an edge: a decoder finds
    there what stands here. Luma stays noise up to the edge: it is what keeps the search away.
    The second line keeps the deblocking filter off the edge, as in ``noise``.

    Args:
        place: the rows in ``target``, and ``real`` where they lie in ``source``.
        beyond: 0: the noise stands within these rows; 1: it stands around them.
    """
    height = MACROBLOCK_PX // 2
    for to, what in zip(target[1:], source[1:], strict=True):
        for at, real_at, inward in (
            (place.first_row * height, real.first_row * height, 1),
            (place.end_row * height - 1, real.end_row * height - 1, -1),
        ):
            way = -inward if beyond else inward
            edge = at - beyond * inward
            to[edge] = line = what[real_at - beyond * inward]
            to[edge + way] = np.where(line < _MIDDLE, np.uint8(255), np.uint8(0))


def put_real_edges(target: Planes, source: Planes, place: Band, real: Band, luma_lines: int, *, beyond: int) -> None:
    """Let the noise begin with the real lines at both edges of some rows.

    Args:
        place, real, beyond: as for ``put_chroma_edges``.
        luma_lines: how many at each edge, even; half as many in chroma.
    """
    for number, (to, what) in enumerate(zip(target, source, strict=True)):
        height, lines = (MACROBLOCK_PX, luma_lines) if number == 0 else (MACROBLOCK_PX // 2, luma_lines // 2)
        for edge, is_end in ((place.first_row * height, False), (place.end_row * height, True)):
            shift = (real.end_row if is_end else real.first_row) * height - edge
            start = edge - lines if is_end is not bool(beyond) else edge
            to[start : start + lines] = what[start + shift : start + shift + lines]


def new_picture(width_px: int, height_px: int) -> Any:
    """Return a yuv420p picture with memory of its own."""
    return av.VideoFrame(width_px, height_px, "yuv420p")
