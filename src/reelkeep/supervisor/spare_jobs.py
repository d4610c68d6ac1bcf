"""A job process that stands ready: it has everything imported and waits for its birth, so that a job begins at once.

It knows no company before, does one job of one company, and ends. Another one takes its place a little later, when the
job has had the processors for its first picture.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reelkeep.errors import ReelkeepError
from reelkeep.supervisor.linked import Answer, Linked
from reelkeep.supervisor.unborn import Unborn, executed

REFILL_SECONDS: Final = 15.0


class SpareJobs:
    """Starts job processes, one of them ahead of time. Belongs to one event loop, that of the main thread.

    Args:
        program: their command.
        brings: how many sockets each hands in when it leaves the network.
    """

    def __init__(self, program: Sequence[str], *, brings: int) -> None:
        self._program, self._brings = program, brings
        self._spare: Unborn | None = None
        self._refilling: asyncio.Task[None] | None = None
        self._is_over = False

    def begin_later(self) -> None:
        """Have one stand ready soon."""
        self._refill(0.0)

    async def end(self) -> None:
        """End the one that stands ready, and start none any more; those that were born are their companies'."""
        self._is_over = True
        await self._drop()

    async def renew(self) -> None:
        """Have another one stand ready, which imports what is installed now."""
        await self._drop()
        self._refill(0.0)

    async def born(self, name: str, birth: Callable[[], Mapping[str, Any]], answer: Answer) -> Linked:
        """Return a job process with this birth, as ``Linked.linked`` does.

        Raises:
            ReelkeepError: there was none ready, and none could be started.
        """
        spare, self._spare = self._spare, None
        self._refill(REFILL_SECONDS)
        if spare is not None and spare.child.returncode is not None:  # somebody has killed it
            await spare.end()
            spare = None
        if spare is None:
            spare = await self._started()
        spare.child.name = name
        return await Linked.of(spare, birth, answer)

    async def _started(self) -> Unborn:
        return await Unborn.started(executed("job", self._program), brings=self._brings)

    def _refill(self, seconds: float) -> None:
        if not self._is_over and (self._refilling is None or self._refilling.done()):
            self._refilling = asyncio.create_task(self._refilled(seconds))

    async def _refilled(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            if self._spare is None:
                self._spare = await self._started()
        except ReelkeepError as error:
            print(f"supervisor: no job process stands ready: {error.message}", file=sys.stderr)

    async def _drop(self) -> None:
        if self._refilling is not None:
            self._refilling.cancel()
            await asyncio.wait({self._refilling})
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare.end()
