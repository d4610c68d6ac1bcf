"""Accepts connections on one loopback port and hands each to the company whose host name it asks for."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from reelkeep.gateway.handover import Handover, Unavailable
from reelkeep.gateway.peek import Silent, peek_host

_BACKLOG: Final = 1_024
MAX_PEEKING: Final = 512  # beyond it the connection that has been silent longest is closed
_OUT_OF_DESCRIPTORS_SECONDS: Final = 0.2


class Gateway:
    """The listener and its routing table, which the supervisor pushes."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._routes: dict[str, str] | None = None  # until the supervisor knows its companies
        self._fallback: str | None = None
        self._handovers: dict[str, Handover] = {}
        self._peeking: dict[asyncio.Task[None], None] = {}  # in order of arrival
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def route(self, routes: Mapping[str, str], fallback: str | None) -> None:
        """Take over a routing table: host name to the path of a process's hand-over socket.

        Args:
            fallback: where an unknown name leads on an installation with one company; None: nowhere.
        """
        self._routes, self._fallback = dict(routes), fallback
        for path in set(self._handovers) - set(routes.values()):
            self._handovers.pop(path).close()

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(self._listener)
            except OSError as error:  # out of descriptors, or the client is gone already
                print(f"gateway: accept: {error.strerror}", file=sys.stderr)
                await asyncio.sleep(_OUT_OF_DESCRIPTORS_SECONDS)
                continue
            client.setblocking(False)
            task = asyncio.create_task(self._take(client, (str(peer[0]), int(peer[1]))))
            self._peeking[task] = None
            task.add_done_callback(self._done)
            if len(self._peeking) > MAX_PEEKING:
                next(iter(self._peeking)).cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._peeking.pop(task, None)
        self._passing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"gateway: {error!r}", file=sys.stderr)

    async def _take(self, client: socket.socket, peer: tuple[str, int]) -> None:
        with client, suppress(Silent):
            host = await peek_host(client)
            if (current := asyncio.current_task()) is not None:
                self._peeking.pop(current, None)  # it has spoken: no longer among those that may be closed
                self._passing.add(current)  # the loop itself holds tasks by weak references only
            await self._hand_over(client, host or "", peer)

    async def _hand_over(self, client: socket.socket, host: str, peer: tuple[str, int]) -> None:
        if self._routes is None:
            return _answer_starting(client)
        path = self._routes.get(host, self._fallback)
        if path is None:
            return _answer(client, "421 Misdirected Request", "There is nothing under this name.\n")
        try:
            await self._handovers.setdefault(path, Handover(path)).pass_on(client, host, peer)
        except Unavailable:
            _answer_starting(client)
        return None


def _answer_starting(client: socket.socket) -> None:
    """Tell programs to come back, and let a browser do it by itself."""
    _answer(client, "503 Service Unavailable", "Starting. Try again in a moment.\n", "Retry-After: 1\r\nRefresh: 1\r\n")


def _answer(client: socket.socket, status: str, text: str, extra: str = "") -> None:
    """Send a small answer to a client that nobody else will; unread bytes are taken first, or it would be reset."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n{extra}Connection: close"
    with suppress(OSError):
        client.recv(1 << 16)
        client.send(f"{head}\r\n\r\n{text}".encode("ascii"))
        client.shutdown(socket.SHUT_WR)


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    listener = socket.create_server((address, port), backlog=_BACKLOG)
    listener.setblocking(False)
    return listener
