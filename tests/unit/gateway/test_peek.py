"""Looking at a connection's first bytes: however they come, few wake-ups, nothing taken, and an end to the waiting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest
from tests.services.hellos import client_hello, in_records

from reelkeep.gateway.client_hello import MAX_HELLO_BYTES, Incomplete, server_name
from reelkeep.gateway.peek import Silent, peek

HELLO = in_records(client_hello("acme.localhost"), 50)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client and the gateway's end of its connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as accepted,
    ):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setblocking(False)
        yield client, accepted


class Reader:
    """``server_name``, which counts how often it is asked: once for each wake-up."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, first: bytes) -> str | Incomplete:
        self.asked += 1
        return server_name(first)


def peeked(
    accepted: socket.socket, read: Reader, meanwhile: Callable[[], Awaitable[None]], *, seconds: float = 5.0
) -> str:
    async def run() -> str:
        sending = asyncio.ensure_future(meanwhile())
        until = asyncio.get_running_loop().time() + seconds
        try:
            return await peek(accepted, read, MAX_HELLO_BYTES, until)
        finally:
            await sending

    return asyncio.run(run())


def test_a_hello_in_pieces_wakes_us_for_what_is_needed_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends
    read = Reader()

    async def dribble() -> None:
        for byte in HELLO:
            client.send(bytes([byte]))
            await asyncio.sleep(0.0005)

    assert peeked(accepted, read, dribble) == "acme.localhost"
    assert read.asked <= 6  # a first byte, two record headers, two records, and one to spare


def test_one_that_stops_half_way_costs_no_wake_up(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends
    read = Reader()

    async def half() -> None:
        client.send(HELLO[:30])
        await asyncio.sleep(0.05)

    with pytest.raises(Silent):
        peeked(accepted, read, half, seconds=0.5)
    assert read.asked <= 2


def test_one_that_closes_half_way_is_silent_at_once(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends

    async def half() -> None:
        client.send(HELLO[:30])
        await asyncio.sleep(0.05)
        client.shutdown(socket.SHUT_WR)

    with pytest.raises(Silent):
        peeked(accepted, Reader(), half, seconds=60)


def test_nothing_is_taken_and_the_mark_is_put_back(ends: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = ends

    async def pieces() -> None:
        client.send(HELLO[:30])
        await asyncio.sleep(0.05)
        client.send(HELLO[30:])

    peeked(accepted, Reader(), pieces)
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
    assert accepted.recv(MAX_HELLO_BYTES) == HELLO
