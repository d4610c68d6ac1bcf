"""A chain of libavfilter's filters: one picture in, one picture out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
from av.filter import Graph

from reelkeep.transcode.codec.problems import Refused

_CLOCK: Final = Fraction(1, 90_000)  # any will do: frames are only counted


def graph_of(pixels: str, width: int, height: int, clock: Fraction, steps: list[str]) -> Graph:
    """Return a graph whose filters are ``steps``, one behind the other."""
    graph = Graph()
    nodes = [graph.add_buffer(width=width, height=height, format=av.VideoFormat(pixels), time_base=clock)]
    for step in (*steps, "buffersink"):
        name, _, options = step.partition("=")
        nodes.append(graph.add(name, options or None))
    graph.link_nodes(*nodes).configure()
    return graph


class Chain:
    """For pictures of one format and size; their tags are those of each picture."""

    def __init__(self, shape: tuple[str, int, int], steps: list[str]) -> None:
        self._graph = graph_of(*shape, _CLOCK, steps)
        self._number = 0

    def pass_on(self, frame: Any) -> Any:
        """Return what becomes of a picture.

        Raises:
            Refused: libswscale has no way for it.
        """
        frame.pts, frame.time_base = self._number, _CLOCK
        self._number += 1
        try:
            self._graph.vpush(frame)
            return self._graph.vpull()
        except av.error.FFmpegError as error:
            raise Refused("unsupported", f"{frame.format.name} pictures with these colours") from error
