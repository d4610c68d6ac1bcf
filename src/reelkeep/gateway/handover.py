"""Passes sockets to one company's process, over AF_UNIX SOCK_SEQPACKET with SCM_RIGHTS.

Descriptors in flight are limited per sending user, over all receivers (facts: 1,025 unread ones blocked healthy ones),
so at most 64 may be unacknowledged for one company. The receiver acknowledges each with one byte.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Final

MAX_UNACKNOWLEDGED: Final = 64
MAX_WAITING: Final = 256
WAIT_SECONDS: Final = 10.0  # a company's process that ended is back within about two
_RETRY_SECONDS: Final = 0.1
_ACKNOWLEDGEMENT_BYTES: Final = 4_096


class Unavailable(Exception):
    """The company's process takes no connection now."""


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
        self._unacknowledged = 0
        self._waiting = 0
        self._connecting = asyncio.Lock()

    async def pass_on(self, client: socket.socket, host: str, peer: tuple[str, int]) -> None:
        """Hand ``client`` over; the caller closes its own copy afterwards.

        Raises:
            Unavailable: the process did not take it in time, or too many are waiting already.
        """
        if self._waiting >= MAX_WAITING:
            raise Unavailable
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._send(client, json.dumps({"host": host, "peer": list(peer)}).encode())
        except TimeoutError:
            raise Unavailable from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Forget the connection; what was not acknowledged is no longer counted."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._release(self._unacknowledged)

    async def _send(self, client: socket.socket, payload: bytes) -> None:
        while True:
            sock = await self._connected()
            await self._places.acquire()
            if sock is not self._socket:  # lost while we waited for a place
                self._places.release()
                continue
            self._unacknowledged += 1
            try:
                socket.send_fds(sock, [payload], [client.fileno()])
            except BlockingIOError:
                self._release(1)
                await asyncio.sleep(_RETRY_SECONDS)
            except OSError:
                self._lost(sock)
            else:
                return

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
        try:
            taken = len(sock.recv(_ACKNOWLEDGEMENT_BYTES))
        except BlockingIOError:
            return
        except OSError:
            taken = 0
        if taken:
            self._release(min(taken, self._unacknowledged))
        else:
            self._lost(sock)

    def _lost(self, sock: socket.socket) -> None:
        if self._socket is sock:
            self.close()

    def _release(self, count: int) -> None:
        self._unacknowledged -= count
        for _ in range(count):
            self._places.release()
