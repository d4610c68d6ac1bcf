"""The samples of 4:2:0 pictures as arrays over PyAV's own memory, and pictures made of them."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from reelkeep.media import MACROBLOCK_PX
from reelkeep.transcode.codec.noise import Plane, Planes


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


def new_picture(width_px: int, height_px: int) -> Any:
    """Return a yuv420p picture with memory of its own."""
    return av.VideoFrame(width_px, height_px, "yuv420p")
