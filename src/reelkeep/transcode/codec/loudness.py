"""How loud a sound track is, by EBU R 128 and ITU-R BS.1770-4 as libavfilter's ``ebur128`` measures them.

The track is measured in its own layout, before any downmix, and one channel counts once (no dual-mono correction).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
from av.filter import Graph

from reelkeep.media import Loudness
from reelkeep.transcode.codec.sound_tracks import layout_taken_for

_SILENCE_LUFS: Final = -70.0  # the absolute gate: below it nothing counts
_FILTER: Final = "metadata=1:peak=true:framelog=quiet"
_SOUND_BLOCK_SECONDS: Final = Fraction(2, 5)  # integrated loudness begins with one block of 400 ms


class LoudnessMeter:
    """Takes the frames of one track in order. A track whose layout or rate changes on the way is not measured."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[Any, ...] = ()
        self._said: dict[str, str] = {}
        self._broken = False
        self._layout = ""
        self._samples = 0

    def add(self, frame: Any) -> None:
        """Take one frame; it stays as it is."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is None:
            self._begin(shape, layout_taken_for(frame.layout))
        if self._broken or self._graph is None:
            return
        if shape != self._shape:
            self._broken = True
            return
        self._samples += frame.samples
        kept, frame.pts = frame.pts, None
        try:
            self._graph.push(_named(frame, self._layout) if self._layout != shape[1] else frame)
        except (av.error.FFmpegError, ValueError):
            self._broken = True
        finally:
            frame.pts = kept
        self._listen()

    def _begin(self, shape: tuple[Any, ...], layout: str) -> None:
        if self._broken:
            return
        samples, _, rate = self._shape = shape
        self._layout = layout
        graph = Graph()
        try:
            source = graph.add_abuffer(sample_rate=rate, format=samples, layout=layout, time_base=Fraction(1, rate))
            graph.link_nodes(source, graph.add("ebur128", _FILTER), graph.add("abuffersink")).configure()
        except (av.error.FFmpegError, ValueError):
            self._broken = True  # a layout that the measurement has no weights for
        else:
            self._graph = graph

    def _listen(self) -> None:
        for frame in self._ready():
            self._said = dict(frame.metadata)

    def _ready(self) -> Iterator[Any]:
        assert self._graph is not None
        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def finish(self) -> Loudness | None:
        """Return what was measured; None if nothing could be."""
        if self._graph is None or self._broken:
            return None
        self._graph.push(None)
        self._listen()
        integrated = self._value("I")
        loud = integrated is not None and integrated > _SILENCE_LUFS
        if self._samples < _SOUND_BLOCK_SECONDS * self._shape[2]:
            loud = False
        peak = self._value("true_peak")  # a factor of full scale
        return Loudness(
            integrated_lufs=round(integrated, 1) if loud and integrated is not None else None,
            range_lu=round(self._value("LRA") or 0.0, 1) if loud else None,
            true_peak_dbtp=round(20 * math.log10(peak), 1) if peak else None,
        )

    def _value(self, name: str) -> float | None:
        try:
            value = float(self._said.get(f"lavfi.r128.{name}", ""))
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def _named(frame: Any, layout: str) -> Any:
    """Return the same samples with places for channels that the file does not name."""
    named = av.AudioFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name, layout=layout)
    named.sample_rate = frame.sample_rate
    return named
