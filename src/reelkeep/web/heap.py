"""What the C library does with memory that was freed. Follows mallopt(3) and malloc_trim(3) of glibc.

A process that reads segment after segment frees and takes some megabytes each time. By itself glibc gives them back to
the kernel in between, which clears each page anew: a third of the processor time of reading one.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # <malloc.h>
_libc: Final = ctypes.CDLL(None)


def keep_freed(most_bytes: int) -> None:
    """Have this process keep as much freed memory for itself, until ``give_back``; elsewhere than in glibc nothing.

    All threads share one heap then, so that what one frees serves another.
    """
    with contextlib.suppress(AttributeError):  # another C library
        for option, value in ((_M_MMAP_THRESHOLD, most_bytes), (_M_TRIM_THRESHOLD, most_bytes), (_M_ARENA_MAX, 1)):
            _libc.mallopt(option, value)


def give_back() -> None:
    """Give the kernel what is free."""
    with contextlib.suppress(AttributeError):
        _libc.malloc_trim(0)
