"""Forks a process that is to serve one company, and sets it apart before it learns which.

The zygote calls it. Between the zygote and the new process stands a third one for a moment: it makes the namespaces,
forks again, and ends. So the new process is pid 1 of a pid namespace, whose /proc shows it alone, and the supervisor
adopts it (prctl(2), PR_SET_CHILD_SUBREAPER): the zygote may end, the supervisor hears of the end, and the kernel's
death signal follows the supervisor.

OpenSSL tells a fork by another pid, so the pid that forks must be none that a child sees: the zygote is never pid 1.
Follows namespaces(7), user_namespaces(7) and pid_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.errors import IsolationError
from reelkeep.isolation.confine import CAP_DAC_OVERRIDE, confine, drop_bounding_set
from reelkeep.isolation.cover import cover
from reelkeep.isolation.descriptors import hand_in
from reelkeep.isolation.hygiene import harden
from reelkeep.isolation.limits import WEB_OPEN_FILES, ProcessLimits, limit
from reelkeep.isolation.mounts import (
    CLONE_NEWNS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    keep_mounts_here,
    mount,
    unshare,
)
from reelkeep.isolation.network import leave_network
from reelkeep.isolation.passage import open_passage

_CLONE_NEWCGROUP, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x02000000, 0x04000000, 0x08000000  # <linux/sched.h>
_CLONE_NEWUSER, _CLONE_NEWPID = 0x10000000, 0x20000000
_OWN: Final = CLONE_NEWNS | _CLONE_NEWCGROUP | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWPID
_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>
_OOM_SCORE: Final = "500"  # before a database, after a codec (isolation/enter.py)
_MAX_WORD_BYTES: Final = 4_096
_STDIO: Final = (0, 1, 2)

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Order:
    """How a process is set apart.

    Args:
        uid: the host user it becomes, and the group of the same number; None, where we are not root: the zygote's own.
        reach: files and folders that it must get at, also below folders that its user may not pass.
        covered: folders that it may not look into; ``uncovered`` is one below them that it may.
        max_data_bytes: bound of its private memory (RLIMIT_DATA).
        is_demanded: refuse, where the kernel refuses namespaces; else go on as the user we are, and say so. Then the
            machine's network stays open as well, since nobody is there who would take the way out.
    """

    uid: int | None
    reach: Sequence[Path]
    covered: Sequence[Path]
    uncovered: Path | None
    max_data_bytes: int
    is_demanded: bool = True


def fork_apart(order: Order, keep: Sequence[int]) -> int | None:
    """Fork; return the new process's pid, and None in it, where it is apart already.

    Args:
        keep: the descriptors that are the new process's own, besides the standard ones; the first is its link, on
            which the supervisor is handed what listens in its network (``network.leave_network``).

    Raises:
        IsolationError: a namespace was refused; there is no new process.
        SystemExit: in the new process: a later step was refused.
    """
    if os.getpid() == 1:
        raise IsolationError("the process that forks companies' processes must not be pid 1: its children are")
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        _close_all_but({*_STDIO, *keep, writing})  # 1.
        if not _is_child(order, keep[0], writing):
            os._exit(0)
        try:
            _settle(order)
        except (OSError, IsolationError) as error:
            raise SystemExit(f"a company's process could not be set apart: {error}") from None
        return None
    os.close(writing)
    with open(reading, "rb") as said:
        words = said.read(_MAX_WORD_BYTES)
    os.waitpid(middle, 0)  # from now on the new process is the supervisor's
    if not words.isdigit():
        raise IsolationError(
            f"a company's process could not be set apart: {words.decode(errors='replace') or 'it ended'}",
            advice="Let the supervisor create namespaces: in a container it needs CAP_SYS_ADMIN, or user namespaces.",
        )
    return int(words)


def _close_all_but(keep: Collection[int]) -> None:
    before = -1
    for number in sorted(keep):
        if number > before + 1:  # an empty range of closerange begins at 0 and has no end
            os.closerange(before + 1, number)
        before = number
    os.closerange(before + 1, os.sysconf("SC_OPEN_MAX"))


def _is_child(order: Order, link: int, writing: int) -> bool:
    """Make the namespaces, fork, and tell the zygote the pid or what went wrong; return True in the new process."""
    try:
        _enter(order, link)
        child = os.fork()
        if child == 0:
            os.close(writing)
            return True
        os.write(writing, str(child).encode())
    except (OSError, IsolationError) as error:
        os.write(writing, str(error).encode()[:_MAX_WORD_BYTES])
    return False


def _enter(order: Order, link: int) -> None:
    os.umask(0o077)
    os.chdir("/")
    Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    limit(ProcessLimits(order.max_data_bytes, WEB_OPEN_FILES))
    try:
        if order.uid is None:
            _enter_user_namespace()  # 2. without root it gives the right to the others
        unshare(_OWN, "namespaces of its own")  # 3.
    except OSError as error:
        if order.is_demanded:
            raise
        sys.stderr.write(f"zygote: {error}: a company's process has no namespaces of its own\n")
        sys.stderr.flush()
        return
    keep_mounts_here()
    if order.is_demanded:
        _leave_network(link)  # 4. while a namespace may still be made
    if order.uid is not None:
        open_passage([path for path in order.reach if path.exists()], order.uid, order.uid)
    cover(order.covered, but=order.uncovered)


def _leave_network(link: int) -> None:
    supervisor = socket.socket(fileno=link)
    hand_in(supervisor, leave_network())
    supervisor.detach()  # the new process's


def _enter_user_namespace() -> None:
    """Be the same user in a user namespace of our own; the map can be written by a dumpable process alone."""
    uid, gid = os.getuid(), os.getgid()
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    unshare(_CLONE_NEWUSER, "a user namespace of its own")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def _settle(order: Order) -> None:
    is_apart = os.getpid() == 1
    if is_apart:
        mount("proc", Path("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)  # 5. it shows this namespace alone
        if order.uid is not None:
            _become(order.uid)  # 6.
    # 7. No new privileges, no capability, no file but libraries, and the filter of system calls.
    confine(keep=frozenset() if is_apart else frozenset({CAP_DAC_OVERRIDE}), is_demanded=order.is_demanded)
    harden()  # 8. last: an undumpable process could not have written its user map, and a change of user undoes it


def _become(uid: int) -> None:
    drop_bounding_set()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if 0 in (*os.getresuid(), *os.getresgid()):
        raise IsolationError("root was not given up")
