"""Which processor core a process has, and how much of it it has used. Linux alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def pin(pid: int, core: int) -> None:
    """Move a process with all its threads to one core; nothing happens if it has ended."""
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


@contextmanager
def on_core(core: int, *pids: int) -> Iterator[None]:
    """Move ourselves and others to one core, and ourselves back afterwards."""
    before = os.sched_getaffinity(0)
    for pid in (os.getpid(), *pids):
        pin(pid, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far, in the kernel and outside; in steps of 10 ms (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
