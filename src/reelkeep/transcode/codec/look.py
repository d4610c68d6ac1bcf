"""Shows pictures through a production's LUT: in floats, before anything is scaled or cut to 8 bits.

Three steps, strip by strip, so that a large picture takes little memory beside itself:

1. Red, green and blue as floats. Pictures of floats keep what lies above 1; others are converted, from 0 to 1.
2. If the light is scene-linear: the curve that the LUT's input asks for (``curves``). Then the LUT's shaper, if it has
   one, colour by colour. Then the LUT's domain is brought to the place of its points.
3. Tetrahedral interpolation by libavfilter's ``haldclut``, which takes a table as a picture and needs no file.

A table of haldclut has a square number of points along each axis, so the LUT lies in the corner of the next larger one
and step 2 keeps to that corner: its points are met exactly and nothing is resampled.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.filter import Graph

from reelkeep.luts import MAX_LUT_NUMBER, ChosenLut, Lut, Shaper
from reelkeep.media import Light
from reelkeep.transcode.codec.chain import Chain
from reelkeep.transcode.codec.colour import Tags, to_rgb
from reelkeep.transcode.codec.curves import CURVES, Colours

_FLOATS: Final = "gbrpf32le"
_STRIP_ROWS: Final = 64
# haldclut looks up several pixels at once and, at the end of a line, what lies behind it, too: were that never written,
# it would be any number at all and lead out of the table. So a strip is as wide as a whole number of the widest groups.
_GROUP_PX: Final = 32
_CLOCK: Final = Fraction(1, 90_000)  # any will do: strips are only counted
# Places of red, green and blue among the planes, and the type of their samples.
_DIRECT: Final[dict[str, tuple[tuple[int, int, int], str]]] = {
    f"{name}f{bits}le": (places, f"<f{bits // 8}")
    for name, places in {"gbrp": (2, 0, 1), "gbrap": (2, 0, 1), "gray": (0, 0, 0)}.items()
    for bits in (16, 32)
}


class Look:
    """The LUT of one film. ``apply`` is called with one picture after the other.

    Args:
        light: of the film; what the LUT's input says counts for scene-linear light alone.
    """

    def __init__(self, chosen: ChosenLut, light: Light) -> None:
        self._lut = chosen.lut
        self._shaper = _Shaped(chosen.lut.shaper) if chosen.lut.shaper else None
        self._curve = CURVES[chosen.input] if light is Light.LINEAR else None
        self._shape: tuple[Any, ...] = ()
        self._to_rgb: Chain | None = None
        self._table: _Table | None = None

    def apply(self, frame: Any) -> Any:
        """Return the picture as a BT.709 screen shows it: floats from 0 to 1, without tags."""
        source = self._rgb(frame)
        if self._table is None or self._table.width_px != frame.width:
            self._table = _Table(self._lut, frame.width)
        planes = [_samples(source, place) for place in _DIRECT[source.format.name][0]]
        shown: Any = av.VideoFrame(frame.width, frame.height, _FLOATS)
        targets = [_samples(shown, place) for place in _DIRECT[_FLOATS][0]]
        for top in range(0, frame.height, _STRIP_ROWS):
            rows = slice(top, min(top + _STRIP_ROWS, frame.height))
            strip = self._table.shown(self._placed([plane[rows] for plane in planes]))
            for target, colour in zip(targets, strip, strict=True):
                target[rows] = colour[: rows.stop - rows.start]
        return shown

    def _rgb(self, frame: Any) -> Any:
        name = frame.format.name
        if name in _DIRECT:
            return frame
        shape, tags = (name, frame.width, frame.height), Tags.of(frame)
        if self._to_rgb is None or (shape, tags) != self._shape:
            self._to_rgb, self._shape = Chain(shape, [to_rgb(tags, frame.height), f"format={_FLOATS}"]), (shape, tags)
        return self._to_rgb.pass_on(frame)

    def _placed(self, planes: list[Any]) -> Colours:
        """Return the places of the strip's colours among the points of haldclut's table, from 0 to 1."""
        colours: Colours = np.stack(planes).astype(np.float32, copy=False)
        np.clip(colours, -MAX_LUT_NUMBER, MAX_LUT_NUMBER, out=colours)  # what is no number stays so
        if self._curve is not None:
            colours = self._curve(colours)
        if self._shaper is not None:
            colours = self._shaper.shown(colours)
        share = _share(self._lut.points)
        for colour, low, high in zip(colours, self._lut.domain_min, self._lut.domain_max, strict=True):
            colour -= np.float32(low)
            colour *= np.float32(share / (high - low))
        np.fmax(colours, 0, out=colours)  # and what is no number is black
        np.fmin(colours, np.float32(share), out=colours)
        return colours


class _Shaped:
    """A shaper: linear between its points, alike at its ends for all that lies beyond."""

    def __init__(self, shaper: Shaper) -> None:
        self._low, self._last = np.float32(shaper.low), shaper.points - 1
        self._scale = np.float32(self._last / (shaper.high - shaper.low))
        self._values = np.frombuffer(shaper.numbers, "<f4").reshape(-1, 3).T.copy()
        self._steps = np.diff(self._values, axis=1)

    def shown(self, colours: Colours) -> Colours:
        shown = np.empty_like(colours)
        for number, colour in enumerate(colours):
            place = (colour - self._low) * self._scale
            place = np.fmin(np.fmax(place, 0), np.float32(self._last))  # what is no number stands at the low end
            corner = np.minimum(place.astype(np.int32), self._last - 1)
            place -= corner
            shown[number] = self._values[number][corner] + place * self._steps[number][corner]
        return shown


class _Table:
    """haldclut with one LUT, for strips of one width."""

    def __init__(self, lut: Lut, width_px: int) -> None:
        self.width_px = width_px
        self._whole_px = -(-width_px // _GROUP_PX) * _GROUP_PX
        edge = _level(lut.points) ** 3
        self._graph, floats = Graph(), av.VideoFormat(_FLOATS)
        self._pictures: Any = self._graph.add_buffer(
            width=self._whole_px, height=_STRIP_ROWS, format=floats, time_base=_CLOCK
        )
        table: Any = self._graph.add_buffer(width=edge, height=edge, format=floats, time_base=_CLOCK)
        hald: Any = self._graph.add("haldclut", "interp=tetrahedral:clut=first")
        self._sink: Any = self._graph.add("buffersink")
        self._pictures.link_to(hald, 0, 0)
        table.link_to(hald, 0, 1)
        hald.link_to(self._sink, 0, 0)
        self._graph.configure()
        table.push(_counted(_hald(lut), 0))
        table.push(None)
        self._strip: Any = None
        self._number = 0

    def shown(self, places: Colours) -> list[Any]:
        """Return red, green and blue of a strip, which are good until the next one."""
        frame: Any = av.VideoFrame(self._whole_px, _STRIP_ROWS, _FLOATS)
        for place, colour in zip(_DIRECT[_FLOATS][0], places, strict=True):
            rows = _samples(frame, place)
            rows[: len(colour), : self.width_px] = colour
            rows[len(colour) :] = 0
            rows[:, self.width_px :] = 0
        self._pictures.push(_counted(frame, self._number))
        self._number += 1
        self._strip = self._sink.pull()
        return [_samples(self._strip, place)[:, : self.width_px] for place in _DIRECT[_FLOATS][0]]


def _counted(frame: Any, number: int) -> Any:
    frame.pts, frame.time_base = number, _CLOCK
    return frame


def _samples(frame: Any, place: int) -> Any:
    plane = frame.planes[place]
    lines = np.frombuffer(plane, _DIRECT[frame.format.name][1]).reshape(plane.height, -1)
    return lines[:, : plane.width]


def _level(points: int) -> int:
    """Return the level of the smallest table that a LUT fits in: its points along an axis are the level's square.

    >>> _level(33), _level(64), _level(2)
    (6, 8, 2)
    """
    return max(2, math.isqrt(points - 1) + 1)


def _share(points: int) -> float:
    """Return how far along each axis of the table the LUT reaches.

    >>> _share(64), _share(33) == 32 / 35
    (1.0, True)
    """
    return (points - 1) / (_level(points) ** 2 - 1)


def _hald(lut: Lut) -> Any:
    """Return the table as haldclut wants it: a square picture whose pixels are the points, red changing fastest."""
    level = _level(lut.points)
    cube = np.frombuffer(lut.numbers, "<f4").reshape(lut.points, lut.points, lut.points, 3)
    beyond = (0, level**2 - lut.points)
    pixels = np.pad(cube, [beyond, beyond, beyond, (0, 0)], mode="edge").reshape(level**3, level**3, 3)
    frame: Any = av.VideoFrame(level**3, level**3, _FLOATS)
    for colour, place in enumerate(_DIRECT[_FLOATS][0]):
        _samples(frame, place)[...] = pixels[..., colour]
    return frame
