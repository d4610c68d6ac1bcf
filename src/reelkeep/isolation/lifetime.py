"""Ties a process's life to the process that started it.

Follows prctl(2): the signal set by PR_SET_PDEATHSIG is cleared when credentials change, so it is set after any setuid,
and it comes when the *thread* that forked us ends, so children are started from the supervisor's main thread alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
from typing import Final

from reelkeep.errors import IsolationError

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER: Final = 36
_UCRED: Final = struct.Struct("iII")  # pid, uid, gid; socket(7) SO_PEERCRED


def peer_of(sock: socket.socket) -> int:
    """Return the pid of the process that made a socket pair: 0 if it is in no pid namespace that we see."""
    pid, _, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(pid)


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


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends; raise IsolationError if the kernel refuses.

    Call it before the first of them is started.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise IsolationError("this process cannot adopt the processes that its children leave")
