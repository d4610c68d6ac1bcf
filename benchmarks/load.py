"""Load over HTTP/1.1 and TLS that costs its own core little: nothing that it measures is decrypted.

Each line (connection) asks for one address again and again. Once warm, it reads the headers of TLS records (RFC 8446,
section 5.1) and lets the kernel throw their bodies away (``MSG_TRUNC``, tcp(7)), so that on two cores the server's is
the one that is full. What is thrown away was compared before: every line's first answers are decrypted and kept.
"""

from __future__ import annotations

import math
import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measures.unable import Unable

_RECORD_HEADER_BYTES: Final = 5
_RECORD_OVERHEAD_BYTES: Final = 17  # of TLS 1.3: the type of its content, and the tag
_APPLICATION_DATA: Final = 23
_SCRAP_BYTES: Final = 1 << 17
_ANSWER_SECONDS: Final = 30.0
_REST_SECONDS: Final = 0.001


@dataclass(frozen=True)
class Server:
    """Where a host name is served on this machine, and the certificates in PEM to trust."""

    port: int
    host: str
    authority: str


@dataclass(frozen=True)
class Load:
    """What a server did under load."""

    answers: int
    body_bytes: int
    seconds: float

    @property
    def bytes_per_second(self) -> float:
        return self.body_bytes / self.seconds


class Line:
    """One connection that asks for one address.

    ``body`` is the first answer, decrypted.
    """

    def __init__(self, server: Server, path: str) -> None:
        context = ssl.create_default_context(cadata=server.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=_ANSWER_SECONDS)
        self.sock = context.wrap_socket(plain, server_hostname=server.host)
        self._request = f"GET {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n".encode()
        self._header, self._scrap = memoryview(bytearray(_RECORD_HEADER_BYTES)), memoryview(bytearray(_SCRAP_BYTES))
        self._header_got = self._record_left = 0
        first, self.body = self._decrypted()
        self._answer_bytes, again = first, self._decrypted()  # session tickets came before the first
        if again != (first, self.body):
            raise Unable(f"{server.host} answered {path} twice, and not alike")
        self._left = 0
        self.sock.setblocking(False)

    def ask(self) -> None:
        self._left = self._answer_bytes
        self.sock.send(self._request)

    def take(self) -> bool:
        """Throw away what has come; return whether the answer is whole."""
        try:
            while True:
                if self._record_left:
                    self._record_left -= self._raw(self._scrap[: self._record_left], socket.MSG_TRUNC)
                else:
                    self._header_got += self._raw(self._header[self._header_got :], 0)
                    if self._header_got == _RECORD_HEADER_BYTES:
                        self._begin_record()
                if not self._record_left and not self._header_got and self._left <= 0:
                    if self._left:
                        raise Unable("an answer was longer than the same answer before")
                    return True
        except BlockingIOError:
            return False

    def _begin_record(self) -> None:
        if self._header[0] != _APPLICATION_DATA:
            raise Unable("the server ended a connection")
        self._record_left, self._header_got = int.from_bytes(self._header[3:]), 0
        self._left -= self._record_left - _RECORD_OVERHEAD_BYTES

    def _raw(self, into: memoryview, flags: int) -> int:
        """Read past TLS."""
        count = socket.socket.recv_into(self.sock, into, len(into), flags)
        if not count:
            raise Unable("the server closed a connection")
        return count

    def _decrypted(self) -> tuple[int, bytes]:
        """Ask, and return the length of the whole answer and its body."""
        self.sock.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._some()
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if not head.startswith(b"HTTP/1.1 200"):
            raise Unable(f"the server answered {head[:40].decode(errors='replace')}")
        parts, length = [body], int(fields[b"content-length"])
        while sum(map(len, parts)) < length:
            parts.append(self._some())
        return len(head) + 4 + length, b"".join(parts)

    def _some(self) -> bytes:
        if not (some := self.sock.recv(1 << 20)):
            raise Unable("the server closed a connection")
        return some


def run(lines: Sequence[Line], seconds: float, most_bytes_per_second: float = math.inf) -> Load:
    """Keep at most one request under way on every line for this long.

    Args:
        most_bytes_per_second: lines wait with their next request while more than this has come.
    """
    answers, body_bytes, resting = 0, 0, list(lines)
    with selectors.EpollSelector() as selector:
        for line in lines:
            selector.register(line.sock, selectors.EVENT_READ, line)
        began = ended = time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds or len(resting) < len(lines):
            while resting and passed < seconds and body_bytes <= most_bytes_per_second * passed:
                resting.pop(0).ask()
            ready = selector.select(_REST_SECONDS if resting else _ANSWER_SECONDS)
            if not ready and not resting:
                raise Unable("the server answers no more")
            for line in (key.data for key, _ in ready):
                if line.take():
                    ended = time.perf_counter()
                    answers, body_bytes = answers + 1, body_bytes + len(line.body)
                    resting.append(line)
    return Load(answers, body_bytes, ended - began)
