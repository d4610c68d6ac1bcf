"""Turns decoded frames into the 8-bit 4:2:0 pictures of each rung: deinterlaced, upright, scaled, in BT.709."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
from av.filter import Graph

from reelkeep.media import Rung
from reelkeep.transcode.codec.chain import Chain, graph_of
from reelkeep.transcode.codec.colour import TO_BT709, Tags, to_bt709
from reelkeep.transcode.codec.look import Look
from reelkeep.transcode.codec.orientation import Orientation

_DEINTERLACE: Final = "bwdif=mode=send_frame:deint=interlaced"
_PROXY: Final = ("format=yuv420p", "setsar=1")


class Deinterlacer:
    """Makes one whole picture of each interlaced frame and lets others through.

    The rule: the proxy has the source's frame rate; each of its frames shows the moment of the field that comes first.
    Nothing is touched before the first interlaced frame; from then on one frame is held back.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[Any, ...] = ()

    def add(self, frame: Any) -> Iterator[Any]:
        """Yield frames that are ready, with times of their own."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        shape = (frame.format.name, frame.width, frame.height, frame.time_base)
        if shape != self._shape:  # also in the middle of a source
            yield from self.finish()
            self._graph, self._shape = graph_of(*shape, [_DEINTERLACE]), shape
        assert self._graph is not None
        self._graph.vpush(frame)
        yield from self._ready(self._graph)

    def finish(self) -> Iterator[Any]:
        """Yield the frame that was held back."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._ready(self._graph)

    @staticmethod
    def _ready(graph: Graph) -> Iterator[Any]:
        while True:
            try:
                yield graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


class Pictures:
    """Makes all rungs' pictures of one source frame: the largest from the source, the others from the largest.

    Args:
        look: what the source is shown through; None: as its tags say.
    """

    def __init__(self, rungs: tuple[Rung, ...], upright: Orientation, look: Look | None = None) -> None:
        self._rungs = rungs
        self._upright = upright
        self._look = look
        self._largest = max(rungs, key=lambda rung: rung.width_px * rung.height_px)
        self._first: Chain | None = None
        self._shape: tuple[Any, ...] = ()
        self._others = {
            rung.name: Chain(("yuv420p", self._largest.width_px, self._largest.height_px), [_scale(rung), *_PROXY])
            for rung in rungs
            if rung is not self._largest
        }

    def of(self, frame: Any) -> dict[str, Any]:
        """Return name of rung and picture; a change of size or format in the middle of a source is followed."""
        if self._look is not None:
            frame = self._look.apply(frame)
        shape, tags = (frame.format.name, frame.width, frame.height), Tags.of(frame)
        if self._first is None or (shape, tags) != self._shape:
            self._first, self._shape = Chain(shape, self._steps(tags, frame.height)), (shape, tags)
        largest = self._first.pass_on(frame)
        made = {name: scaler.pass_on(largest) for name, scaler in self._others.items()}
        return {rung.name: made.get(rung.name, largest) for rung in self._rungs}

    def _steps(self, tags: Tags, height_px: int) -> list[str]:
        if self._look is not None:
            return [*self._upright.steps, f"{_scale(self._largest)}:{TO_BT709}", *_PROXY]
        return [*self._upright.steps, f"{_scale(self._largest)}:{to_bt709(tags, height_px)}", *_PROXY]


def _scale(rung: Rung) -> str:
    return f"scale=w={rung.width_px}:h={rung.height_px}:flags=bicubic"
