"""The front of an installation alone: the real gateway and web entries of two companies, no supervisor, no database.

The test stands where the supervisor would: it gives birth, pushes, and hears what the processes tell.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.services.databases import open_folder
from tests.services.installation import STUB

from reelkeep.encryption.tls_certificate import TlsCertificate, self_signed
from reelkeep.isolation.channel import Channel, ChannelClosed, Message
from reelkeep.supervisor.ports import free_ports

ACME, MEDIA, BOREALIS = "acme.localhost", "acme-media.localhost", "borealis.localhost"
HOSTS = {ACME: ("acme", "app"), MEDIA: ("acme", "media"), BOREALIS: ("borealis", "app")}
GATEWAY = ["-I", "-m", "reelkeep.gateway.gateway_process"]


class Process:
    """One of our processes, with the supervisor's end of its link.

    Args:
        inside: what stands before the command, to run it elsewhere.
    """

    def __init__(self, arguments: Sequence[str], birth: Mapping[str, Any], *, inside: Sequence[str] = ()) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [*inside, sys.executable, *arguments, "--link-fd", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        ours.settimeout(30)
        self._channel = Channel(ours)
        self.push("birth", birth)
        self.hear("ready")

    @property
    def pid(self) -> int:
        return self._process.pid

    def push(self, kind: str, fields: Mapping[str, Any]) -> None:
        self._channel.send(Message(kind, fields))

    def hear(self, kind: str) -> Mapping[str, Any]:
        """Return the fields of the next message of this kind."""
        while (message := self._channel.receive()).kind != kind:
            pass
        fields: Mapping[str, Any] = message.fields["fields"]
        return fields

    def end(self) -> None:
        with contextlib.suppress(ChannelClosed):
            self.push("shutdown", {})
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._channel.close()


class Front:
    """The gateway and the processes behind it.

    Args:
        inside: what stands before the gateway's command.
        address: where it listens for TLS.
    """

    def __init__(self, *, inside: Sequence[str] = (), address: str = "0.0.0.0") -> None:
        self.folder = open_folder("rk-front-")
        plain, self.tls_port, self.proxied_port = free_ports(3)
        self.plain_port = plain
        self.certificates = {host: self_signed(host, datetime.now(UTC)) for host in HOSTS}
        self._network: dict[str, Mapping[str, Any] | None] = dict.fromkeys(HOSTS)
        self.web = {host: self._born(host) for host in HOSTS}
        trusted = {"networks": ["127.0.0.1/32"], "endpoints": []}
        listeners = [
            {"address": "127.0.0.1", "port": plain, "kind": "plain", "trusted": None},
            {"address": address, "port": self.tls_port, "kind": "tls", "trusted": None},
            {"address": address, "port": self.proxied_port, "kind": "proxied", "trusted": trusted},
        ]
        given = {"role": "gateway", "listeners": listeners, "insecure_no_sandbox": False}
        self.gateway = Process(GATEWAY, given, inside=inside)
        self.push_routes()

    def _born(self, host: str) -> Process:
        slug, role = HOSTS[host]
        company = {"id": slug, "slug": slug, "name": slug, "app_origin": f"https://{host}", "media_origin": ""}
        birth = {
            "role": role,
            "company": company,
            "dsn": "postgresql://nobody@/nothing",
            "company_key": None,
            "connections": [],
            "placements": {},
            "handover_path": self._path(host),
            "network": None,
            "idle_seconds": 300,
            "tls": tls_fields(self.certificates[host]),
        }
        return Process([*STUB[1:], role, "--open-network"], birth)  # nobody is here who would let it out

    def _path(self, host: str) -> str:
        return str(self.folder / host)

    def push_routes(self) -> None:
        routes = {host: {"path": self._path(host), "network": self._network[host]} for host in HOSTS}
        self.gateway.push("routes", {"routes": routes, "fallback": None})

    def set_network(self, host: str, network: Mapping[str, Any] | None, *, to_process: bool = True) -> None:
        """Set who may come in, as the supervisor does."""
        self._network[host] = network
        if to_process:
            self.web[host].push("network", {"network": network})
        self.push_routes()

    def set_certificate(self, host: str, certificate: TlsCertificate, *, is_trusted: bool = False) -> None:
        self.certificates[host] = certificate
        self.web[host].push("tls", {"tls": {**tls_fields(certificate), "is_self_signed": not is_trusted}})

    def connected(self, port: int, source: str = "127.0.0.1") -> socket.socket:
        """Return a connection from one of loopback's addresses."""
        client = socket.create_connection(("127.0.0.1", port), timeout=15, source_address=(source, 0))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def secured(
        self, host: str, *, source: str = "127.0.0.1", header: bytes | None = None, alpn: Sequence[str] = ()
    ) -> ssl.SSLSocket:
        """Return a TLS connection that trusts this host's certificate alone.

        Args:
            header: what a load balancer sends first; None: none, to the listener that takes none.
        """
        client = self.connected(self.tls_port if header is None else self.proxied_port, source)
        try:
            client.sendall(header or b"")
            return self.trust(host, alpn).wrap_socket(client, server_hostname=host)
        except BaseException:
            client.close()
            raise

    def trust(self, host: str, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.certificates[host].chain)
        context.set_alpn_protocols(list(alpn))
        return context

    def ask(self, host: str, *, source: str = "127.0.0.1", header: bytes | None = None) -> dict[str, Any]:
        """Ask who serves a name, over TLS."""
        with self.secured(host, source=source, header=header) as client:
            status, _, body = exchange(client, host)
            assert status == 200, body
            facts: dict[str, Any] = json.loads(body)
            return facts

    def end(self) -> None:
        for process in (self.gateway, *self.web.values()):
            process.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def exchange(client: socket.socket, host: str, path: str = "/who") -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send a request on a connection that is there already, and return status, fields and body."""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = http.client.HTTPResponse(client)
    answer.begin()
    return answer.status, answer.msg, answer.read()


def upgrade(client: socket.socket, host: str) -> None:
    """Make a WebSocket of a connection.

    By hand: the client of ``websockets`` reads and writes in two threads, and Python's ``ssl`` hangs now and then.
    """
    fields = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    client.sendall(f"GET /echo HTTP/1.1\r\n{lines}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += client.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")


def tls_fields(certificate: TlsCertificate) -> dict[str, Any]:
    return {"chain": certificate.chain, "key": certificate.key, "is_self_signed": certificate.is_self_signed}


@contextlib.contextmanager
def front(*, inside: Sequence[str] = (), address: str = "0.0.0.0") -> Iterator[Front]:
    """Start the front; end what is left of it."""
    one = Front(inside=inside, address=address)
    try:
        yield one
    finally:
        one.end()


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
