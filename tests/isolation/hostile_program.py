"""A program that tries everything a taken-over codec would, and reports what it got. Runs inside and outside.

It is bound into the sandbox in place of the codec, so it stands behind exactly the codec's barriers. ``main`` waits
for the test's word with what to look for, so that the parent's own files and processes can be named.
"""

import ctypes
import encodings.idna  # noqa: F401 - connect() imports it, and inside nothing can be imported any more
import json
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

import av  # noqa: F401 - the codec's packages are there, as they are for the codec
import numpy  # noqa: F401

from reelkeep.isolation.channel import Channel, Message

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def _called(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def connect(address: list[Any]) -> str:
    with socket.socket() as sock:
        sock.settimeout(3)
        sock.connect((address[0], address[1]))
        return sock.recv(5).decode()


def connect_local(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(3)
        sock.connect(path)
        return sock.recv(5).decode()


def write_somewhere(folders: list[str]) -> str:
    errors = []
    for folder in folders:
        path = f"{folder}/reelkeep-hostile-{os.getpid()}"
        try:
            fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        except OSError as error:
            errors.append(error)
            continue
        os.write(fd, b"x")
        os.close(fd)
        os.unlink(path)
        return folder
    raise errors[0]


def write_memory_file() -> int:
    return os.write(os.memfd_create("hostile"), b"x")


def see_process(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read(8).hex()


def signal_process(pid: int) -> str:
    os.kill(pid, 0)
    return "alive"


def trace(pid: int) -> str:
    _called(LIBC.ptrace(PTRACE_ATTACH, pid, 0, 0))
    os.waitpid(pid, 0)
    LIBC.ptrace(PTRACE_DETACH, pid, 0, 0)
    return "attached"


def slow_down(pid: int) -> str:
    os.setpriority(os.PRIO_PROCESS, pid, 19)  # 0: this thread
    return "slower"


def start_process() -> str:
    if not (pid := os.fork()):
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


def execute() -> str:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    return "ran"


def new_namespace() -> str:
    if not (pid := os.fork()):
        os._exit(0 if LIBC.unshare(0x10000000) == 0 else 1)
    if os.waitpid(pid, 0)[1]:
        raise PermissionError(1, "unshare")
    return "made"


def executable_memory() -> str:
    LIBC.mmap.restype = ctypes.c_long
    _called(-1 if LIBC.mmap(None, 4096, 7, 0x22, -1, 0) == -1 else 0)
    return "mapped"


def raise_limit() -> str:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return "set"


def attempts(target: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    return {
        "network": lambda: connect(target["address"]),
        "local socket": lambda: connect_local(target["local_socket"]),
        "write a file": lambda: write_somewhere(target["folders"]),
        "write a memory file": write_memory_file,
        "read a secret file": lambda: open(target["secret_file"]).read(),
        "read the password file": lambda: open("/etc/passwd").read(4),
        "list the root": lambda: sorted(os.listdir("/"))[:3],
        "see a process": lambda: see_process(target["pid"]),
        "signal a process": lambda: signal_process(target["pid"]),
        "trace a process": lambda: trace(target["victim"]),
        "slow a process down": lambda: slow_down(os.getpid()),
        "stand back": lambda: slow_down(0),
        "start a process": start_process,
        "execute": execute,
        "new namespace": new_namespace,
        "executable memory": executable_memory,
        "raise a limit": raise_limit,
    }


def _outcome(attempt: Callable[[], Any]) -> list[Any]:
    try:
        return ["succeeded", attempt()]
    except OSError as error:
        return ["failed", error.errno]
    except ValueError:  # the resource module's word for EPERM
        return ["failed", 1]


# Tried while the program is imported, when opening files is still allowed: here only the walls hold.
EARLY = {
    "list the root": _outcome(lambda: sorted(os.listdir("/"))),
    "write a file": _outcome(lambda: write_somewhere(["/", "/packages", "/python", "/libraries"])),
    "read the password file": _outcome(lambda: open("/etc/passwd").read(4)),  # noqa: SIM115
    "list processes": _outcome(lambda: len(os.listdir("/proc"))),
    "list devices": _outcome(lambda: len(os.listdir("/dev"))),
    "make a socket": _outcome(lambda: socket.socket().close()),
}


def main(channel: Channel) -> None:
    """Try all, report, then wait: first to be looked at from outside, then to be told how to die."""
    target = channel.receive().fields
    report: dict[str, Any] = {}
    for name, attempt in attempts(dict(target)).items():
        report[name] = _outcome(attempt)
    report["early"] = EARLY
    report["environment"] = dict(os.environ)
    report["limits"] = {name: resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_CORE", "RLIMIT_FSIZE")}
    channel.send(Message("report", json.loads(json.dumps(report))))
    if channel.receive().kind == "crash":
        ctypes.string_at(0)
