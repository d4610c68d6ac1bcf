"""Ties a process to its parent: when the parent dies, however it dies, the kernel kills the child.

The signal follows the parent's *thread*: start children from a thread that lives as long as they may. Changing the
user clears the setting (prctl(2)), so it comes after any setuid, and the parent is looked at once more afterwards,
since it may have died in between.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

from reelkeep.errors import IsolationError

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>


def die_with_parent(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies.

    Args:
        parent_pid: the parent as it was when this process was started; it tells a parent that died meanwhile.

    Raises:
        IsolationError: the parent has gone already, or the kernel refused; the caller must exit.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise IsolationError("this process could not be tied to its parent")
    if os.getppid() != parent_pid:
        raise IsolationError("the parent of this process has gone")
