"""What a process that holds secrets or plain pictures does to itself first: no core, no ptrace, no swap if it may.

A core limit of 0 is ignored when the kernel pipes cores to a handler; a limit of 1 byte stops these too (core(5)).
"""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from typing import Final

from reelkeep.errors import IsolationError

CORE_LIMIT_BYTES: Final = 1
_PR_GET_DUMPABLE: Final = 3  # <linux/prctl.h>
_PR_SET_DUMPABLE: Final = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # <bits/mman-linux.h>
_CAP_IPC_LOCK: Final = 14  # <linux/capability.h>


@dataclass(frozen=True)
class Hygiene:
    """How far a process could close itself."""

    memory_locked: bool


def harden(*, lock_memory: bool = False) -> Hygiene:
    """Make this process not dumpable and without cores; lock its memory if asked and allowed.

    Call it after the last exec (exec makes a process dumpable again) and before any secret arrives.

    Raises:
        IsolationError: the kernel refused; nothing secret may be loaded.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (CORE_LIMIT_BYTES, CORE_LIMIT_BYTES))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise IsolationError("this process could not be made undumpable")
    return Hygiene(memory_locked=lock_memory and _lock_memory(libc))


def _lock_memory(libc: ctypes.CDLL) -> bool:
    """Keep all pages in memory as they are touched. Under a small limit later allocations would fail: leave it."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        if not _has_capability(_CAP_IPC_LOCK):
            return False
        try:  # the capability may be given up later, and then the limit counts
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (OSError, ValueError):
            return False
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def _has_capability(number: int) -> bool:
    try:
        with open(f"/proc/{os.getpid()}/status", encoding="ascii") as status:
            effective = next((line for line in status if line.startswith("CapEff:")), "CapEff: 0")
    except FileNotFoundError:
        return False  # a sandbox without /proc, which has no capability either
    return bool(int(effective.split()[1], 16) >> number & 1)
