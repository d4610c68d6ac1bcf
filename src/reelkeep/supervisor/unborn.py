"""A child that was started with one end of a link and waits for its birth: it knows no company and holds no secret."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from reelkeep.errors import DependencyError
from reelkeep.isolation.descriptors import hand_out, handed_in
from reelkeep.supervisor.child import Child, spawn

READY_SECONDS: Final = 60.0

Start = Callable[[socket.socket], Awaitable[Child]]


class Unborn:
    """Becomes a ``supervisor.linked.Linked``, which owns the socket then.

    ``brought`` are the sockets that it has handed in; whoever takes it closes them.
    """

    def __init__(self, child: Child, sock: socket.socket, brought: Sequence[socket.socket] = ()) -> None:
        self.child, self.socket, self.brought = child, sock, brought

    @classmethod
    async def started(cls, start: Start, *, brings: int = 0) -> Unborn:
        """Have ``start`` start a child, and wait until it has handed in so many sockets.

        Raises:
            ReelkeepError: it did not start, or ended before it had handed them in.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        async with contextlib.AsyncExitStack() as undo:
            undo.callback(ours.close)
            with theirs:
                child = await start(theirs)
            undo.push_async_callback(child.stopped, seconds=0)
            brought = await _brought(child, ours, brings) if brings else ()
            undo.pop_all()
        return cls(child, ours, brought)

    def hand_out(self, *sockets: socket.socket) -> None:
        """Give it sockets, before its birth; the caller closes its own copies. One that has ended takes none."""
        hand_out(self.socket, sockets)

    async def end(self) -> None:
        """Kill it: it has nothing yet that it could put away."""
        self.socket.close()
        for each in self.brought:
            each.close()
        await self.child.stopped(seconds=0)


async def _brought(child: Child, sock: socket.socket, count: int) -> Sequence[socket.socket]:
    try:
        sockets = await asyncio.wait_for(handed_in(sock), READY_SECONDS)
    except TimeoutError:
        sockets = []
    if len(sockets) != count:
        for each in sockets:
            each.close()
        raise DependencyError(f"the process {child.name} could not be closed off; its log says why")
    return sockets


def executed(name: str, program: Sequence[str]) -> Start:
    """Return what starts ``program --link-fd N``; to be called in the main thread."""

    async def start(theirs: socket.socket) -> Child:
        return spawn(name, [*program, "--link-fd", str(theirs.fileno())], pass_fds=[theirs.fileno()])

    return start
