"""Ties a process's life to the process that started it, and closes its memory to its siblings.

Follows prctl(2): the signal set by PR_SET_PDEATHSIG is cleared when credentials change, so it is set after any setuid,
and it comes when the *thread* that forked us ends, so children are started from the supervisor's main thread alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

from reelkeep.errors import IsolationError

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_PR_SET_DUMPABLE: Final = 4


def die_with(parent_pid: int, death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send ``death_signal`` to this process when its parent ends.

    Args:
        parent_pid: the process that must be our parent at this moment.

    Raises:
        IsolationError: the parent has ended already; the caller must end at once.
    """
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:  # it died before the signal was set: nobody would tell us
        raise IsolationError("the process that started this one has ended")


def close_memory() -> None:
    """Refuse ptrace and /proc/<pid>/mem to other processes of the same user, and write no core."""
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise IsolationError(f"prctl {option} failed: {os.strerror(ctypes.get_errno())}")
