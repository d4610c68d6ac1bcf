"""An HTTP proxy between a browser and a store: it answers chosen parts of an upload itself, or breaks their connection.

A browser that is told of it sends whole requests here, so that the page meets a real refusal and a real broken
connection. (Faults put in by the browser's own debugging interface copy each part through three processes, which took
longer than a test may wait on a busy machine.) Every connection carries one request: on a connection that was used
before, a browser sends a request again by itself when it breaks.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

BREAK: Final = 0  # in the place of a status: the connection is reset in the middle of the part
LOST: Final = 1  # the part arrives, and its answer is lost
WHOLE: Final = 0  # in the place of a part's number: a file that goes by one PUT
_CHUNK_BYTES: Final = 1 << 16
_STORE_SECONDS: Final = 60
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding"})  # RFC 9110, 7.6.1


def part_of(url: str) -> int:
    """Return the number of the part that a PUT carries, WHOLE if it carries the file."""
    return int(parse_qs(urlsplit(url).query).get("partNumber", [str(WHOLE)])[0])


class FaultyLine:
    """What it does to PUTs of parts, by number, or of a WHOLE file.

    ``once`` holds answers that are used up in their order, ``always`` ones that stay.
    Everything else is passed on. ``used`` counts the faults.
    """

    def __init__(self) -> None:
        self.once: dict[int, list[int]] = {}
        self.always: dict[int, int] = {}
        self.used = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def mend(self) -> None:
        """Pass everything on from now on."""
        with self._lock:
            self.once.clear()
            self.always.clear()

    def serve_forever(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str, url: str) -> int | None:
        """Return what to do to a request: a status, BREAK, or None to pass it on."""
        if method != "PUT":
            return None
        number = part_of(url)
        with self._lock:
            left = self.once.get(number)
            found = left.pop(0) if left else self.always.get(number)
            self.used += found is not None
        return found

    def _handler(line: FaultyLine) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - ``self`` is the handler within
        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                fault = line.fault(self.command, self.path)
                if fault == BREAK:
                    self._break(length)
                    return
                body = self.rfile.read(length)
                if fault is None:
                    self._pass_on(body)
                elif fault == LOST:
                    self._pass_on(body, loses_answer=True)
                else:
                    self._refuse(fault)

            do_GET = do_HEAD = do_OPTIONS = do_POST = do_DELETE = do_PUT  # noqa: N815 - the names are http.server's

            def log_message(self, *_: object) -> None:
                """Say nothing: addresses here are signed."""

            def _break(self, length: int) -> None:
                self.rfile.read(min(length, _CHUNK_BYTES))
                self._reset()

            def _reset(self) -> None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

            def _refuse(self, status: int) -> None:
                body = b"<Error><Code>Trouble</Code></Error>"
                self._answer(status, [("Access-Control-Allow-Origin", "*"), ("Content-Type", "application/xml")], body)

            def _pass_on(self, body: bytes, *, loses_answer: bool = False) -> None:
                target = urlsplit(self.path)
                store = http.client.HTTPConnection(target.hostname or "", target.port, timeout=_STORE_SECONDS)
                with contextlib.closing(store):
                    store.putrequest(self.command, f"{target.path}?{target.query}", True, True)
                    for name, value in self.headers.items():
                        if name.lower() not in _HOP_BY_HOP:
                            store.putheader(name, value)
                    store.endheaders(body)
                    answer = store.getresponse()
                    if loses_answer:
                        answer.read()
                        self._reset()
                        return
                    self._answer(answer.status, answer.getheaders(), answer.read())

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                with contextlib.suppress(ConnectionError):  # the page has gone away meanwhile
                    self.send_response_only(status)
                    for name, value in headers:
                        if name.lower() not in {*_HOP_BY_HOP, "content-length"}:
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

        return Handler


@contextlib.contextmanager
def faulty_line() -> Iterator[FaultyLine]:
    """Run one for a test."""
    line = FaultyLine()
    serving = threading.Thread(target=line.serve_forever)
    serving.start()
    try:
        yield line
    finally:
        line.close()
        serving.join(5)
