"""Keeps a process there: started again with back-off whenever it ends, until it is told to end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from reelkeep.errors import ReelkeepError

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 30.0  # a process that lived as long starts again without a growing pause


class Running(Protocol):
    async def ended(self) -> int: ...

    async def stop(self) -> None: ...


class Kept:
    """One process under care.

    Args:
        start: starts it and returns when it is ready; raises ReelkeepError if it does not become so.
        needed: returns when one that rests is wanted again.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Running]],
        needed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self._start, self._needed = start, needed
        self._running: Running | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._restart = self._rest = self._is_over = False
        self._started = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Tell whether it runs and is ready."""
        return self._running is not None

    @property
    def is_resting(self) -> bool:
        """Tell whether it has ended, or is about to, and waits until somebody needs it."""
        return self._rest

    def let_rest(self) -> None:
        """Once it has ended by itself, start it again when it is needed, and not before."""
        self._rest = self._running is not None and self._needed is not None

    async def begin(self, *, needed: bool = True) -> None:
        """Start it, and keep it from now on.

        Args:
            needed: raise what ``start`` raises; else tell it and try again later.
        """
        try:
            self._running = await self._start()
        except ReelkeepError as error:
            if needed:
                raise
            print(f"supervisor: {self.name}: {error.message}", file=sys.stderr)
        self._keeping = asyncio.create_task(self._keep(self._running))

    def begin_later(self) -> None:
        """Keep it from now on, without waiting for its first start."""
        self._keeping = asyncio.create_task(self._keep(None))

    async def end(self) -> None:
        """Stop it and keep it no longer."""
        self._is_over = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        if self._running is not None:
            await self._running.stop()
            await self._running.ended()
            self._running = None

    async def restart(self) -> None:
        """Stop it, and wait until it was started again."""
        if self._running is None or self._rest:
            return
        self._restart = True
        self._started.clear()
        await self._running.stop()
        await self._started.wait()

    async def roll_over(self) -> Running | None:
        """Start a successor beside it, keep that from now on, and return the former one, which still runs.

        Returns:
            None if there was none, or it rests: whatever starts next is a successor anyhow.

        Raises:
            ReelkeepError: the successor did not become ready; the former one is kept as before.
        """
        former, keeping = self._running, self._keeping
        if former is None or keeping is None or self._rest:
            return None
        keeping.cancel()
        await asyncio.wait({keeping})
        kept = former
        try:
            kept = self._running = await self._start()
        finally:
            if not self._is_over:
                self._keeping = asyncio.create_task(self._keep(kept))
        return former

    async def _keep(self, running: Running | None) -> None:
        pause = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            if running is not None:
                status = await running.ended()
                self._running = None
                if loop.time() - began > STEADY_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                if self._rest and self._needed is not None:
                    await self._needed()
                elif not self._restart:
                    print(f"supervisor: {self.name} ended with status {status}; starting it again", file=sys.stderr)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                self._restart = self._rest = False
            try:
                running = self._running = await self._start()
                self._started.set()
            except ReelkeepError as error:
                print(f"supervisor: {self.name}: {error.message}", file=sys.stderr)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                running = None
