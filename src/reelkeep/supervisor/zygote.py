"""The supervisor's end of the zygote: has processes forked for companies, and a fresh zygote every so many forks.

A zygote that ends takes nobody along: the processes it has forked are the supervisor's own. Forks that are asked for
meanwhile wait for the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reelkeep.errors import DependencyError, IsolationError, ReelkeepError
from reelkeep.isolation.host_uid import LentUid, lend
from reelkeep.supervisor.child import Adopted, Child, spawn
from reelkeep.supervisor.kept import Kept

READY_SECONDS: Final = 60.0
FORK_SECONDS: Final = 10.0
STOP_SECONDS: Final = 2.0
_MAX_REPLY_BYTES: Final = 16 << 10


@dataclass(frozen=True)
class Berth:
    """What a process gets of the host; the zygote learns nothing else of it.

    Args:
        role: "app", "media" or "closed".
        reach: files and folders that this user must get at, also below closed ones.
        covered: folders that it may not look into.
        uncovered: a folder below one of these that it may.
        max_data_bytes: bound of its private memory.
    """

    role: str
    reach: tuple[Path, ...]
    covered: tuple[Path, ...]
    uncovered: Path | None
    max_data_bytes: int


class Zygote:
    """Keeps one zygote, and replaces it.

    Args:
        program: its command.
        max_forks: after as many, another one with another address layout and hash seed takes over.
        uids: host users for the processes, each of which gets one of its own if the supervisor is root.
    """

    def __init__(self, program: Sequence[str], max_forks: int, uids: range) -> None:
        self._program, self._max_forks, self._uids = program, max_forks, uids
        self._kept = self._keep()
        self._current: _Generation | None = None
        self._is_ready = asyncio.Event()
        self._renewing: asyncio.Task[bool] | None = None
        self._forking: set[asyncio.Task[Child]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._lost: list[LentUid | None] = []

    def begin_later(self) -> None:
        """Start it soon, and keep it from now on. Must be called in the main thread."""
        self._kept.begin_later()

    async def end(self) -> None:
        """Stop it; the processes it has forked stay."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        await self._kept.end()

    async def fork(self, name: str, berth: Berth, link: socket.socket, *, is_ahead: bool = False) -> Child:
        """Have a process forked.

        Args:
            link: its socket; the caller closes its own copy.
            is_ahead: nobody waits for it yet.

        Raises:
            DependencyError: no zygote came up in time, or it ended.
            IsolationError: the process could not be set apart, or there is no user for it.
        """
        forking = asyncio.create_task(self._fork(name, berth, link.dup(), is_ahead=is_ahead))
        self._forking.add(forking)
        forking.add_done_callback(self._forking.discard)
        try:
            return await asyncio.shield(forking)
        except asyncio.CancelledError:
            forking.add_done_callback(self._discard)  # its answer has to be heard, or the next one hears it
            raise

    async def _fork(self, name: str, berth: Berth, link: socket.socket, *, is_ahead: bool) -> Child:
        with link:
            lent = lend(self._uids) if os.geteuid() == 0 else None
            try:
                current, pid = await self._forked(_Order(berth, lent.uid if lent else None, is_ahead), link)
            except (_NotTaken, IsolationError):
                if lent is not None:
                    lent.give_back()
                raise
            except BaseException:
                self._lost.append(lent)  # there may be a process that has this user
                raise
        if current.forks >= self._max_forks and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew())
        return Child(name, Adopted(pid, lent.give_back if lent is not None else lambda: None))

    def _discard(self, forking: asyncio.Task[Child]) -> None:
        """Kill a process that nobody wants any more."""
        if not forking.cancelled() and forking.exception() is None:
            ending = asyncio.create_task(forking.result().stopped(seconds=0))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def renew(self) -> bool:
        """Have another one take over, which imports what is installed now; return False if none became ready."""
        if self._renewing is not None:
            await asyncio.wait({self._renewing})
        self._renewing = asyncio.create_task(self._renew())
        return await self._renewing

    async def _forked(self, order: _Order, link: socket.socket) -> tuple[_Generation, int]:
        while True:
            try:
                await asyncio.wait_for(self._is_ready.wait(), READY_SECONDS)
            except TimeoutError:
                raise _NotTaken("there is no zygote to fork a company's process") from None
            assert self._current is not None
            try:
                return self._current, await self._current.fork(order, link)
            except _NotTaken:
                self._is_ready.clear()  # set again by the next one

    def _keep(self) -> Kept:
        return Kept("zygote", self._start)

    async def _start(self) -> _Generation:
        fresh = self._current = await _Generation.started(self._program, self._ended)
        self._is_ready.set()
        return fresh

    def _ended(self, one: _Generation) -> None:
        if one is self._current:
            self._is_ready.clear()

    async def _renew(self) -> bool:
        """Start the successor first, so that nobody waits for it; if none becomes ready, the present one stays."""
        successor = self._keep()
        try:
            await successor.begin()
        except ReelkeepError as error:
            print(f"supervisor: no zygote took over: {error.message}", file=sys.stderr)
            return False
        former, self._kept = self._kept, successor
        await former.end()
        return True


@dataclass(frozen=True)
class _Order:
    berth: Berth
    uid: int | None
    is_ahead: bool

    def as_fields(self) -> dict[str, Any]:
        berth = self.berth
        return {
            "role": berth.role, "uid": self.uid, "max_data_bytes": berth.max_data_bytes, "is_ahead": self.is_ahead,
            "reach": [str(path) for path in berth.reach], "covered": [str(path) for path in berth.covered],
            "uncovered": str(berth.uncovered) if berth.uncovered is not None else None,
        }  # fmt: skip


class _NotTaken(DependencyError):
    """There was no zygote, or it had ended before it got the order."""


class _Generation:
    """One zygote, from its start to its end."""

    def __init__(self, child: Child, sock: socket.socket, on_end: Callable[[_Generation], None]) -> None:
        self.forks = 0
        self._child, self._socket, self._on_end = child, sock, on_end
        self._turn = asyncio.Lock()

    @classmethod
    async def started(cls, program: Sequence[str], on_end: Callable[[_Generation], None]) -> _Generation:
        """Start one and wait until it has everything imported; raise DependencyError if it does not."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            child = spawn("zygote", [*program, "--orders-fd", str(theirs.fileno())], pass_fds=[theirs.fileno()])
        one = cls(child, ours, on_end)
        async with contextlib.AsyncExitStack() as undo:
            undo.callback(ours.close)
            undo.push_async_callback(child.stopped, seconds=0)
            await one._heard(READY_SECONDS)
            undo.pop_all()
        return one

    async def ended(self) -> int:
        status = await self._child.ended()
        self._on_end(self)
        async with self._turn:
            self._socket.close()
        return status

    async def stop(self) -> None:
        async with self._turn:  # what it is forking it forks to the end
            await self._child.stopped(seconds=STOP_SECONDS)

    async def fork(self, order: _Order, link: socket.socket) -> int:
        """Order one process and return its pid.

        Raises:
            _NotTaken: another zygote may be asked. DependencyError: it ended meanwhile; none may, for there may be a
                process that has this socket. IsolationError: the process could not be set apart.
        """
        async with self._turn:
            try:
                socket.send_fds(self._socket, [json.dumps(order.as_fields()).encode()], [link.fileno()])
            except OSError:
                raise _NotTaken from None
            self.forks += 1
            reply = await self._heard(FORK_SECONDS)
        if (pid := reply.get("pid")) is None:
            raise IsolationError(str(reply.get("error")), advice=str(reply.get("advice")))
        return int(pid)

    async def _heard(self, seconds: float) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                words = await asyncio.get_running_loop().sock_recv(self._socket, _MAX_REPLY_BYTES)
        except (OSError, TimeoutError):
            words = b""
        if not words:
            await self._child.stopped(seconds=0)  # one that does not answer must not answer the next question
            raise DependencyError("the zygote ended, or did not answer in time")
        reply: Mapping[str, Any] = json.loads(words)
        return reply
