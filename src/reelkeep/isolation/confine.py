"""Confines a process that has its sockets already: no file but Python and its libraries, no signal, no new process.

For the processes that speak to strangers. They run as the supervisor's user, so without this the keyring, the other
companies' processes and the database's files would be theirs to read once they were taken over. Follows landlock(7),
capabilities(7) and prctl(2), PR_SET_NO_NEW_PRIVS. Landlock restricts what is opened afterwards, also by root; ptrace
and /proc/PID/mem of processes outside are refused with it. Connecting to a Unix socket by its path is not: a folder
with such sockets can be covered before (cover.py). System calls are filtered last (seccomp.py).
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import reelkeep
from reelkeep.errors import IsolationError
from reelkeep.isolation.inside import close_doors
from reelkeep.isolation.seccomp import confining_filter

CAP_DAC_OVERRIDE: Final = 1  # <linux/capability.h>; as root, to reach the socket of PostgreSQL, which runs as another
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on x86-64 and arm64
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))  # <linux/landlock.h>
_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}  # kernel interface version to how many rights on files it knows
_SCOPES_SINCE: Final = 6
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2
_O_PATH: Final = os.O_PATH | os.O_CLOEXEC
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_CAPABILITY_VERSION_3: Final = 0x20080522
_LAST_CAPABILITY: Final = 63

# Files of the machine that libraries read while a process runs: names, certificates, time zones.
_MACHINE: Final = (
    "/usr", "/lib", "/lib64", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs",
    "/etc/ld.so.cache", "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/passwd", "/etc/group", "/etc/localtime", "/etc/mime.types",
    "/proc/self", "/sys/devices/system/cpu", "/dev/urandom", "/dev/null",
)  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def landlock_version() -> int:
    """Return the version of the kernel's Landlock interface, 0 if it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))))


def confine(*, keep: frozenset[int] = frozenset(), readable: Iterable[Path] = (), is_demanded: bool = True) -> bool:
    """Confine this process for good; what is open stays open.

    Call it in the only thread, before anything from outside is read.

    Args:
        keep: capabilities to keep, where it has them.
        readable: files and folders to read besides Python's and the machine's libraries.
        is_demanded: refuse, where the library that makes the filter of system calls is missing; else go without it.

    Returns:
        False where the kernel has no Landlock: then capabilities are gone, but files are as open as before.

    Raises:
        IsolationError: there are other threads, or the kernel refused; the process must end.
    """
    if len(os.listdir("/proc/self/task")) != 1:
        raise IsolationError("a process can be confined before it has threads only")
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    version = landlock_version()
    if version:
        _restrict(version, {*map(Path, _MACHINE), *_python(), *readable})
    _drop_capabilities(keep)
    _filter(is_demanded=is_demanded)
    return version > 0


def _filter(*, is_demanded: bool) -> None:
    try:
        doors = confining_filter()
    except IsolationError:
        if is_demanded:
            raise
    else:
        close_doors(doors)


def _python() -> set[Path]:
    roots = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, *reelkeep.__path__]
    return {Path(root) for root in roots if root}


def _restrict(version: int, readable: set[Path]) -> None:
    handled = (1 << max(count for since, count in _FS_RIGHTS.items() if since <= version)) - 1
    scoped = _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if version >= _SCOPES_SINCE else 0
    attributes = _Ruleset(handled, 0, scoped)
    size = ctypes.sizeof(attributes) if version >= _SCOPES_SINCE else 8
    ruleset = _checked(
        _libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)),
        "a Landlock ruleset",
    )
    try:
        for path in readable:
            _allow(ruleset, path)
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)), "Landlock")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path) -> None:
    try:
        found = os.open(path, _O_PATH)
    except FileNotFoundError:
        return
    try:
        rights = _EXECUTE | _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        if path == Path(os.devnull):
            rights |= _WRITE_FILE
        rule = _Beneath(rights, found)
        result = _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
        _checked(result, f"Landlock for {path}")
    finally:
        os.close(found)


def drop_bounding_set(keep: frozenset[int] = frozenset()) -> None:
    """Let no program and no change of user bring a capability back; before root is given up, which it needs."""
    for number in range(_LAST_CAPABILITY + 1):
        if number not in keep:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # refused to those that have none: fine


def _drop_capabilities(keep: frozenset[int]) -> None:
    drop_bounding_set(keep)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(header, data), "reading the capabilities")
    for half in range(2):
        mask = sum(1 << (number - 32 * half) for number in keep if number // 32 == half)
        effective, permitted = data[3 * half], data[3 * half + 1]
        data[3 * half : 3 * half + 3] = [effective & mask, permitted & mask, 0]
    _checked(_libc.capset(header, data), "dropping the capabilities")


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise IsolationError(f"this process could not be confined: {what}: {os.strerror(ctypes.get_errno())}")
    return result
