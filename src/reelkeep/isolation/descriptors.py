"""A first word on a link: one byte, and with it the sockets that a child hands in or is handed out.

It comes before anything else on the link, from either side, so the framed protocol never meets a descriptor. Follows
unix(7), SCM_RIGHTS.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final

from reelkeep.errors import IsolationError

MAX_SOCKETS: Final = 2
_WORD: Final = b"\x01"


def hand_in(link: socket.socket, sockets: Sequence[socket.socket]) -> None:
    """Say the first word, in the child; its own ends of ``sockets`` are closed afterwards."""
    socket.send_fds(link, [_WORD], [each.fileno() for each in sockets])
    for each in sockets:
        each.close()


async def handed_in(link: socket.socket) -> list[socket.socket]:
    """Wait for a child's first word and return its sockets; none if the child has ended without a word.

    Args:
        link: not blocking, and not read by anything else yet.

    Raises:
        IsolationError: its first word is another one.
    """
    loop, come = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(link.fileno(), come.set)
    try:
        await come.wait()
    finally:
        loop.remove_reader(link.fileno())
    return _taken(link)


def hand_out(link: socket.socket, sockets: Sequence[socket.socket]) -> None:
    """Say the first word, in the supervisor, which keeps its own ends; a child that has ended is seen by its end."""
    with contextlib.suppress(ConnectionError):
        socket.send_fds(link, [_WORD], [each.fileno() for each in sockets])


def handed_out(link: socket.socket) -> list[socket.socket]:
    """Wait, in a child, for the supervisor's first word and return its sockets; none if the supervisor has ended."""
    return _taken(link)


def _taken(link: socket.socket) -> list[socket.socket]:
    try:
        word, descriptors, flags, _ = socket.recv_fds(link, len(_WORD), MAX_SOCKETS, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return []
    sockets = [socket.socket(fileno=each) for each in descriptors]
    if word in (b"", _WORD) and not flags & socket.MSG_CTRUNC:
        return sockets
    for each in sockets:
        each.close()
    raise IsolationError("a process did not begin as it should")
