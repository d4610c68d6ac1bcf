"""Processors: how many threads decoders have, which threads go first, and which instructions x264 uses.

A decoder has what its library would choose, within a bound of ours: each thread holds pictures of its own, and they are
most of a codec's memory. An encoder has one (``video_encoder``).
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

from numpy._core._multiarray_umath import __cpu_features__ as _features  # type: ignore[import-not-found]

MAX_THREADS: Final = 16
MAX_DECODING_BYTES: Final = 1 << 30  # 16 pictures of 2160p
_PIXEL_BYTES: Final = 8  # four channels of 16 bits
_NICENESS: Final = 10  # setpriority(2), of a whole codec's 5: a third of its weight
# x86-64-v3. With AVX-512, x264's macroblock tree is not the same each time, and its frames are no faster.
_X86_64_V3: Final = "asm=avx2,fma3,bmi1,bmi2,lzcnt"


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


def stand_behind() -> None:
    """Let the encoder of the largest rung go before the calling thread: it has the most to do, in order.

    A codec that stands back further than that already stays as it is: only root goes forward.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


def x264_instructions() -> tuple[str, ...]:
    """Return what to tell x264 of the processor, in the form of x264-params: the same bytes each time, and speed.

    The sandbox has no /proc; numpy asks the processor itself (``numpy.show_runtime`` prints it).
    """
    return (_X86_64_V3,) if _features.get("X86_V3") else ()


def _processors() -> int:
    return len(os.sched_getaffinity(0))
