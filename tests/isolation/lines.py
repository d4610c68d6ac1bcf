"""Lines of descent among the machine's processes: proc_pid_stat(5). What has ended and was not reaped is left out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path


def children_of(pid: int) -> list[int]:
    return [child for child, parent, _ in _processes() if parent == pid]


def first_child(pid: int, seconds: float = 20.0, *, of_programs: Sequence[bytes] = (b"",)) -> int:
    """Return the first child of a process as soon as it runs one of these: looked for without a pause."""
    until, file = time.monotonic() + seconds, Path(f"/proc/{pid}/task/{pid}/children")
    while time.monotonic() < until:
        for child in map(int, file.read_text().split() if file.exists() else children_of(pid)):
            if any(program in _command(child) for program in of_programs):
                return child
    raise AssertionError("it has no child")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def members_of(group: int) -> list[int]:
    """Return the processes of a process group."""
    return [member for member, _, its_group in _processes() if its_group == group]


def _processes() -> Iterator[tuple[int, int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if state != "Z":
                    yield int(entry.name), int(parent), int(group)
