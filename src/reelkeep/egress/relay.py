"""Moves bytes between two connected sockets, both ways, until both sides have ended. Keeps nothing.

Each way has one buffer: a side that does not take its bytes holds up nobody else and fills no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

CHUNK_BYTES: Final = 256 << 10  # with less the calls cost more than the copy


async def relay(one: socket.socket, other: socket.socket) -> None:
    """Move bytes until both have ended, or one is broken; the sockets stay the caller's."""
    ways = {asyncio.create_task(_one_way(one, other)), asyncio.create_task(_one_way(other, one))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)  # nobody else asks how they ended


async def _one_way(source: socket.socket, target: socket.socket) -> None:
    """Move bytes to the end of ``source``, and end ``target``; raise OSError if one of them is broken."""
    loop, view = asyncio.get_running_loop(), memoryview(bytearray(CHUNK_BYTES))
    while count := await loop.sock_recv_into(source, view):
        await loop.sock_sendall(target, view[:count])
    with contextlib.suppress(OSError):  # it has ended, too
        target.shutdown(socket.SHUT_WR)
