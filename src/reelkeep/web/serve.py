"""The one web entry: serves a company's application on sockets that the gateway hands over.

uvicorn's HTTP and WebSocket protocols run on each socket; its server, which would listen, does not. A connection
belongs to the host name it was handed over for: a request with another Host gets 421 (RFC 9110, section 15.5.20). TLS
ends here, with the company's own certificate; a new one serves the connections that come after it. When the company's
network policy changes, connections that it no longer admits are closed, whatever they are in the middle of.
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
import ssl
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import uvloop
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.link import SupervisorLink
from reelkeep.companies.network_policy import NetworkPolicy, admits, policy_from_fields
from reelkeep.errors import IsolationError
from reelkeep.isolation.confine import CAP_DAC_OVERRIDE, confine
from reelkeep.web.bounded import BoundedProtocol
from reelkeep.web.connection_host import ConnectionHost
from reelkeep.web.tls import HANDSHAKE_SECONDS, SHUTDOWN_SECONDS, Tls, tls_from_fields

STOP_SECONDS: Final = 3.0
KEEP_ALIVE_SECONDS: Final = 60
MAX_CONNECTIONS: Final = 1_024  # beyond it the connection that has waited longest for a request is closed
MAX_HANDSHAKES: Final = 256  # under way at a time; beyond it the oldest is given up
MAX_SOCKET_MESSAGE_BYTES: Final = 4_096  # pages listen on WebSockets and say nothing
_MAX_PAYLOAD_BYTES: Final = 4_096
_UCRED: Final = struct.Struct("iII")  # pid, uid, gid; socket(7) SO_PEERCRED


def listen(path: str) -> socket.socket:
    """Return the listening hand-over socket at ``path``; one left by a predecessor is replaced."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(8)
    listener.setblocking(False)
    return listener


def born(argv: Sequence[str] | None = None) -> tuple[SupervisorLink, Mapping[str, Any], socket.socket]:
    """Return the link, the birth and the listening hand-over socket of a web process, which is confined from then on.

    Nothing a stranger sends is read before; what he could make of this process then is named in ``isolation.confine``.
    """
    opened: list[socket.socket] = []

    def prepare(birth: Mapping[str, Any]) -> None:
        opened.append(listen(birth["handover_path"]))
        confine(keep=frozenset({CAP_DAC_OVERRIDE}))

    link = SupervisorLink.from_arguments(argv, prepare=prepare)
    return link, link.birth(), opened[0]


def serve(
    company: CompanyHandle, application: Any, handover: socket.socket, link: SupervisorLink | None = None
) -> None:
    """Serve ``application`` until SIGTERM: open requests get three seconds to end.

    Args:
        company: whose process this is; named in what goes wrong.
        application: an ASGI 3 application; its lifespan is run.
        handover: from ``listen``; closed at the end.
        link: brings certificate and network policy, and gets "ready" once connections can come.
    """
    uvloop.run(_Served(company, application, handover).run(link))


class _Served:
    def __init__(self, company: CompanyHandle, application: Any, handover: socket.socket) -> None:
        self._name = company.slug
        self._handover = handover
        self._tls: Tls | None = None
        self._policy: NetworkPolicy | None = None
        self._state = ServerState()
        self._max_connections = min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._config = Config(
            application,
            http=BoundedProtocol,
            ws="websockets-sansio",
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
        if link is not None:
            link.tell("ready")
        await stop.wait()
        await self._stop()

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
        try:
            gateway, _ = self._handover.accept()
        except OSError:
            return
        _, uid, _ = _UCRED.unpack(gateway.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        if uid not in (0, os.geteuid()):
            gateway.close()
            return
        gateway.setblocking(False)
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
            gateway.close()
            return
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
        seconds = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": SHUTDOWN_SECONDS} if tls else {}
        protocol = BoundedProtocol(config=config, server_state=self._state, app_state=self._lifespan.state)
        with contextlib.ExitStack() as undo:
            undo.callback(client.close)
            try:
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: protocol,
                    client,
                    ssl=tls.context if tls else None,
                    **seconds,
                )
            except (OSError, ssl.SSLError):  # no TLS that we speak, or too slow: the client's affair
                return
            undo.pop_all()
        if not self._may_stay(protocol):  # the policy has changed meanwhile
            protocol.transport.abort()

    def _connection_host(self, fields: Mapping[str, Any]) -> ConnectionHost:
        peer = (str(fields["address"]), int(fields["port"]))
        has_hsts = bool(fields["is_tls"]) and self._tls is not None and not self._tls.is_self_signed
        return ConnectionHost(
            self._config.loaded_app, str(fields["host"]), peer, fields["endpoint_id"], has_hsts=has_hsts
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

    async def _stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handover.fileno())
        self._handover.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        while (self._state.connections or self._state.tasks) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await self._lifespan.shutdown()
