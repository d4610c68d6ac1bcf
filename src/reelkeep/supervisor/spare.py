"""A process that stands ready: it has everything imported and waits for its birth, so that it is of use at once.

It knows no company before, becomes one company's, and ends with what it does there. Another one takes its place a
little later, when whoever waits for the first has got what he waits for.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from reelkeep.errors import ReelkeepError
from reelkeep.supervisor.linked import Answer, Linked
from reelkeep.supervisor.unborn import Unborn

LONGEST_PENALTY_SECONDS: Final = 60.0


class Spare:
    """Keeps one unborn process ready. Belongs to one event loop, that of the main thread.

    Args:
        what: it is, in what goes wrong.
        start: starts one.
        refill_seconds: after which another one takes the place of one that was taken, or that ended where it stood;
            later, if that happens again and again.
    """

    def __init__(self, what: str, start: Callable[[], Awaitable[Unborn]], refill_seconds: float) -> None:
        self._what, self._start, self._refill_seconds = what, start, refill_seconds
        self._ready: Unborn | None = None
        self._filling: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._penalty_seconds = 0.0
        self._is_over = False

    def begin_later(self) -> None:
        """Have one stand ready soon."""
        self._fill(0.0)

    async def end(self) -> None:
        """End the one that stands ready, and start none any more; those that were taken are their companies'."""
        self._is_over = True
        await self._drop()

    async def renew(self) -> None:
        """Have another one stand ready, which has imported what is installed now."""
        await self._drop()
        self._fill(0.0)

    async def taken(self, name: str) -> Unborn:
        """Return the one that stands ready, or start one; it is the caller's from then on, and called ``name``.

        Raises:
            ReelkeepError: there was none ready, and none could be started.
        """
        ready = self._taken()
        self._fill(self._refill_seconds)
        if ready is not None:
            self._penalty_seconds = 0.0
        if ready is not None and ready.child.returncode is not None:  # somebody has killed it just now
            await ready.end()
            ready = None
        if ready is None:
            ready = await self._start()
        ready.child.name = name
        return ready

    async def born(self, name: str, birth: Callable[[], Mapping[str, Any]], answer: Answer) -> Linked:
        """Return the one that stands ready, or a fresh one, with this birth; see ``taken`` and ``Linked.of``."""
        return await Linked.of(await self.taken(name), birth, answer)

    def _taken(self) -> Unborn | None:
        ready, self._ready = self._ready, None
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        return ready

    def _fill(self, seconds: float) -> None:
        if not self._is_over and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._filled(seconds))

    async def _filled(self, seconds: float) -> None:
        while self._ready is None:
            await asyncio.sleep(seconds + self._penalty_seconds)
            try:
                self._ready = ready = await self._start()
            except ReelkeepError as error:
                self._note_failure(f"no {self._what} stands ready: {error.message}")
            else:
                self._watching = asyncio.create_task(self._watch(ready))

    async def _watch(self, ready: Unborn) -> None:
        """Have another one take the place of one that ends where it stands."""
        status = await ready.child.ended()
        self._ready, self._watching = None, None
        self._note_failure(f"the {self._what} that stood ready ended with {status}")
        await ready.end()
        self._fill(self._refill_seconds)

    def _note_failure(self, words: str) -> None:
        print(f"supervisor: {words}", file=sys.stderr)
        self._penalty_seconds = min(LONGEST_PENALTY_SECONDS, self._penalty_seconds * 2 or self._refill_seconds)

    async def _drop(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        if (ready := self._taken()) is not None:
            await ready.end()
