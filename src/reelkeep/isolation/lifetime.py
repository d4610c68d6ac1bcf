"""Ties a process's life to the process that started it.

Follows prctl(2): the signal set by PR_SET_PDEATHSIG is cleared when credentials change, so it is set after any setuid,
and it comes when the *thread* that forked us ends, so children are started from the supervisor's main thread alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

from reelkeep.errors import IsolationError

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>


def die_with(parent_pid: int, death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send ``death_signal`` to this process when its parent ends.

    Args:
        parent_pid: the process that must be our parent at this moment.
        death_signal: another one only for programs that have to end their own children first.

    Raises:
        IsolationError: the parent has ended already, or the kernel refused; the caller must end at once.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise IsolationError("this process could not be tied to its parent")
    if os.getppid() != parent_pid:  # it ended before the signal was set: nobody would tell us
        raise IsolationError("the process that started this one has ended")
