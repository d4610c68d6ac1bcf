"""One rung's encoder on a thread of its own, so that rungs, their checks and the decoder have all processors.

Libraries let go of Python's lock while they encode and decode. Each lane works in order, so a rung's GOPs are the same
as without it; those of different rungs come in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from reelkeep.transcode.codec.band_encoder import BandEncoder
from reelkeep.transcode.codec.processors import stand_behind
from reelkeep.transcode.codec.video_encoder import VideoEncoder
from reelkeep.transcode.protocol import Fragment, Track

MAX_WAITING: Final = 4  # pictures of a rung that wait for their turn


class Lane:
    """Used by one thread. What goes wrong in the encoder is raised by whichever call comes to it.

    Args:
        goes_first: it is the lane that all others wait for in the end.
    """

    def __init__(self, encoder: VideoEncoder | BandEncoder, *, goes_first: bool) -> None:
        self.first = encoder.first
        self._encoder = encoder
        self._thread = ThreadPoolExecutor(1, "lane", initializer=None if goes_first else stand_behind)
        self._waiting: deque[Future[list[Fragment]]] = deque()

    def track(self) -> Track:
        """Describe the track, also before the first frame."""
        return self._encoder.track()

    def encode(self, number: int, picture: Any) -> Iterator[Fragment]:
        """Take the picture of grid frame ``number``, which nobody may change any more; yield GOPs complete by now."""
        self._begin(lambda: self._encoder.encode(number, picture))
        while self._waiting and (len(self._waiting) > MAX_WAITING or self._waiting[0].done()):
            yield from self._waiting.popleft().result()

    def end(self) -> None:
        """Let the encoder come to its end; ``rest`` yields what it makes. Takes no picture afterwards."""
        self._begin(self._encoder.finish)
        self._thread.shutdown(wait=False)

    def rest(self) -> Iterator[Fragment]:
        """Yield everything that is left, and wait for it."""
        while self._waiting:
            yield from self._waiting.popleft().result()

    def _begin(self, work: Callable[[], Iterator[Fragment]]) -> None:
        self._waiting.append(self._thread.submit(lambda: list(work())))
