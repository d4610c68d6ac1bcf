"""A store that holds one object and answers as it is told: what S3 and KMS say when somebody takes rights away.

Its answers are written after the S3 API reference; that AWS gives the same ones is *not verified on AWS*.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class MarkerStore:
    """``answers``: what each next GET gets, (status, code) or None for no answer; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str] | None] = [(200, "")]
        self.keys: list[str] = []  # access key of each request
        self.paths: list[str] = []
        self._closing = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                store.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.keys.append(request.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        self.paths.append(request.path)
        if told is None:
            self._closing.wait(20)
            request.close_connection = True
            return
        status, code = told
        body = b"{" if status == 200 else f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
        request.send_response(206 if status == 200 else status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def serve(self) -> None:
        self._server.serve_forever(0.05)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def running() -> Iterator[MarkerStore]:
    store = MarkerStore()
    thread = threading.Thread(target=store.serve)
    thread.start()
    try:
        yield store
    finally:
        store.close()
        thread.join(5)
