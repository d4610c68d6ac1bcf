"""The poster and the tile sheets, as JPEG, from pictures that are made anyway."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from reelkeep.media import SEGMENT_FRAMES, FrameRate
from reelkeep.transcode.protocol import Still, TileLayout

TILE_LONG_EDGE_PX: Final = 160
SHEET_COLUMNS: Final = 10
SHEET_ROWS: Final = 10
MAX_TILES: Final = 400
_MAX_SHEET_ROWS: Final = 32
_POSTER_SEARCH_FRAMES: Final = 1_000
_POSTER_START_FRAMES: Final = 240
_DULL: Final = 8.0  # standard deviation of luma; slates, bars and faces have far more, black and fades less
_JPEG_QUALITY: Final = 4  # libavcodec's qscale: 2 best, 31 worst
_LAMBDA: Final = 118  # FF_QP2LAMBDA
_FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG


def plan_tiles(width_px: int, height_px: int, frames: int, rate: FrameRate, unit_seconds: int = 0) -> TileLayout:
    """Return the layout for a film of ``frames``: a tile each second, fewer when that were more than ``MAX_TILES``.

    A film long enough for two units of ``unit_seconds`` has a sheet for each unit, so that whoever makes a unit makes
    its sheet, too; its tiles are whole segments apart, so that a sheet can begin where a segment does.
    """
    scale = TILE_LONG_EDGE_PX / max(width_px, height_px)
    step, columns, rows = max(rate.nominal, -(-frames // MAX_TILES)), SHEET_COLUMNS, SHEET_ROWS
    if unit_seconds and frames >= 2 * unit_seconds * rate.fraction:
        step = -(-step // SEGMENT_FRAMES) * SEGMENT_FRAMES
        tiles = max(1, round(unit_seconds * rate.fraction / step))
        columns = min(tiles, SHEET_COLUMNS)
        rows = min(round(tiles / columns), _MAX_SHEET_ROWS)
    return TileLayout(
        width_px=max(2, round(width_px * scale / 2) * 2),
        height_px=max(2, round(height_px * scale / 2) * 2),
        columns=columns,
        rows=rows,
        step_frames=step,
    )


class Tiles:
    """Collects tiles on sheets, from sheet ``first_sheet`` on; a sheet is given out when it is full."""

    def __init__(self, layout: TileLayout, first_sheet: int) -> None:
        self._layout = layout
        self._next = first_sheet * layout.per_sheet
        self._sheet = self._blank()

    @property
    def next_frame(self) -> int:
        """The grid frame of the next tile that is missing."""
        return self._next * self._layout.step_frames

    def add(self, number: int, picture: Any) -> Iterator[Still]:
        """Take the picture of grid frame ``number`` if it is the next tile's; yield the sheet it fills."""
        if number != self.next_frame:
            return
        layout = self._layout
        small = picture.reformat(layout.width_px, layout.height_px, "rgb24").to_ndarray()
        row, column = divmod(self._next % layout.per_sheet, layout.columns)
        top, left = row * layout.height_px, column * layout.width_px
        self._sheet[top : top + layout.height_px, left : left + layout.width_px] = small
        self._next += 1
        if self._next % layout.per_sheet == 0:
            yield self._still(layout.per_sheet)

    def finish(self) -> Iterator[Still]:
        """Yield the last sheet, cut below its last row with a tile."""
        if left := self._next % self._layout.per_sheet:
            self._next += self._layout.per_sheet  # the number of the sheet is counted from what is behind it
            yield self._still(left)

    def _still(self, tiles: int) -> Still:
        rows = -(-tiles // self._layout.columns)
        sheet = np.ascontiguousarray(self._sheet[: rows * self._layout.height_px])
        number = self._next // self._layout.per_sheet - 1
        self._sheet = self._blank()
        return Still("tiles", number, sheet.shape[1], sheet.shape[0], "image/jpeg", tiles, jpeg_of_rgb(sheet))

    def _blank(self) -> NDArray[np.uint8]:
        layout = self._layout
        return np.zeros((layout.rows * layout.height_px, layout.columns * layout.width_px, 3), dtype=np.uint8)


class Poster:
    """Picks the first picture from a tenth into the film on that is not nearly one flat colour."""

    def __init__(self, frames: int) -> None:
        self._from = min(frames // 10, _POSTER_START_FRAMES)
        self._until = min(frames - 1, self._from + _POSTER_SEARCH_FRAMES)
        self._last: Any = None
        self._done = False

    def add(self, number: int, picture: Any) -> Iterator[Still]:
        if self._done or number < self._from:
            self._last = picture
            return
        luma = np.frombuffer(memoryview(picture.planes[0]), dtype=np.uint8)
        if number >= self._until or float(luma[::7].std()) > _DULL:
            yield self._still(picture)
        self._last = picture

    def finish(self) -> Iterator[Still]:
        """Yield the last picture if the film ended before one was good enough."""
        if not self._done and self._last is not None:
            yield self._still(self._last)

    def _still(self, picture: Any) -> Still:
        self._done, self._last = True, None
        return Still("poster", 0, picture.width, picture.height, "image/jpeg", 0, _jpeg(picture))


def jpeg_of_rgb(pixels: NDArray[np.uint8]) -> bytes:
    """Return a JPEG of an array of shape (height, width, 3)."""
    return _jpeg(av.VideoFrame.from_ndarray(pixels, format="rgb24"))


def _jpeg(picture: Any) -> bytes:
    converted = picture.reformat(format="yuvj420p", dst_color_range=_FULL_RANGE)
    converted.pts = 0
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = converted.width, converted.height, "yuvj420p"
    context.time_base, context.color_range = Fraction(1, 25), _FULL_RANGE
    context.qscale, context.global_quality = True, _JPEG_QUALITY * _LAMBDA
    packets = [*context.encode(converted), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
