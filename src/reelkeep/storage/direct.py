"""HEAD and GET of one object over kept connections, by requests that were signed already.

A batch of small files is a hundred of the first, and whoever watches a film needs one of the second for each bundle; a
general client spends more time on one than the store does. Whatever is not plainly the answer is None: the caller asks
again through the SDK, which has the retries and the errors.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
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
_HEAD_PIECE_BYTES: Final = 8 << 10
_END: Final = b"\r\n\r\n"
_TIMEVAL: Final = struct.Struct("@ll")  # seconds and microseconds; socket(7), SO_RCVTIMEO
KEPT_CONNECTIONS: Final = 16


class DirectRequests:
    """The connections to one store. Thread-safe.

    Args:
        origin: "https://acme-media.s3.amazonaws.com".
        connect_seconds, seconds: for a connection, and for each wait for the answer.
    """

    def __init__(self, origin: str, connect_seconds: float, seconds: float) -> None:
        found = urllib.parse.urlsplit(origin)
        self._origin, self._connect_seconds, self._seconds = origin, connect_seconds, seconds
        self._is_tls, self._host = found.scheme == "https", found.hostname or ""
        self._port = found.port or (443 if self._is_tls else 80)
        self._authority = found.netloc
        self._proxy = urllib.request.getproxies().get(found.scheme)  # a process without a network has one
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        weakref.finalize(self, _close, self._idle)  # a store is not closed by whoever opened it

    def head(self, url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]] | None:
        """Return status and headers (lower-case names) of one answer, or None if there is none."""
        found = self._ask("HEAD", url, headers, 0)
        return found[:2] if found is not None else None

    def get(self, url: str, headers: Mapping[str, str], offset: int, length: int) -> bytes | bytearray | None:
        """Return the ``length`` bytes from ``offset``, which ``headers`` ask for, or None if the answer is another."""
        found = self._ask("GET", url, headers, length)
        if found is not None and not found[1].get("content-range", "").startswith(f"bytes {offset}-"):
            return None
        return found[2] if found is not None else None

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], length: int
    ) -> tuple[int, dict[str, str], bytes | bytearray] | None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        is_whole = self._proxy is not None and not self._is_tls  # RFC 9112, 3.2.2: a proxy is told all of it
        target = url if is_whole else url.removeprefix(self._origin)
        request = f"{method} {target} HTTP/1.1\r\nhost: {self._authority}\r\n{fields}\r\n".encode("latin-1")
        connection: socket.socket | None = None
        try:
            connection = self._take() or self._connect()
            connection.sendall(request)
            head, after = _to_blank_line(connection)
            status, answered = _parsed(head)
            body = _body(connection, after, status, answered, length) if method == "GET" else after
            if len(body) != length:
                raise ValueError("what came is longer than the answer")
        except (OSError, ValueError):
            if connection is not None:
                connection.close()
            return None
        self._give_back(connection, keep=answered.get("connection", "").lower() != "close")
        return status, answered, body

    def _take(self) -> socket.socket | None:
        """Return a kept connection on which nothing has come meanwhile: neither its end nor more than was asked for."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or _is_quiet(connection):
                return connection
            connection.close()

    def _give_back(self, connection: socket.socket, *, keep: bool) -> None:
        with self._lock:
            if keep and len(self._idle) < KEPT_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> socket.socket:
        proxy = urllib.parse.urlsplit(self._proxy) if self._proxy else None
        at = (proxy.hostname, proxy.port) if proxy else (self._host, self._port)
        connection = socket.create_connection(at, self._connect_seconds)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy and self._is_tls:
                _tunnel(connection, f"{self._host}:{self._port}")
            if self._is_tls:
                connection.settimeout(self._seconds)
                return _trust().wrap_socket(connection, server_hostname=self._host)
            connection.settimeout(None)  # the kernel waits instead: one call for a whole body
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                connection.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL.pack(int(self._seconds), 0))
            return connection
        except BaseException:
            connection.close()
            raise


def _close(idle: list[socket.socket]) -> None:
    for connection in idle:
        connection.close()


def _tunnel(connection: socket.socket, to: str) -> None:
    """Have the proxy at the other end connect this connection to ``to``; RFC 9110, section 9.3.6."""
    connection.sendall(f"CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n".encode("ascii"))
    head, after = _to_blank_line(connection)
    if _parsed(head)[0] != HTTPStatus.OK or after:
        raise ValueError("the proxy does not connect to the store")


def _to_blank_line(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the head of an answer, and what was read behind it: nothing, but by TLS, which lets nobody look ahead."""
    head = b""
    while _END not in head:
        more = connection.recv(_HEAD_PIECE_BYTES) if _is_tls(connection) else _up_to_end(connection, head)
        if not more or len(head) > MAX_HEAD_BYTES:
            raise ValueError("this is no answer")
        head += more
    found, _, after = head.partition(_END)
    return found, after


def _up_to_end(connection: socket.socket, head: bytes) -> bytes:
    seen = connection.recv(_HEAD_PIECE_BYTES, socket.MSG_PEEK)
    end = (head + seen).find(_END)
    return connection.recv(len(seen) if end < 0 else end + len(_END) - len(head))


def _is_quiet(connection: socket.socket) -> bool:
    """Tell whether nothing has come: neither bytes that belong to no answer, nor the end."""
    if isinstance(connection, ssl.SSLSocket):
        poll = select.poll()  # select() knows no descriptor above 1,023
        poll.register(connection, select.POLLIN)
        return not connection.pending() and not poll.poll(0)
    try:
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        pass  # it was reset
    return False


def _is_tls(connection: socket.socket) -> bool:
    return isinstance(connection, ssl.SSLSocket)


def _body(
    connection: socket.socket, after: bytes, status: int, headers: Mapping[str, str], length: int
) -> bytes | bytearray:
    """Return the body of the answer to a request for a range (RFC 9110, 15.3.7), which begins with ``after``."""
    if status != HTTPStatus.PARTIAL_CONTENT or headers.get("content-length") != str(length):
        raise ValueError("this is another answer than a range of this length")
    if {"transfer-encoding", "content-encoding"} & headers.keys():
        raise ValueError("this range is not as it is stored")
    begun = after if _is_tls(connection) else connection.recv(length, socket.MSG_WAITALL)
    if len(begun) == length:
        return begun
    body = bytearray(length)
    body[: len(begun)] = begun  # one that is too long makes the whole too long
    left = memoryview(body)[len(begun) :]
    while left:
        got = connection.recv_into(left)
        if not got:
            raise ValueError("the answer ended early")
        left = left[got:]
    return body


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if version != "HTTP/1.1":
        raise ValueError("the store speaks another HTTP")
    pairs = (line.partition(":") for line in lines)
    if int(status) < HTTPStatus.OK:
        raise ValueError("this is not the last answer")
    return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
