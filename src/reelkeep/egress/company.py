"""One company's connections to the outside: judged, bounded in number, and closed when the list has them no more."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from reelkeep.companies.destinations import Destination
from reelkeep.egress import relay
from reelkeep.egress.judgement import Judgement
from reelkeep.egress.request import END, MAX_HEAD_BYTES, asked

MAX_CONNECTIONS: Final = 256  # of all processes of one company at a time; 16 for each store and three for a database
HEAD_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0  # for all addresses of a name together; S3's own clients wait for three
_TUNNEL: Final = b"HTTP/1.1 200 OK\r\n\r\n"
_NO: Final = "HTTP/1.1 {} {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_REFUSED: Final = _NO.format(403, "Not in the list of this company").encode()
_AWAY: Final = _NO.format(502, "Nobody answers there").encode()

Refused = Callable[[Destination | None], None]


class CompanyEgress:
    """The way out of one company.

    Args:
        refused: called with what was refused.
    """

    def __init__(self, refused: Refused) -> None:
        self._refused = refused
        self._judgement = Judgement(())
        self._database: Destination | None = None
        self._pipes = relay.Pipes(relay.MAX_PIPES)
        self._open: dict[asyncio.Task[None], Destination | None] = {}

    def allow(self, judgement: Judgement, database: Destination | None) -> None:
        """Take over the company's list; connections to what it has no more are closed."""
        self._judgement, self._database = judgement, database
        for task, destination in list(self._open.items()):
            if destination is not None and not judgement.lists(destination):
                task.cancel()

    def take(self, client: socket.socket, *, is_database: bool) -> None:
        """Serve one connection from now on; one too many is closed."""
        if len(self._open) >= MAX_CONNECTIONS:
            client.close()
            return
        task = asyncio.create_task(self._serve(client, is_database=is_database))
        self._open[task] = None
        task.add_done_callback(self._open.pop)

    async def _serve(self, client: socket.socket, *, is_database: bool) -> None:
        with client, contextlib.suppress(OSError, TimeoutError):  # whoever asked has gone, or is too slow
            if is_database:
                await self._join(client, self._database)
            else:
                await self._serve_http(client)

    async def _serve_http(self, client: socket.socket) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await _head(client)
        found = asked(head)
        if found is None:
            self._refused(None)
            return await _answer(client, _REFUSED)
        if found.is_tunnel:  # what follows a tunnel's head is the destination's
            return await self._join(client, found.destination, after=head.partition(END)[2], opened=_TUNNEL)
        return await self._join(client, found.destination, after=head)

    async def _join(
        self, client: socket.socket, destination: Destination | None, *, after: bytes = b"", opened: bytes = b""
    ) -> None:
        """Connect to a destination, say ``opened`` to the client and ``after`` to it, and let both talk."""
        is_http = bool(after or opened)
        if destination is None or not self._judgement.lists(destination):
            self._refused(destination)
            return await _answer(client, _REFUSED) if is_http else None
        self._note(destination)
        addresses = await _look_up(destination)
        admitted = [each for each in addresses if self._judgement.admits(destination, each[1][0])]
        if addresses and not admitted:
            self._refused(destination)
            return await _answer(client, _REFUSED) if is_http else None
        server = await _connect(admitted)
        if server is None:
            return await _answer(client, _AWAY) if is_http else None
        with server:
            loop = asyncio.get_running_loop()
            if opened:
                await loop.sock_sendall(client, opened)
            if after:
                await loop.sock_sendall(server, after)
            return await relay.relay(client, server, self._pipes)

    def _note(self, destination: Destination) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = destination


async def _head(client: socket.socket) -> bytes:
    """Return what the client sends first, to the end of the head or beyond it."""
    head = b""
    while END not in head and len(head) <= MAX_HEAD_BYTES:
        more = await asyncio.get_running_loop().sock_recv(client, MAX_HEAD_BYTES)
        if not more:
            raise ConnectionResetError("the client went away")
        head += more
    return head


async def _answer(client: socket.socket, answer: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(client, answer)


_Found = tuple[socket.AddressFamily, tuple[Any, ...]]


async def _look_up(destination: Destination) -> list[_Found]:
    """Return the addresses of a destination, once: what is judged is what is connected to."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                destination.host, destination.port, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [(family, address) for family, _, _, _, address in found]


async def _connect(addresses: Sequence[_Found]) -> socket.socket | None:
    """Return a connection to the first address that takes one."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            for family, address in addresses:
                server = socket.socket(family, socket.SOCK_STREAM)
                server.setblocking(False)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    await asyncio.get_running_loop().sock_connect(server, address)
                except OSError:
                    server.close()
                except BaseException:
                    server.close()
                    raise
                else:
                    return server
    return None
