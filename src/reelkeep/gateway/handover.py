"""Passes sockets to one company's process, over AF_UNIX SOCK_SEQPACKET with SCM_RIGHTS.

Descriptors in flight are limited per sending user, over all receivers (1,025 unread ones blocked healthy ones),
so at most 64 may be unacknowledged for one company, 32 for each of its two processes. The receiver acknowledges each
with one byte, before it reads from the client; until then the gateway keeps its own copy and, should the process end,
passes it to the successor.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from dataclasses import asdict, dataclass
from typing import Final

MAX_UNACKNOWLEDGED: Final = 32
MAX_WAITING: Final = 256
WAIT_SECONDS: Final = 10.0  # a company's process that ended is back within about two
_RETRY_SECONDS: Final = 0.1


class Unavailable(Exception):
    """The company's process takes no connection now."""


@dataclass(frozen=True)
class Passenger:
    """What travels with a socket: after a load balancer, ``getpeername`` in the company's process names that."""

    host: str  # that it asked for; "" for none
    address: str  # of the client
    port: int
    endpoint_id: str | None  # of the PrivateLink endpoint it came through
    is_tls: bool


class Handover:
    """The way to one process. Connects when it has something to pass, and again when the process was replaced.

    Args:
        path: the process's hand-over socket.
        wait_seconds: how long a client waits for the process before it is told to come back.
    """

    def __init__(self, path: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._path = path
        self._wait_seconds = wait_seconds
        self._socket: socket.socket | None = None
        self._places = asyncio.Semaphore(MAX_UNACKNOWLEDGED)
        self._unacknowledged: deque[asyncio.Future[bool]] = deque()  # in the order sent; False: the process is gone
        self._waiting = 0
        self._connecting = asyncio.Lock()

    async def pass_on(self, client: socket.socket, passenger: Passenger) -> None:
        """Hand ``client`` over and return when the process has it; the caller closes its own copy afterwards.

        Raises:
            Unavailable: the process did not take it in time, or too many are waiting already.
        """
        payload = json.dumps(asdict(passenger)).encode()
        until = asyncio.get_running_loop().time() + self._wait_seconds
        while not await (await self._sent_before(until, client, payload)):
            pass

    def close(self) -> None:
        """Forget the connection. What was sent is left to the process, which may still take it."""
        self._forget(taken=True)

    async def _sent_before(self, until: float, client: socket.socket, payload: bytes) -> asyncio.Future[bool]:
        if self._waiting >= MAX_WAITING:
            raise Unavailable
        self._waiting += 1
        try:
            async with asyncio.timeout_at(until):
                return await self._send(client, payload)
        except TimeoutError:
            raise Unavailable from None
        finally:
            self._waiting -= 1

    async def _send(self, client: socket.socket, payload: bytes) -> asyncio.Future[bool]:
        while True:
            sock = await self._connected()
            await self._places.acquire()
            if sock is not self._socket:  # lost while we waited for a place
                self._places.release()
                continue
            try:
                socket.send_fds(sock, [payload], [client.fileno()])
            except OSError:  # full, or the process is gone
                self._places.release()
                self._acknowledged(sock)
                if sock is self._socket:
                    await asyncio.sleep(_RETRY_SECONDS)
            else:
                taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                self._unacknowledged.append(taken)
                return taken

    async def _connected(self) -> socket.socket:
        async with self._connecting:
            while self._socket is None:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                sock.setblocking(False)
                try:
                    sock.connect(self._path)
                except OSError:  # not there yet, or full
                    sock.close()
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                asyncio.get_running_loop().add_reader(sock.fileno(), self._acknowledged, sock)
                self._socket = sock
            return self._socket

    def _acknowledged(self, sock: socket.socket) -> None:
        """Read what the process says; a process that ended with sockets unread reports that before its last words."""
        while sock is self._socket:
            try:
                if not sock.recv(1):
                    self._forget(taken=False)
                elif self._unacknowledged:
                    self._settle(taken=True)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue
            except OSError:
                self._forget(taken=False)

    def _forget(self, *, taken: bool) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        while self._unacknowledged:
            self._settle(taken=taken)

    def _settle(self, *, taken: bool) -> None:
        future = self._unacknowledged.popleft()
        if not future.done():  # done: whoever waited was cancelled
            future.set_result(taken)
        self._places.release()
