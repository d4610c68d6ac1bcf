"""HEAD requests over kept connections: an answer without a body needs no general client.

A batch of small files is a hundred of these, and a general client spends more time on one than the store does.
Whatever is not plainly an answer is None: the caller asks again through the SDK, which has the retries and the errors.
"""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.parse
import urllib.request
import weakref
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Final

import certifi

MAX_HEAD_BYTES: Final = 64 << 10
KEPT_CONNECTIONS: Final = 16


class Heads:
    """The connections to one store. Thread-safe.

    Args:
        origin: "https://acme-media.s3.amazonaws.com".
        seconds: for the connection, and for each wait for the answer.
    """

    def __init__(self, origin: str, seconds: float) -> None:
        found = urllib.parse.urlsplit(origin)
        self._origin, self._seconds = origin, seconds
        self._is_tls, self._host = found.scheme == "https", found.hostname or ""
        self._port = found.port or (443 if self._is_tls else 80)
        self._authority = found.netloc
        self._proxy = urllib.request.getproxies().get(found.scheme)  # a process without a network has one
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        weakref.finalize(self, _close, self._idle)  # a store is not closed by whoever opened it

    def ask(self, url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]] | None:
        """Return status and headers (lower-case names) of one answer, or None if there is none."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        is_whole = self._proxy is not None and not self._is_tls  # RFC 9112, 3.2.2: a proxy is told all of it
        target = url if is_whole else url.removeprefix(self._origin)
        request = f"HEAD {target} HTTP/1.1\r\nhost: {self._authority}\r\n{fields}\r\n".encode("latin-1")
        connection: socket.socket | None = None
        try:
            connection = self._take() or self._connect()
            connection.sendall(request)
            answer = _parsed(_until_blank_line(connection))
        except (OSError, ValueError):
            if connection is not None:
                connection.close()
            return None
        self._give_back(connection, keep=answer[1].get("connection", "").lower() != "close")
        return answer

    def _take(self) -> socket.socket | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: socket.socket, *, keep: bool) -> None:
        with self._lock:
            if keep and len(self._idle) < KEPT_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> socket.socket:
        proxy = urllib.parse.urlsplit(self._proxy) if self._proxy else None
        at = (proxy.hostname, proxy.port) if proxy else (self._host, self._port)
        connection = socket.create_connection(at, self._seconds)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy and self._is_tls:
                _tunnel(connection, f"{self._host}:{self._port}")
            return _trust().wrap_socket(connection, server_hostname=self._host) if self._is_tls else connection
        except BaseException:
            connection.close()
            raise


def _close(idle: list[socket.socket]) -> None:
    for connection in idle:
        connection.close()


def _tunnel(connection: socket.socket, to: str) -> None:
    """Have the proxy at the other end connect this connection to ``to``; RFC 9110, section 9.3.6."""
    connection.sendall(f"CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n".encode("ascii"))
    if _parsed(_until_blank_line(connection))[0] != HTTPStatus.OK:
        raise ValueError("the proxy does not connect to the store")


def _until_blank_line(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # nothing follows: the answer to HEAD has no body (RFC 9110, 9.3.2)
        more = connection.recv(8 << 10)
        if not more or len(head) > MAX_HEAD_BYTES:
            raise ValueError("this is no answer to HEAD")
        head += more
    return head


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if version != "HTTP/1.1":
        raise ValueError("the store speaks another HTTP")
    pairs = (line.partition(":") for line in lines)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
