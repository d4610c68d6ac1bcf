"""Moves bytes between two connected sockets, both ways, until both sides have ended. Keeps nothing.

Each way has one buffer: a side that does not take its bytes holds up nobody else and fills no memory. What comes in
bulk goes through a pipe inside the kernel, which hands pages on instead of copying them (splice(2)): that takes two
fifths of the processor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from typing import Final

BULK_BYTES: Final = 64 << 10  # as many at once, and more is coming as a rule
PIPE_BYTES: Final = 1 << 20  # the most that a user may ask for (pipe(7), pipe-max-size)
MAX_PIPES: Final = 8  # of one company at a time: one that does not take what it asked for keeps none from others
_SPLICE_F_MOVE, _SPLICE_F_NONBLOCK = 1, 2  # <fcntl.h>


class Pipes:
    """Pipes for those who move bytes in bulk just now.

    Args:
        most: how many there are at a time.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._idle: list[tuple[int, int]] = []

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[tuple[int, int] | None]:
        """Give the reading and the writing end of an empty pipe, to be left empty; None if all are taken."""
        pipe = self._idle.pop() if self._idle else self._made()
        if pipe is None:
            yield None
            return
        try:
            yield pipe
        except BaseException:  # something may be in it
            self._end(pipe)
            raise
        if self._idle:  # one is enough for the next; their pages are counted (pipe(7), pipe-user-pages-soft)
            self._end(pipe)
        else:
            self._idle.append(pipe)

    def _end(self, pipe: tuple[int, int]) -> None:
        self._left += 1
        for end in pipe:
            os.close(end)

    def _made(self) -> tuple[int, int] | None:
        if not self._left:
            return None
        try:
            pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # no descriptor is left
            return None
        with contextlib.suppress(OSError):  # then it has the usual size
            fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._left -= 1
        return pipe


async def relay(one: socket.socket, other: socket.socket, pipes: Pipes) -> None:
    """Move bytes until both have ended, or one is broken; the sockets stay the caller's."""
    ways = {asyncio.create_task(_one_way(one, other, pipes)), asyncio.create_task(_one_way(other, one, pipes))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)  # nobody else asks how they ended


async def _one_way(source: socket.socket, target: socket.socket, pipes: Pipes) -> None:
    """Move bytes to the end of ``source``, and end ``target``; raise OSError if one of them is broken."""
    loop, view = asyncio.get_running_loop(), memoryview(bytearray(BULK_BYTES))
    while count := await loop.sock_recv_into(source, view):
        await loop.sock_sendall(target, view[:count])
        if count == len(view):
            with pipes.borrowed() as pipe:
                if pipe is not None and not await _move_bulk(source, target, *pipe):
                    break
    with contextlib.suppress(OSError):  # it has ended, too
        target.shutdown(socket.SHUT_WR)


async def _move_bulk(source: socket.socket, target: socket.socket, reading: int, writing: int) -> bool:
    """Move what is there and comes meanwhile; return False at the end of ``source``."""
    while True:
        try:
            count = _splice(source.fileno(), writing, PIPE_BYTES)
        except BlockingIOError:
            return True
        if not count:
            return False
        while count:
            try:
                count -= _splice(reading, target.fileno(), count)
            except BlockingIOError:
                await _writable(target)
        await asyncio.sleep(0)  # two fast sides must not keep the loop from the others


def _splice(source: int, target: int, count: int) -> int:
    return os.splice(source, target, count, flags=_SPLICE_F_MOVE | _SPLICE_F_NONBLOCK)


async def _writable(sock: socket.socket) -> None:
    loop, free = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(sock.fileno(), free.set)
    try:
        await free.wait()
    finally:
        loop.remove_writer(sock.fileno())
