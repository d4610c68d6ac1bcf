"""The one web entry: serves a company's application on sockets that the gateway hands over.

uvicorn's HTTP and WebSocket protocols run on each socket; its server, which would listen, does not. A connection
belongs to the host name it was handed over for: a request with another Host gets 421 (RFC 9110, section 15.5.20). TLS
ends here, with the company's own certificate; a new one serves the connections that come after it. When the company's
network policy changes, connections that it no longer admits are closed, whatever they are in the middle of.

A process whose successor is ready drains: it takes what the gateway has passed already and nothing more, tells each
connection with its next answer to close (RFC 9112, section 9.6), and ends when it has none. An idle connection is not
closed under a client that may be sending at that moment; it ends by its keep-alive time.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, Protocol

import uvloop
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from reelkeep.companies.link import SupervisorLink
from reelkeep.companies.network_policy import NetworkPolicy, admits, policy_from_fields
from reelkeep.errors import IsolationError
from reelkeep.isolation.descriptors import handed_out
from reelkeep.isolation.title import set_title
from reelkeep.web.bounded import BoundedProtocol
from reelkeep.web.connection_host import ConnectionHost
from reelkeep.web.read_watch import ReadWatch
from reelkeep.web.tls import Tls, tls_from_fields
from reelkeep.web.tls_transport import open_tls

STOP_SECONDS: Final = 3.0
KEEP_ALIVE_SECONDS: Final = 60
DRAIN_SECONDS: Final = 120.0  # an idle connection ends after 60; what is being answered then has 60 more
MAX_CONNECTIONS: Final = 1_024  # beyond it the connection that has waited longest for a request is closed
MAX_HANDSHAKES: Final = 256  # under way at a time; beyond it the oldest is given up
MAX_SOCKET_MESSAGE_BYTES: Final = 4_096  # pages listen on WebSockets and say nothing
_MAX_PAYLOAD_BYTES: Final = 4_096
_UCRED: Final = struct.Struct("iII")  # pid, uid, gid; socket(7) SO_PEERCRED


@dataclass(frozen=True)
class Birth:
    """What a web process is from now on: its link, what it was told, and where it takes connections."""

    link: SupervisorLink
    fields: Mapping[str, Any]
    handover: socket.socket


def born(link_socket: socket.socket, title: str) -> Birth:
    """Wait for the birth of a web process that was set apart already (``isolation.apart``).

    Args:
        title: the name that it has in lists of processes from then on.

    Raises:
        SystemExit: the supervisor has ended before.
    """
    sockets = handed_out(link_socket)
    if not sockets:
        raise SystemExit("the supervisor has ended")
    link = SupervisorLink.of_forked(link_socket)
    set_title(title)
    return Birth(link, link.birth(), sockets[0])


class Named(Protocol):
    """A company, as far as it is named in what goes wrong."""

    @property
    def slug(self) -> str: ...


def serve(company: Named, application: Any, handover: socket.socket, link: SupervisorLink | None = None) -> None:
    """Serve ``application`` until SIGTERM: open requests get three seconds to end.

    Args:
        company: whose process this is; named in what goes wrong.
        application: an ASGI 3 application; its lifespan is run.
        handover: where the gateway hands sockets over (``companies.handover``); closed at the end.
        link: brings certificate and network policy, and gets "ready" once connections can come.
    """
    uvloop.run(_Served(company, application, handover).run(link))


class _Served:
    def __init__(self, company: Named, application: Any, handover: socket.socket) -> None:
        self._name = company.slug
        self._handover = handover
        self._tls: Tls | None = None
        self._read_watch = ReadWatch()
        self._policy: NetworkPolicy | None = None
        self._state = ServerState()
        self._max_connections = min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._config = Config(
            application,
            http=BoundedProtocol,
            ws=WebSocketsSansIOProtocol,
            ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="auto",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        self._lifespan = LifespanOn(self._config)
        self._opening: dict[asyncio.Task[None], None] = {}  # in order of arrival
        self._gateways: set[socket.socket] = set()  # connections of the gateway, by which sockets come
        self._draining = asyncio.Event()
        self._busy_at = 0.0  # of the loop's clock: when there last was something to do

    async def run(self, link: SupervisorLink | None) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self._lifespan.startup()
        if self._lifespan.should_exit:
            raise IsolationError(f"the application of {self._name} did not start")
        self._tick()
        if link is not None:
            self._hear(link, loop)
        loop.add_reader(self._handover.fileno(), self._accept)
        besides = [asyncio.create_task(self._drained(stop))]
        if link is not None:
            link.tell("ready")
            besides.append(asyncio.create_task(self._rest_when_idle(link, stop)))
        await stop.wait()
        for task in besides:
            task.cancel()
        await self._stop()

    async def _rest_when_idle(self, link: SupervisorLink, stop: asyncio.Event) -> None:
        """End this process once nobody has wanted anything for the time that it was born with.

        First it takes no more; what the gateway hands over meanwhile stays there and goes to the successor.
        """
        loop, idle_seconds = asyncio.get_running_loop(), float(link.birth()["idle_seconds"])
        self._busy_at = loop.time()
        while (left := self._busy_at + idle_seconds - loop.time()) > 0:
            await asyncio.sleep(min(left, 1.0))
            if self._draining.is_set():
                return
            if self._opening or self._state.connections or self._state.tasks:
                self._busy_at = loop.time()
        for taking in (self._handover, *self._gateways):
            loop.remove_reader(taking.fileno())
        await asyncio.to_thread(link.call, "idle")
        stop.set()

    def _hear(self, link: SupervisorLink, loop: asyncio.AbstractEventLoop) -> None:
        """Take certificate and policy from the birth, and from each push after it."""
        self._take_tls(link.birth().get("tls"))
        self._take_policy(link.birth().get("network"))

        def on_push(kind: str, take: Callable[[Mapping[str, Any] | None], None]) -> None:
            def taken(fields: Mapping[str, Any]) -> None:
                loop.call_soon_threadsafe(take, fields[kind])

            link.on_push(kind, taken)

        on_push("tls", self._take_tls)
        on_push("network", self._take_policy)

        def drain(_: Mapping[str, Any]) -> None:
            loop.call_soon_threadsafe(self._drain)

        link.on_push("drain", drain)

    def _take_tls(self, fields: Mapping[str, Any] | None) -> None:
        self._tls = tls_from_fields(fields)

    def _take_policy(self, fields: Mapping[str, Any] | None) -> None:
        self._policy = policy_from_fields(fields)
        for connection in list(self._state.connections):
            if not self._may_stay(connection):
                connection.transport.abort()

    def _may_stay(self, connection: Any) -> bool:
        whose: ConnectionHost = connection.config.loaded_app
        return admits(self._policy, whose.peer[0], whose.endpoint_id)

    def _accept(self) -> None:
        """Hear everybody who has connected."""
        with contextlib.suppress(OSError):
            while True:
                self._hear_gateway(self._handover.accept()[0])

    def _hear_gateway(self, gateway: socket.socket) -> None:
        _, uid, _ = _UCRED.unpack(gateway.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        if uid not in (0, os.geteuid()):
            gateway.close()
            return
        gateway.setblocking(False)
        self._gateways.add(gateway)
        asyncio.get_running_loop().add_reader(gateway.fileno(), self._receive, gateway)

    def _receive(self, gateway: socket.socket) -> None:
        """Take one socket from the gateway and acknowledge it."""
        try:
            payload, descriptors, _, _ = socket.recv_fds(gateway, _MAX_PAYLOAD_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            payload, descriptors = b"", []
        if not payload:  # the gateway has gone; its successor connects anew
            asyncio.get_running_loop().remove_reader(gateway.fileno())
            self._gateways.discard(gateway)
            gateway.close()
            return
        self._busy_at = asyncio.get_running_loop().time()
        for descriptor in descriptors:
            task = asyncio.create_task(self._open(socket.socket(fileno=descriptor), payload))
            self._opening[task] = None
            task.add_done_callback(self._opened)
            if len(self._opening) > MAX_HANDSHAKES:
                oldest = next(iter(self._opening))
                del self._opening[oldest]
                oldest.cancel()
        with contextlib.suppress(OSError):  # the gateway has gone since: the next read tells
            gateway.send(b"\x01")

    async def _open(self, client: socket.socket, payload: bytes) -> None:
        if len(self._state.connections) >= self._max_connections and not self._make_room():
            client.close()
            return
        fields = json.loads(payload)
        config = copy.copy(self._config)  # HTTP and WebSocket protocols take the application from it
        config.loaded_app = whose = self._connection_host(fields)
        tls = self._tls if fields["is_tls"] else None
        if fields["is_tls"] != (self._tls is not None) or not admits(self._policy, whose.peer[0], whose.endpoint_id):
            client.close()  # the gateway had another policy, or another certificate's time
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol = BoundedProtocol(config=config, server_state=self._state, app_state=self._lifespan.state)
        with contextlib.ExitStack() as undo:
            undo.callback(client.close)
            try:
                if tls is not None:
                    await open_tls(client, tls.context, protocol, self._read_watch)
                else:
                    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, client)
            except OSError:  # no TLS that we speak, or too slow: the client's affair
                return
            undo.pop_all()
        if not self._may_stay(protocol):  # the policy has changed meanwhile
            protocol.transport.abort()

    def _connection_host(self, fields: Mapping[str, Any]) -> ConnectionHost:
        peer = (str(fields["address"]), int(fields["port"]))
        has_hsts = bool(fields["is_tls"]) and self._tls is not None and not self._tls.is_self_signed
        return ConnectionHost(
            self._config.loaded_app,
            str(fields["host"]),
            peer,
            fields["endpoint_id"],
            has_hsts=has_hsts,
            is_last=self._draining.is_set,
        )

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for a request; return False if all are being answered."""
        idle = [each for each in self._state.connections if isinstance(each, BoundedProtocol) and each.is_idle]
        if not idle:
            return False
        min(idle, key=lambda each: each.since).transport.abort()
        return True

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"{self._name}: a connection could not be opened: {type(error).__name__}", file=sys.stderr)

    def _tick(self) -> None:
        """Keep the Date header of answers right, as uvicorn's own server does each second."""
        self._state.default_headers = [
            (b"date", formatdate(usegmt=True).encode()),
            *self._config.encoded_headers,
        ]
        asyncio.get_running_loop().call_later(1.0, self._tick)

    def _drain(self) -> None:
        """Take no more from the gateway than what it has sent, and let each connection end with its next answer.

        The path of the hand-over socket is the successor's by now. A receiver that has shut down still reads what is
        queued, and whoever sends after that gets EPIPE (unix(7)): the gateway then asks for the path anew.
        """
        if self._draining.is_set():
            return
        self._draining.set()
        self._accept()
        self._close_handover()
        for gateway in list(self._gateways):
            with contextlib.suppress(OSError):
                gateway.shutdown(socket.SHUT_RD)
        for connection in list(self._state.connections):
            if not isinstance(connection, BoundedProtocol):
                connection.shutdown()  # a WebSocket has no next answer: 1012, come again (RFC 6455, 7.4; IANA)

    async def _drained(self, stop: asyncio.Event) -> None:
        """Tell to stop once the process drains and has nothing left to do, or the time for it is over."""
        await self._draining.wait()
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN_SECONDS
        while self._gateways or self._opening or self._state.connections or self._state.tasks:
            if loop.time() > until:
                break
            await asyncio.sleep(0.05)
        stop.set()

    def _close_handover(self) -> None:
        if self._handover.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._handover.fileno())
            self._handover.close()

    async def _stop(self) -> None:
        self._close_handover()
        for connection in list(self._state.connections):
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        while (self._state.connections or self._state.tasks) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await self._lifespan.shutdown()
