"""The first code inside a sandbox: closes the last doors, then runs one program on the link.

``python -m reelkeep.isolation.inside MODULE --link-fd N [--lockdown-fd M]``. The program's module is imported whole
before the doors close, because afterwards no file can be opened; its ``main(channel)`` is called then. The parent
hears ``ready`` when all of this is done, and sends nothing before.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import os
import resource
import socket
import sys
from typing import Final

from reelkeep.errors import IsolationError
from reelkeep.isolation.channel import Channel, ChannelClosed, Message
from reelkeep.isolation.hygiene import harden

MAX_THREADS: Final = 256
_SECCOMP_SET_MODE_FILTER: Final = 1  # <linux/seccomp.h>
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38  # <linux/prctl.h>
_SYS_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_INSTRUCTION_BYTES: Final = 8  # struct sock_filter


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def close_doors(instructions: bytes) -> None:
    """Load a seccomp filter on every thread of this process; raise IsolationError if the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(instructions) // _INSTRUCTION_BYTES, instructions)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call = _SYS_SECCOMP[os.uname().machine]
    if libc.syscall(call, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(program)) != 0:
        raise IsolationError(f"the seccomp filter was refused: {os.strerror(ctypes.get_errno())}")


def _read_all(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


def main(arguments: list[str]) -> None:
    """Harden this process, import the program, close the doors, say ready, run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--link-fd", type=int, required=True)
    parser.add_argument("--lockdown-fd", type=int)
    options = parser.parse_args(arguments)
    harden(lock_memory=True)
    channel = Channel(socket.socket(fileno=options.link_fd))
    program = importlib.import_module(options.module)
    if options.lockdown_fd is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (MAX_THREADS, MAX_THREADS))
        close_doors(_read_all(options.lockdown_fd))
    try:
        channel.send(Message("ready"))
        program.main(channel)
    except ChannelClosed:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
