"""The name under which a process stands in lists of processes: a forked one has its parent's until it says otherwise.

Follows proc_pid_stat(5), fields arg_start and arg_end, and proc_pid_cmdline(5): what stands there is the process's own
memory, and may be overwritten up to its length.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Final

_ARG_START, _ARG_END = 45, 46  # of the fields behind the name in parentheses: 48 and 49 of all
_PR_SET_NAME: Final = 15  # <linux/prctl.h>
_MAX_NAME_BYTES: Final = 15


def set_title(title: str) -> None:
    """Show ``title`` as the command line, cut to the room there is, and its last part as the name of the thread."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    room = end - start
    if room > 1:
        shown = title.encode()[: room - 1]
        ctypes.memmove(start, shown.ljust(room, b"\0"), room)
    name = title.rpartition(".")[2].encode()[:_MAX_NAME_BYTES]
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name, 0, 0, 0)
