"""The times of an original's pictures, kept where its rate is not constant. Pure; no I/O.

A rate counts as variable if there is another number of pictures than frames in the proxy, or if a picture lies further
than a quarter of a frame from its place on the proxy's grid; the rounding of a container's clock stays far below that.
"""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelkeep.transcode.fields import MAX_FRAMES, MAX_RUNS
from reelkeep.transcode.protocol import Times

_TOLERANCE: Final = Fraction(1, 4)  # of a frame
_MAX_TICKS: Final = (1 << 32) - 1


class PictureTimes:
    """Collects the presentation times of packets, in any order; a day of film takes 80 MB."""

    def __init__(self) -> None:
        self._ticks = array("q")

    def add(self, pts: int | None) -> None:
        """Take one packet's time in ticks of its stream."""
        if pts is not None and len(self._ticks) < MAX_FRAMES:
            self._ticks.append(pts)

    def message(self, time_base: Fraction, rate: Fraction, origin: Fraction, frames: int) -> Times | None:
        """Return the times from ``origin`` (seconds) on as runs of equal steps; None if the rate is constant.

        Args:
            frames: of the proxy, at ``rate``.
        """
        ticks = np.sort(np.frombuffer(self._ticks, dtype=np.int64))
        ticks = ticks[ticks >= int(origin / time_base)]
        if len(ticks) < 2 or not _is_variable(ticks, time_base * rate, frames):
            return None
        steps, counts = _runs(np.minimum(np.diff(ticks), _MAX_TICKS))
        kept = np.stack((steps, counts), axis=1)[:MAX_RUNS]
        return Times(
            numerator=time_base.numerator,
            denominator=time_base.denominator,
            pictures=len(ticks),
            shortest_ticks=int(steps.min()),
            longest_ticks=int(steps.max()),
            body=kept.astype("<u4").tobytes(),
        )


def _is_variable(ticks: NDArray[np.int64], frames_each_tick: Fraction, frames: int) -> bool:
    if len(ticks) != frames:
        return True
    places = (ticks - ticks[0]) * float(frames_each_tick)
    return bool(np.abs(places - np.arange(len(ticks))).max() > _TOLERANCE)


def _runs(steps: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.flatnonzero(np.concatenate(([True], steps[1:] != steps[:-1])))
    return steps[starts], np.diff(np.concatenate((starts, [len(steps)])))
