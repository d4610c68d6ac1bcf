"""Bytes between two sockets, copied or moved inside the kernel."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import uvloop

from reelkeep.egress.relay import LOAD_BYTES, Pipes, _Pipe, relay

T = TypeVar("T")
BULK = random.Random(7).randbytes(40 * LOAD_BYTES + 12_345)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of one TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    for each in (near, far):
        each.setblocking(False)
    return near, far


def between(scene: Callable[[socket.socket, socket.socket], Awaitable[T]], pipes: Pipes) -> T:
    """Play a scene with a client and a server whose bytes are relayed, until it ends."""

    async def play() -> T:
        client, one = pair()
        other, server = pair()
        moving = asyncio.create_task(relay(one, other, pipes))
        try:
            async with asyncio.timeout(30):
                return await scene(client, server)
        finally:
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
            for each in (client, one, other, server):
                each.close()

    return uvloop.run(play())


async def all_of(sock: socket.socket, *, pause: float = 0.0) -> bytes:
    loop, found = asyncio.get_running_loop(), b""
    while more := await loop.sock_recv(sock, 1 << 20):
        found += more
        await asyncio.sleep(pause)
    return found


@pytest.mark.parametrize("pipes", [32, 0])
def test_both_ways_arrive_as_they_were_sent_and_end_one_after_the_other(pipes: int) -> None:
    async def scene(client: socket.socket, server: socket.socket) -> tuple[bytes, bytes]:
        loop = asyncio.get_running_loop()

        async def send(sock: socket.socket, what: bytes) -> None:
            await loop.sock_sendall(sock, what)
            sock.shutdown(socket.SHUT_WR)

        asked, answered, *_ = await asyncio.gather(
            all_of(server), all_of(client), send(client, BULK[::-1]), send(server, BULK)
        )
        return asked, answered

    assert between(scene, Pipes(pipes)) == (BULK[::-1], BULK)


def test_an_answer_follows_its_question_at_once() -> None:
    async def scene(client: socket.socket, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for size in (1, LOAD_BYTES - 1, LOAD_BYTES, LOAD_BYTES + 1, 10 * LOAD_BYTES):
            sending = asyncio.ensure_future(loop.sock_sendall(client, BULK[:size]))
            found = b""
            while len(found) < size:
                found += await loop.sock_recv(server, size)
            await sending
            assert found == BULK[:size]

    between(scene, Pipes(2))


def test_who_takes_slowly_gets_all_of_it_and_his_pipe_serves_again() -> None:
    pipes = Pipes(1)

    async def scene(client: socket.socket, server: socket.socket) -> bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LOAD_BYTES)
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(server, BULK))
        sending.add_done_callback(lambda _: server.shutdown(socket.SHUT_WR))
        return await all_of(client, pause=0.005)

    for _ in range(2):
        assert between(scene, pipes) == BULK
    pipe, other = pipes.borrow(), pipes.borrow()
    assert isinstance(pipe, _Pipe)
    assert not isinstance(other, _Pipe)
    os.write(pipe.writing, b"x")
    assert os.read(pipe.reading, 2) == b"x", "nothing of the last one was left in it"


@pytest.mark.parametrize("pipes", [32, 0])
def test_a_side_that_breaks_ends_the_relay(pipes: int) -> None:
    async def play() -> None:
        (client, one), (other, server) = pair(), pair()
        moving = asyncio.create_task(relay(one, other, Pipes(pipes)))
        filling = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(server, BULK * 8))
        await asyncio.sleep(0.1)  # it waits for the client
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
        client.close()
        async with asyncio.timeout(10):
            await moving
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
        for each in (one, other, server):
            each.close()

    uvloop.run(play())


@pytest.mark.parametrize("pipes", [32, 0])
def test_an_urgent_byte_holds_nothing_up(pipes: int) -> None:
    async def scene(client: socket.socket, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        server.send(b"x", socket.MSG_OOB)
        await loop.sock_sendall(server, b"what follows")
        found = b""
        while found != b"what follows":
            found += await loop.sock_recv(client, 100)
        before = time.process_time()
        await asyncio.sleep(0.2)
        assert time.process_time() - before < 0.1, "nothing goes round and round"

    between(scene, Pipes(pipes))


def test_one_who_takes_nothing_holds_up_nobody_else() -> None:
    pipes = Pipes(1)

    async def play() -> bytes:
        loop = asyncio.get_running_loop()
        ends = [pair() for _ in range(4)]
        (_stuck, one), (other, sends), (client, third), (fourth, server) = ends
        moving = [asyncio.create_task(relay(one, other, pipes)), asyncio.create_task(relay(third, fourth, pipes))]
        filling = asyncio.ensure_future(loop.sock_sendall(sends, BULK * 8))
        while pipes._left:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # the only pipe is full, and nobody takes anything out of ``stuck``
        sending = asyncio.ensure_future(loop.sock_sendall(server, BULK))
        sending.add_done_callback(lambda _: server.shutdown(socket.SHUT_WR))
        async with asyncio.timeout(30):
            found = await all_of(client)
        for task in (filling, *moving):
            task.cancel()
        await asyncio.gather(filling, *moving, return_exceptions=True)
        for near, far in ends:
            near.close()
            far.close()
        return found

    assert uvloop.run(play()) == BULK


def test_a_pipe_with_something_in_it_is_thrown_away_when_a_relay_ends() -> None:
    pipes = Pipes(1)

    async def scene(client: socket.socket, server: socket.socket) -> None:
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(server, BULK * 8))
        while pipes._left != 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # nobody takes anything: the pipe is full
        sending.cancel()

    before = len(os.listdir("/proc/self/fd"))
    between(scene, pipes)
    assert pipes._left == 1
    assert not pipes._idle
    assert len(os.listdir("/proc/self/fd")) == before
