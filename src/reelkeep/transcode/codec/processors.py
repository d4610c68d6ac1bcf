"""How many threads decoders and encoders have: what their libraries would choose, within a bound of ours.

Each thread holds pictures of its own, and they are most of a codec's memory: without the bound, which libx264 does not
have, a machine of 64 processors would need several times the memory of one of 16.
"""

from __future__ import annotations

import os
from typing import Final

MAX_THREADS: Final = 16
MAX_DECODING_BYTES: Final = 1 << 30  # 16 pictures of 2160p
_PIXEL_BYTES: Final = 8  # four channels of 16 bits
MAX_ENCODER_THREADS: Final = 8  # of each rung, and all rungs are encoded at once


def workers(wanted: int) -> int:
    """Return how many pictures of a sequence are decoded side by side; ``wanted`` of a job, 0 leaves it to us."""
    return min(wanted or _processors(), MAX_THREADS)


def decoder_threads(wanted: int, picture_px: int) -> int:
    """Return a decoder's threads: one more than there are processors, as libavcodec does (pthread.c).

    Args:
        picture_px: width times height; of large pictures fewer are decoded at once.
    """
    fitting = MAX_DECODING_BYTES // (max(picture_px, 1) * _PIXEL_BYTES)
    return max(1, min(wanted or _processors() + 1, MAX_THREADS, fitting))


def encoder_threads(wanted: int) -> int:
    """Return an encoder's threads: half again as many as there are processors, as libx264 does (``--threads auto``)."""
    return min(wanted or max(_processors() * 3 // 2, 1), MAX_ENCODER_THREADS)


def _processors() -> int:
    return len(os.sched_getaffinity(0))
