"""What a stranger may send, and how slowly: one connection of the web entry, and many of them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from reelkeep.web.bounded import MAX_HEAD_BYTES, BoundedProtocol

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
LARGE = b"x" * (8 << 20)


class Quick(BoundedProtocol):
    request_seconds = 0.3
    stall_seconds = 0.3


async def application(scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    body = LARGE if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    with suppress(OSError):
        await send({"type": "http.response.body", "body": body})


def talk(protocol: type[HttpToolsProtocol], client: Callable[[socket.socket], Awaitable[None]]) -> None:
    """Serve one end of a socket pair while ``client`` uses the other."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        config = Config(application, http=protocol, log_config=None, access_log=False)
        config.load()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: protocol(config, ServerState(), {}), ours)
        with theirs:
            await client(theirs)

    uvloop.run(asyncio.wait_for(run(), 20))


async def answer_of(client: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(client, 1 << 16)
    except ConnectionResetError:
        return b""


async def is_closed(client: socket.socket, seconds: float) -> bool:
    loop, until = asyncio.get_running_loop(), time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if not await asyncio.wait_for(loop.sock_recv(client, 1 << 16), until - time.monotonic()):
                return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            break
    return False


FLOODS = {
    "many fields": (b"", b"X: %s\r\n" % (b"y" * 1_000)),
    "one field without end": (b"X: ", b"y" * 1_000),
    "a path without end": (None, b"y" * 1_000),
    "trailers": (b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X: %s\r\n" % (b"y" * 1_000)),
}


@pytest.mark.parametrize(("start", "more"), FLOODS.values(), ids=FLOODS.keys())
def test_a_head_without_end_is_refused_before_it_fills_memory(start: bytes | None, more: bytes) -> None:
    async def client(sock: socket.socket) -> None:
        loop, sent = asyncio.get_running_loop(), 0
        await loop.sock_sendall(sock, b"GET /" if start is None else HEAD + start)
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 64 * MAX_HEAD_BYTES:
                await asyncio.wait_for(loop.sock_sendall(sock, more), 5)
                sent += len(more)
        assert sent < 16 * MAX_HEAD_BYTES

    talk(BoundedProtocol, client)


@pytest.mark.parametrize("start", [HEAD, HEAD + b"Content-Length: 9\r\n\r\nhalf", b"\r\n"])
def test_a_request_that_does_not_arrive_is_given_up(start: bytes) -> None:
    async def client(sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, HEAD + b"Content-Length: 2\r\n\r\nab")
        assert b"200 OK" in await answer_of(sock)
        await loop.sock_sendall(sock, start)
        assert await is_closed(sock, 3)

    talk(Quick, client)


def test_an_answer_that_is_not_taken_is_given_up() -> None:
    async def client(sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(1.5)
        taken = 0
        with suppress(ConnectionResetError):
            while more := await asyncio.wait_for(loop.sock_recv(sock, 1 << 20), 5):
                taken += len(more)
        assert taken < len(LARGE)

    talk(Quick, client)


def test_an_orderly_client_is_served_again_and_again() -> None:
    async def client(sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(300):
            await loop.sock_sendall(sock, HEAD + b"X: %s\r\nContent-Length: 2\r\n\r\nab" % (b"y" * 1_000))
            assert b"200 OK" in await answer_of(sock)
        await asyncio.sleep(0.5)  # longer than a request may take: an idle connection waits for no request
        await loop.sock_sendall(sock, HEAD + b"Content-Length: 2\r\n\r\nab")
        assert b"200 OK" in await answer_of(sock)

    talk(Quick, client)
