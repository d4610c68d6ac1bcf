"""A child's first word to its supervisor: one byte on its link, and with it the sockets that it hands in.

It comes before anything else on the link, from either side, so the framed protocol never meets a descriptor. Follows
unix(7), SCM_RIGHTS.
"""

from __future__ import annotations

import asyncio
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
