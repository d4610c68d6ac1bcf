"""Turns decoded frames into the 8-bit 4:2:0 pictures of each rung: deinterlaced, upright, scaled, in BT.709."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
from av.filter import Graph

from reelkeep.media import Rung

_TURNS: Final = {0: (), 90: ("transpose=cclock",), 180: ("hflip", "vflip"), 270: ("transpose=clock",)}
_ABOVE_SD_PX: Final = 576  # untagged pictures up to this height are taken for BT.601, as players do


class Pictures:
    """Makes all rungs' pictures of one source frame: the largest from the source, the others from the largest."""

    def __init__(self, rungs: tuple[Rung, ...], turn_degrees: int, *, interlaced: bool) -> None:
        self._rungs = rungs
        self._turn = turn_degrees
        self._interlaced = interlaced
        self._largest = max(rungs, key=lambda rung: rung.width_px * rung.height_px)
        self._first: _Scaler | None = None
        self._shape: tuple[Any, ...] = ()
        self._others = {
            rung.name: _Scaler(("yuv420p", self._largest.width_px, self._largest.height_px), [_scale(rung)])
            for rung in rungs
            if rung is not self._largest
        }

    def of(self, frame: Any) -> dict[str, Any]:
        """Return name of rung and picture; a change of size or format in the middle of a source is followed."""
        shape = (frame.format.name, frame.width, frame.height)
        if self._first is None or shape != self._shape:
            self._first, self._shape = _Scaler(shape, self._steps(frame)), shape
        largest = self._first.scale(frame)
        made = {name: scaler.scale(largest) for name, scaler in self._others.items()}
        return {rung.name: made.get(rung.name, largest) for rung in self._rungs}

    def _steps(self, frame: Any) -> list[str]:
        matrix = ":in_color_matrix=bt601" if frame.colorspace == 2 and frame.height <= _ABOVE_SD_PX else ""
        deinterlace = ["bwdif=mode=send_frame:deint=interlaced"] if self._interlaced else []
        return [*deinterlace, *_TURNS[self._turn], _scale(self._largest) + matrix]


def _scale(rung: Rung) -> str:
    return f"scale=w={rung.width_px}:h={rung.height_px}:flags=bicubic:out_color_matrix=bt709:out_range=limited"


class _Scaler:
    """One chain of filters: one picture in, one picture out (a deinterlacer holds one back)."""

    def __init__(self, shape: tuple[str, int, int], steps: list[str]) -> None:
        pixels, width, height = shape
        self._graph = Graph()
        nodes = [
            self._graph.add_buffer(
                width=width, height=height, format=av.VideoFormat(pixels), time_base=Fraction(1, 90_000)
            )
        ]
        for step in (*steps, "format=yuv420p", "setsar=1", "buffersink"):
            name, _, options = step.partition("=")
            nodes.append(self._graph.add(name, options or None))
        self._graph.link_nodes(*nodes).configure()
        self._number = 0

    def scale(self, frame: Any) -> Any:
        frame.pts, frame.time_base = self._number, Fraction(1, 90_000)
        self._number += 1
        self._graph.vpush(frame)
        return self._graph.vpull()
