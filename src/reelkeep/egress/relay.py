"""Moves bytes between two connected sockets, both ways, until both sides have ended. Keeps nothing.

Each way carries one load at a time: a side that does not take its bytes holds up nobody else and fills no memory. A
load goes through a pipe inside the kernel, which hands pages on instead of copying them (splice(2)). Each end of a
connection is watched for as long as it lasts, and not anew for each load: a dozen make up a segment of 3 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from typing import Final, Protocol

LOAD_BYTES: Final = 64 << 10  # of one that goes through this process's memory, as no pipe is left
PIPE_BYTES: Final = 1 << 20  # the most that a user may ask for (pipe(7), pipe-max-size)
MAX_PIPES: Final = 8  # of one company at a time: one that does not take what it asked for keeps none from others
_SPLICE_F_MOVE, _SPLICE_F_NONBLOCK = 1, 2  # <fcntl.h>


class _Carrier(Protocol):
    @property
    def held(self) -> int:
        """Bytes that were taken from a source, and that no target has taken yet."""

    def fill(self, source: socket.socket) -> None:
        """Take what has come, if nothing is held; no more is held than before at the end of ``source``."""

    def drain(self, target: socket.socket) -> None:
        """Pass on all that is held; raise BlockingIOError if ``target`` takes only a part of it now."""


class _Pipe:
    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.held = 0
        with contextlib.suppress(OSError):  # then it has the usual size
            fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def fill(self, source: socket.socket) -> None:
        self.held = _splice(source.fileno(), self.writing, PIPE_BYTES)

    def drain(self, target: socket.socket) -> None:
        while self.held:
            self.held -= _splice(self.reading, target.fileno(), self.held)

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


class _Memory:
    def __init__(self) -> None:
        self._rest = memoryview(b"")

    @property
    def held(self) -> int:
        return len(self._rest)

    def fill(self, source: socket.socket) -> None:
        self._rest = memoryview(source.recv(LOAD_BYTES))

    def drain(self, target: socket.socket) -> None:
        while self._rest:
            self._rest = self._rest[target.send(self._rest) :]


class Pipes:
    """Pipes for those who have something to move just now.

    Args:
        most: how many there are at a time; beyond it, bytes go through memory.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._idle: list[_Pipe] = []

    def borrow(self) -> _Carrier:
        """Return an empty carrier, to be given back."""
        if self._idle:
            return self._idle.pop()
        if not self._left:
            return _Memory()
        try:
            pipe = _Pipe()
        except OSError:  # no descriptor is left
            return _Memory()
        self._left -= 1
        return pipe

    def give_back(self, carrier: _Carrier) -> None:
        """Take a carrier back; a pipe that has something in it serves nobody again."""
        if not isinstance(carrier, _Pipe):
            return
        if carrier.held or self._idle:  # one is enough for the next; their pages are counted (pipe-user-pages-soft)
            self._left += 1
            carrier.close()
        else:
            self._idle.append(carrier)


async def relay(one: socket.socket, other: socket.socket, pipes: Pipes) -> None:
    """Move bytes until both have ended, or one is broken; the sockets stay the caller's."""
    ways = (_Way(one, other, pipes), _Way(other, one, pipes))
    try:
        await asyncio.wait([each.ended for each in ways], return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in ways:
            each.stop()


class _Way:
    """From one socket to another. Belongs to the running loop; ``ended`` has no result, or the error of a socket."""

    def __init__(self, source: socket.socket, target: socket.socket, pipes: Pipes) -> None:
        self._source, self._target, self._pipes = source, target, pipes
        self._loop = asyncio.get_running_loop()
        self._waiting: _Carrier | None = None  # for the target
        self.ended = self._loop.create_future()
        self._loop.add_reader(source.fileno(), self._take)

    def stop(self) -> None:
        if self.ended.done():
            self.ended.exception()  # nobody else asks how it ended
            return
        self.ended.cancel()
        self._rest()

    def _rest(self) -> None:
        """Watch neither socket, and hold nothing."""
        if self._waiting is None:
            self._loop.remove_reader(self._source.fileno())
        else:
            self._loop.remove_writer(self._target.fileno())
            self._pipes.give_back(self._waiting)
            self._waiting = None

    def _take(self) -> None:
        """Pass on what has come, or the end."""
        try:
            carrier = self._filled()
        except BlockingIOError:  # nothing has come
            return
        except OSError as error:
            self._break(error)
            return
        is_end = not carrier.held
        try:
            carrier.drain(self._target)
        except BlockingIOError:
            self._loop.remove_reader(self._source.fileno())
            self._waiting = carrier
            self._loop.add_writer(self._target.fileno(), self._go_on)
            return
        except OSError as error:
            self._pipes.give_back(carrier)
            self._break(error)
            return
        self._pipes.give_back(carrier)
        if is_end:
            self._rest()
            with contextlib.suppress(OSError):  # it has ended, too
                self._target.shutdown(socket.SHUT_WR)
            self.ended.set_result(None)

    def _filled(self) -> _Carrier:
        """Return what has come; raise BlockingIOError if nothing has.

        A pipe takes nothing that follows an urgent byte (tcp(7)), for ever; reading steps over that.
        """
        carrier = self._pipes.borrow()
        try:
            carrier.fill(self._source)
        except OSError as error:
            self._pipes.give_back(carrier)
            if not isinstance(error, BlockingIOError):
                raise
            carrier = _Memory()
            carrier.fill(self._source)
        return carrier

    def _go_on(self) -> None:
        """Pass on what is held, then take again."""
        assert self._waiting is not None
        try:
            self._waiting.drain(self._target)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        self._rest()
        self._loop.add_reader(self._source.fileno(), self._take)

    def _break(self, error: OSError) -> None:
        self._rest()
        self.ended.set_exception(error)


def _splice(source: int, target: int, count: int) -> int:
    return os.splice(source, target, count, flags=_SPLICE_F_MOVE | _SPLICE_F_NONBLOCK)
