"""HTTP/1.1 for bytes: parts of files go from the disk to a socket, and answers from a socket to a file, in few calls.

A general client spends more time on a part than the kernel does. This one knows what presigned requests need and no
more: a body of known length out of a file (``sendfile`` where there is no TLS), answers with a length, in chunks or up
to the end of the connection (RFC 9112, sections 6 and 7), and connections kept for the next request. Redirects,
cookies, proxies and compression are left out on purpose: a bucket's answers need none of them.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import certifi

from reelkeep.errors import DependencyError

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 60.0  # without a byte in either direction
BUFFER_BYTES: Final = 1 << 20
MAX_HEAD_BYTES: Final = 64 << 10
MAX_KEPT_BYTES: Final = 1 << 20  # of an answer that is not passed on: error documents are small

Sink = Callable[[memoryview], None]
_Place = tuple[str, str, int]  # scheme, host, port


class Body(Protocol):
    """The bytes of one request, sent as often as it takes."""

    @property
    def size_bytes(self) -> int: ...

    def send(self, line: Line) -> None:
        """Begin anew and send every byte."""

    def take_back(self) -> None:
        """The last try came to nothing: do not count its bytes."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # lower-case names
    content: bytes  # empty where the body went to a sink

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Wire:
    """Connections to stores, kept open between requests. Thread-safe.

    Args:
        connections: how many are kept; more may be open at once.
        step_bytes: at most so many are given to a sink at once.
    """

    def __init__(self, *, connections: int = 8, step_bytes: int = BUFFER_BYTES) -> None:
        self._most, self._step_bytes = connections, step_bytes
        self._lock = threading.Lock()
        self._idle: dict[_Place, list[Line]] = {}

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
        for lines in idle.values():
            for line in lines:
                line.close()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: Body | None = None,
        sink: Sink | None = None,
        sink_status: int = 206,
    ) -> Answer:
        """Make one request and return its answer, whatever its status.

        Args:
            sink: gets the body's bytes of an answer with ``sink_status``; they are valid during the call only.

        Raises:
            DependencyError: no connection, a reset, or nothing for a minute; nothing more of the body will be sent.
        """
        place, host, target = _parts(url)
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"content-length: {body.size_bytes}\r\n" if body is not None else ""
        head = f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n{fields}{length}\r\n".encode("latin-1")
        with _no_answer():
            try:
                with self._line(place) as line:
                    return line.exchange(method, head, body, sink, sink_status)
            except _Ended:  # it crossed with our request, which every store may be asked twice
                if body is not None:
                    body.take_back()
                with self._line(place, fresh=True) as line:
                    return line.exchange(method, head, body, sink, sink_status)

    @contextmanager
    def _line(self, place: _Place, *, fresh: bool = False) -> Iterator[Line]:
        line = Line(_connect(place), self._step_bytes) if fresh else self._take(place)
        try:
            yield line
        except BaseException:
            line.close()
            raise
        with self._lock:
            idle = self._idle.setdefault(place, [])
            if line.keep and len(idle) < self._most:
                idle.append(line)
                return
        line.close()

    def _take(self, place: _Place) -> Line:
        while True:
            with self._lock:
                idle = self._idle.get(place)
                line = idle.pop() if idle else None
            if line is None:
                return Line(_connect(place), self._step_bytes)
            if line.is_quiet():
                return line
            line.close()  # the other side has ended it meanwhile


class Line:
    """One connection. Belongs to one thread at a time."""

    def __init__(self, connection: socket.socket, step_bytes: int = BUFFER_BYTES) -> None:
        self._socket = connection
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        self._buffer = bytearray(step_bytes)
        self._view = memoryview(self._buffer)
        self._answers = 0
        self.keep = True

    def close(self) -> None:
        self._socket.close()

    def is_quiet(self) -> bool:
        """Tell whether nothing has come since the last answer; the end of a connection is something."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def exchange(self, method: str, head: bytes, body: Body | None, sink: Sink | None, sink_status: int) -> Answer:
        """Send one request and read its answer.

        Raises:
            _Ended: the connection was used before and ended without a byte of this answer.
        """
        try:
            self.send(head)
            if body is not None:
                body.send(self)
        except (BrokenPipeError, ConnectionResetError):
            self.keep = False  # refused before all was sent: the answer may be there already
        return self.answer(method, sink, sink_status)

    def send(self, data: bytes | memoryview) -> None:
        self._socket.sendall(data)

    def send_file(self, descriptor: int, offset: int, length: int) -> int:
        """Send some of a file, from ``offset`` on and at most ``length`` bytes; return how many went: 0 at its end."""
        if not self._is_tls:
            return os.sendfile(self._socket.fileno(), descriptor, offset, length)
        data = os.pread(descriptor, length, offset)
        self._socket.sendall(data)
        return len(data)

    def answer(self, method: str, sink: Sink | None, sink_status: int) -> Answer:
        """Read one answer; interim ones (1xx) are passed over."""
        status = 100
        rest = self._first()
        while status < 200:
            head, rest = self._head(rest)
            version, status, headers = _parse(head)
        if version == "HTTP/1.0" or headers.get("connection", "").lower() == "close":
            self.keep = False
        passed = sink if sink is not None and status == sink_status else None
        kept = bytearray()
        if method != "HEAD" and status not in (204, 304):
            self._body(headers, rest, passed or _keeper(kept))
        self._answers += 1
        return Answer(status, headers, bytes(kept))

    def _first(self) -> bytes:
        try:
            count = self._socket.recv_into(self._buffer)
        except ConnectionResetError:
            count = 0
        if not count:
            raise _Ended if self._answers else _Broken
        return bytes(self._view[:count])

    def _head(self, rest: bytes) -> tuple[bytes, bytes]:
        while b"\r\n\r\n" not in rest:
            if len(rest) > MAX_HEAD_BYTES:
                raise _Broken
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise _Broken
            rest += self._view[:count]
        head, _, rest = rest.partition(b"\r\n\r\n")
        return head, rest

    def _body(self, headers: Mapping[str, str], rest: bytes, sink: Sink) -> None:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            self._chunked(rest, sink)
        elif "content-length" in headers:
            self._exactly(int(headers["content-length"]), rest, sink)
        else:
            self.keep = False
            while rest or (rest := self._socket.recv(BUFFER_BYTES)):
                sink(memoryview(rest))
                rest = b""

    def _exactly(self, length: int, rest: bytes, sink: Sink) -> bytes:
        """Pass on ``length`` bytes; return what is left of ``rest``."""
        taken = rest[:length]
        if taken:
            sink(memoryview(taken))
        left = length - len(taken)
        whole = 0 if self._is_tls else socket.MSG_WAITALL
        while left:
            count = self._socket.recv_into(self._view[:left], 0, whole)
            if not count:
                raise _Broken
            sink(self._view[:count])
            left -= count
        return rest[length:]

    def _chunked(self, rest: bytes, sink: Sink) -> None:
        while True:
            line, rest = self._text_line(rest)
            length = int(line.split(b";")[0], 16)
            if not length:
                while line:
                    line, rest = self._text_line(rest)  # trailers
                return
            rest = self._exactly(length, rest, sink)
            _, rest = self._text_line(rest)

    def _text_line(self, rest: bytes) -> tuple[bytes, bytes]:
        while b"\r\n" not in rest:
            more = self._socket.recv(BUFFER_BYTES)
            if not more or len(rest) > MAX_HEAD_BYTES:
                raise _Broken
            rest += more
        line, _, rest = rest.partition(b"\r\n")
        return line, rest


class _Broken(Exception):
    """The other side broke off, or what it says is no HTTP."""


class _Ended(_Broken):
    """The other side ended a connection that it had kept, before it can have read the request."""


@contextmanager
def _no_answer() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, _Broken) as error:
        raise DependencyError("the company's bucket does not answer") from error


def _keeper(kept: bytearray) -> Sink:
    def keep(data: memoryview) -> None:
        if len(kept) + len(data) > MAX_KEPT_BYTES:
            raise _Broken
        kept.extend(data)

    return keep


def _parse(head: bytes) -> tuple[str, int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise _Broken
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return version, int(status), headers


def _parts(url: str) -> tuple[_Place, str, str]:
    """Return where to connect, the Host field, and the request's target.

    >>> _parts("http://acme.localhost:8333/b/k?x=1")
    (('http', 'acme.localhost', 8333), 'acme.localhost:8333', '/b/k?x=1')
    """
    scheme, _, rest = url.partition("://")
    host, slash, target = rest.partition("/")
    found = urllib.parse.urlsplit(f"//{host}")
    if scheme not in ("http", "https") or not found.hostname:
        raise ValueError("a link of a bucket is no web address")
    return (scheme, found.hostname, found.port or (443 if scheme == "https" else 80)), host, slash + target or "/"


def _connect(place: _Place) -> socket.socket:
    scheme, host, port = place
    name = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host  # as ``transfer.network``
    connection = socket.create_connection((name, port), CONNECT_SECONDS)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "https":
            connection.settimeout(ANSWER_SECONDS)
            return _trust().wrap_socket(connection, server_hostname=host)
        # The kernel keeps the time, and a call that takes a MiB comes back once: no poll before each.
        connection.settimeout(None)
        limit = struct.pack("ll", int(ANSWER_SECONDS), 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _trust() -> ssl.SSLContext:
    """Trust what the API's client trusts, and SSL_CERT_FILE, by which a company adds its own authority."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
