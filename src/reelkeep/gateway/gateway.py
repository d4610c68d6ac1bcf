"""Accepts connections and hands each to the process of the company whose name it asks for, if its network may come in.

A listener is of one kind for good. Whether a PROXY header is there is never guessed: one kind requires exactly one, the
others take none.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from reelkeep.companies.network_policy import NetworkPolicy, admits, plain_address, policy_from_fields
from reelkeep.gateway.client_hello import (
    INTERNAL_ERROR,
    MAX_HELLO_BYTES,
    UNRECOGNIZED_NAME,
    NotTls,
    alert,
    server_name,
)
from reelkeep.gateway.crowd import Crowd, source_of
from reelkeep.gateway.handover import Handover, Passenger, Unavailable
from reelkeep.gateway.host import MAX_HEAD_BYTES
from reelkeep.gateway.peek import PEEK_SECONDS, Silent, host_field, peek
from reelkeep.gateway.proxy_header import MAX_HEADER_BYTES, BadHeader, parse
from reelkeep.gateway.refusals import Refusals

_BACKLOG: Final = 1_024
_OUT_OF_DESCRIPTORS_SECONDS: Final = 0.2


class Kind(enum.Enum):
    PLAIN = "plain"  # HTTP, for development on loopback
    TLS = "tls"
    PROXIED = "proxied"  # a PROXY header of version 2, then TLS


@dataclass(frozen=True)
class Listener:
    """A listening socket.

    Args:
        trusted: networks whose PROXY headers are believed; whoever else connects is closed.
    """

    sock: socket.socket
    kind: Kind
    trusted: NetworkPolicy | None = None


@dataclass(frozen=True)
class Route:
    path: str  # of a process's hand-over socket
    policy: NetworkPolicy | None  # None: the site is open to everybody


@dataclass(frozen=True)
class _Source:
    """Where a connection comes from, as far as it can be known."""

    address: str
    port: int
    endpoint_id: str | None = None


class Gateway:
    """The listeners and their routing table, which the supervisor pushes."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners
        self._routes: Mapping[str, Route] | None = None  # until the supervisor knows its companies
        self._fallback: str | None = None
        self._handovers: dict[str, Handover] = {}
        self._crowd = Crowd()
        self._passing: set[asyncio.Task[None]] = set()
        self.refusals = Refusals()

    def route(self, routes: Mapping[str, Route], fallback: str | None) -> None:
        """Take over a routing table: host name to where it leads.

        Args:
            fallback: the name that stands for an unknown one on a plain listener with one company; None: nothing does.
        """
        self._routes, self._fallback = dict(routes), fallback
        for path in set(self._handovers) - {route.path for route in routes.values()}:
            self._handovers.pop(path).close()

    async def run(self) -> None:
        """Accept until cancelled."""
        await asyncio.gather(*(self._accept(listener) for listener in self._listeners))

    async def _accept(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(listener.sock)
            except OSError as error:  # out of descriptors, or the client is gone already
                print(f"gateway: accept: {error.strerror}", file=sys.stderr)
                await asyncio.sleep(_OUT_OF_DESCRIPTORS_SECONDS)
                continue
            client.setblocking(False)
            source = _Source(str(plain_address(str(peer[0])) or peer[0]), int(peer[1]))
            if not admits(listener.trusted, source.address, None):
                client.close()
                continue
            task = asyncio.create_task(self._take(client, source, listener.kind))
            task.add_done_callback(self._done)
            self._crowd.enter(task, "" if listener.kind is Kind.PROXIED else source_of(source.address))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._crowd.leave(task)
        self._passing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"gateway: {error!r}", file=sys.stderr)

    async def _take(self, client: socket.socket, source: _Source, kind: Kind) -> None:
        with client, suppress(Silent, NotTls, BadHeader):
            current, until = asyncio.current_task(), asyncio.get_running_loop().time() + PEEK_SECONDS
            assert current is not None
            if kind is Kind.PROXIED:
                source = await _introduced(client, until)
                self._crowd.enter(current, source.endpoint_id or source_of(source.address))
            if kind is Kind.PLAIN:
                host = await peek(client, host_field, MAX_HEAD_BYTES, until)
            else:
                host = await peek(client, server_name, MAX_HELLO_BYTES, until)
            self._crowd.leave(current)  # it has spoken: no longer among those that may be closed
            self._passing.add(current)  # the loop itself holds tasks by weak references only
            await self._hand_over(client, host, source, is_tls=kind is not Kind.PLAIN)

    async def _hand_over(self, client: socket.socket, host: str, source: _Source, *, is_tls: bool) -> None:
        if self._routes is None:
            return _answer_starting(client, is_tls=is_tls)
        name = host if is_tls or host in self._routes else self._fallback
        route = self._routes.get(name) if name is not None else None
        if route is None:
            return _answer_unknown(client, is_tls=is_tls)
        if not admits(route.policy, source.address, source.endpoint_id):
            self.refusals.count(str(name), source.endpoint_id or source.address)
            return _answer_unknown(client, is_tls=is_tls)  # as if there were nothing under this name
        passenger = Passenger(host, source.address, source.port, source.endpoint_id, is_tls)
        try:
            await self._handovers.setdefault(route.path, Handover(route.path)).pass_on(client, passenger)
        except Unavailable:
            _answer_starting(client, is_tls=is_tls)
        return None


async def _introduced(client: socket.socket, until: float) -> _Source:
    """Take the PROXY header, and not one byte more, and return whose connection it is.

    Raises:
        Silent: it is a health check, which wants no more than to be accepted. BadHeader: close the connection.
    """
    header = await peek(client, parse, MAX_HEADER_BYTES, until)
    if len(client.recv(header.length_bytes)) != header.length_bytes or header.address is None:
        raise Silent
    found = plain_address(header.address)
    return _Source(str(found), header.port, header.endpoint_id)


def routes_from_fields(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Route]:
    """Return the routing table of a ``routes`` push."""
    return {host: Route(one["path"], policy_from_fields(one["network"])) for host, one in fields.items()}


def _answer_unknown(client: socket.socket, *, is_tls: bool) -> None:
    if is_tls:
        _send(client, alert(UNRECOGNIZED_NAME))
    else:
        _answer(client, "421 Misdirected Request", "There is nothing under this name.\n")


def _answer_starting(client: socket.socket, *, is_tls: bool) -> None:
    """Tell programs to come back, and let a browser do it by itself; TLS has no word for it without a certificate."""
    if is_tls:
        return _send(client, alert(INTERNAL_ERROR))
    extra = "Retry-After: 1\r\nRefresh: 1\r\n"
    return _answer(client, "503 Service Unavailable", "Starting. Try again in a moment.\n", extra)


def _answer(client: socket.socket, status: str, text: str, extra: str = "") -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n{extra}Connection: close"
    _send(client, f"{head}\r\n\r\n{text}".encode("ascii"))


def _send(client: socket.socket, answer: bytes) -> None:
    """Send a small answer to a client that nobody else will; unread bytes are taken first, or it would be reset."""
    with suppress(OSError):
        client.recv(1 << 16)
        client.send(answer)
        client.shutdown(socket.SHUT_WR)


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. On "::" it takes IPv4 too, where the machine has both."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = address == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((address, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    return listener
