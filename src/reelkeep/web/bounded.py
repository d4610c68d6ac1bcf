"""HTTP/1.1 on one connection, with bounds that uvicorn's protocol does not have.

A stranger may open connections and send what he likes before anybody knows him. So the head of a request has a size
and a request has a time to arrive in; an answer that nobody takes is given up. Source: RFC 9112, section 11 leaves
both to the server; the numbers are twice what browsers need at their worst.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 << 10  # request line, fields and trailers
REQUEST_SECONDS: Final = 60.0  # from the first byte of a request to its last; bodies are small here
STALL_SECONDS: Final = 400.0  # a segment of 3 MB on a line of 64 kbit/s


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request is too large or too slow, or whose answer is not taken."""

    request_seconds = REQUEST_SECONDS
    stall_seconds = STALL_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        self._head_bytes = 0
        self._request: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_arrived()
        self._answer_taken()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """No request of this connection is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        self._expect_request()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        self.since = self.loop.time()
        self._expect_request()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._request_arrived()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._request_arrived()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        self._stall = self._stall or self.loop.call_later(self.stall_seconds, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._answer_taken()
        super().resume_writing()

    def _expect_request(self) -> None:
        self._request = self._request or self.loop.call_later(self.request_seconds, self.transport.abort)

    def _request_arrived(self) -> None:
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def _answer_taken(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
