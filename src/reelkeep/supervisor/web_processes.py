"""The two web processes of a company: what they get of the host, their rest when idle, and their bounds.

One of each kind stands ready, forked and set apart, for whichever company is wanted next; a second one at once is
forked when it is needed.

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
from functools import partial
from pathlib import Path
from typing import Final

import reelkeep
from reelkeep.companies.destinations import socket_folder
from reelkeep.companies.handover import listen
from reelkeep.supervisor.spare import Spare
from reelkeep.supervisor.unborn import Unborn
from reelkeep.supervisor.zygote import Berth, Zygote

_MACHINES_SOCKETS: Final = Path("/run")
DATA_TO_LIMIT: Final = 2  # the kernel's own bound, for what grows faster than we look
AHEAD: Final = ("app", "media")  # what a company is first wanted for; a closed site may take its time
REFILL_SECONDS: Final = 1.0  # a visitor has his first page by then


@dataclass(frozen=True)
class WebLimits:
    """Bounds of a web process.

    Args:
        idle_seconds: how long it may have nothing to do.
        max_bytes: of its private memory; one that has more is replaced.
    """

    idle_seconds: int
    max_bytes: int


class WebForks:
    """Has web processes forked, some of them ahead of time. Belongs to one event loop.

    Args:
        run: folder of the hand-over sockets, which no process may look into.
        brings: how many sockets each hands in when it leaves the network.
    """

    def __init__(self, zygote: Zygote, run: Path, limits: WebLimits, *, brings: int) -> None:
        self._zygote, self._run, self._limits, self._brings = zygote, run, limits, brings
        self._ahead: dict[tuple[str, Path | None], Spare] = {}

    def begin_later(self, database: Path | None) -> None:
        """Have one of each kind stand ready soon, for companies whose database is reached in this folder."""
        for role in AHEAD:
            fork = partial(self._forked, f"unborn {role}", role, database, is_ahead=True)
            self._ahead[role, database] = spare = Spare(f"{role} process", fork, REFILL_SECONDS)
            spare.begin_later()

    async def end(self) -> None:
        """End those that stand ready."""
        for spare in self._ahead.values():
            await spare.end()

    async def renew(self) -> None:
        """Have others stand ready, of the zygote that there is now."""
        for spare in self._ahead.values():
            await spare.renew()

    async def unborn(self, name: str, role: str, database: Path | None) -> Unborn:
        """Return a process that knows no company yet and is in the network, file system and memory of a web process.

        Args:
            role: "app", "media" or "closed".
            database: folder of the company's database, if it is a local one.

        Raises:
            ReelkeepError: there was none ready, and none could be forked.
        """
        spare = self._ahead.get((role, database))
        return await (spare.taken(name) if spare is not None else self._forked(name, role, database))

    async def _forked(self, name: str, role: str, database: Path | None, *, is_ahead: bool = False) -> Unborn:
        fork = partial(self._zygote.fork, name, self._berth(role, database), is_ahead=is_ahead)
        return await Unborn.started(fork, brings=self._brings)

    def _berth(self, role: str, database: Path | None) -> Berth:
        reach = (*_python(), *([database] if database is not None else []))  # of the release installed now
        return Berth(role, reach, covered(self._run), database, self._limits.max_bytes * DATA_TO_LIMIT)


class Berths:
    """Where a company's web processes are born and where connections wait for them.

    Args:
        run: folder of the hand-over sockets.
        name: of the company there.
        dsn: of the company's database; a local one is reached by its socket's folder. None: it is not to be reached.
    """

    def __init__(self, forks: WebForks, run: Path, name: str, dsn: str | None) -> None:
        self._forks, self._run, self._name = forks, run, name
        self._database = socket_folder(dsn) if dsn is not None else None
        self._waiting: dict[str, socket.socket] = {}

    def path(self, role: str) -> str:
        return str(self._run / f"{self._name}-{role}")

    async def unborn(self, role: str, work: str, *, beside: bool) -> Unborn:
        """Return a process that is to be born as the company's, with its hand-over socket.

        Args:
            role: "app" or "media": where connections for it come.
            work: what it does there: the same, or "closed".
            beside: one of this role serves still, and goes on until ``succeed``.

        Raises:
            ReelkeepError: there was none ready, and none could be forked.
        """
        at = self._beside(role) if beside else self.path(role)
        with self._waiting.pop(role, None) or listen(at) as handover:
            unborn = await self._forks.unborn(f"{self._name} {role}", work, self._database)
            unborn.hand_out(handover)
        return unborn

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


def covered(run: Path) -> tuple[Path, ...]:
    """Return the folders with sockets of others, which no process of a company may look into."""
    return run, _MACHINES_SOCKETS


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
