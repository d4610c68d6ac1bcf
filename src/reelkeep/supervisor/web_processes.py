"""The two web processes of one company: what they get of the host, their rest when idle, and their bounds.

A process that has had nothing to do for a while ends. The socket on which it took connections is made anew then, in
the supervisor, which waits for somebody to connect and takes nothing: the successor gets it.

A process that is to succeed one that still serves has its socket beside the other's, and takes its place by ``rename``:
whoever connects from then on comes to the successor, and nobody finds no socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import reelkeep
from reelkeep.companies.destinations import socket_folder
from reelkeep.companies.handover import listen
from reelkeep.isolation.host_uid import LentUid, lend
from reelkeep.supervisor.child import Child
from reelkeep.supervisor.unborn import Start
from reelkeep.supervisor.zygote import Berth, Zygote

_MACHINES_SOCKETS: Final = Path("/run")
DATA_TO_LIMIT: Final = 2  # the kernel's own bound, for what grows faster than we look


@dataclass(frozen=True)
class WebLimits:
    """Bounds of a web process.

    Args:
        idle_seconds: how long it may have nothing to do.
        max_bytes: of its private memory; one that has more is replaced.
        uids: host users for companies' processes, if the supervisor is root.
    """

    idle_seconds: int
    max_bytes: int
    uids: range


class Berths:
    """Where a company's web processes are born and where connections wait for them.

    Args:
        run: folder of the hand-over sockets.
        name: of the company there.
        dsn: of the company's database; a local one is reached by its socket's folder. None: it is not to be reached.
    """

    def __init__(self, zygote: Zygote, run: Path, name: str, dsn: str | None, limits: WebLimits) -> None:
        self._zygote, self._run, self._name, self._limits = zygote, run, name, limits
        self._lent: LentUid | None = lend(limits.uids) if os.geteuid() == 0 else None
        self._database = socket_folder(dsn) if dsn is not None else None
        self.covered = [run, _MACHINES_SOCKETS]  # with sockets of others, which no process of a company may see
        self._waiting: dict[str, socket.socket] = {}

    def path(self, role: str) -> str:
        return str(self._run / f"{self._name}-{role}")

    def start(self, role: str, work: str, *, beside: bool) -> Start:
        """Return what has a process forked.

        Args:
            role: "app" or "media": where connections for it come.
            work: what it does there: the same, or "closed".
            beside: one of this role serves still, and goes on until ``succeed``.
        """
        uid = self._lent.uid if self._lent is not None else None
        reach = [*_python(), *([self._database] if self._database is not None else [])]  # of the release installed now
        berth = Berth(work, uid, reach, self.covered, self._database, self._limits.max_bytes * DATA_TO_LIMIT)

        async def start(link: socket.socket) -> Child:
            at = self._beside(role) if beside else self.path(role)
            with self._waiting.pop(role, None) or listen(at) as handover:
                return await self._zygote.fork(f"{self._name} {role}", berth, link, handover)

        return start

    def succeed(self, role: str) -> None:
        """Let all new connections come to the process that was started beside another."""
        os.replace(self._beside(role), self.path(role))

    def _beside(self, role: str) -> str:
        return f"{self.path(role)}.next"

    def hold(self, role: str) -> None:
        """Let connections wait for the next process of this role; the present one takes no more."""
        self._waiting[role] = listen(self.path(role))

    async def needed(self, role: str) -> None:
        """Return when somebody waits for a process of this role."""
        loop, somebody = asyncio.get_running_loop(), asyncio.Event()
        waiting = self._waiting[role].fileno()
        loop.add_reader(waiting, somebody.set)
        try:
            await somebody.wait()
        finally:
            loop.remove_reader(waiting)

    def close(self) -> None:
        """Give everything back, once the last process has ended."""
        for waiting in self._waiting.values():
            waiting.close()
        if self._lent is not None:
            self._lent.give_back()


def private_bytes(pid: int) -> int:
    """Return the memory of a process that is in no file, in bytes; 0 once it has ended.

    Source: proc_pid_status(5), RssAnon. Pages that it shares with the zygote are counted, too.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    return 0


def _python() -> list[Path]:
    """Return what a process imports from, also after it was set apart."""
    roots = [sys.prefix, sys.base_prefix, *sys.path, *reelkeep.__path__]
    return sorted({Path(root).resolve() for root in roots if root})
