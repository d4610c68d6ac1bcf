"""Keeping a process: it comes back with growing pauses, ends when told, and a restart is no failure."""

from __future__ import annotations

import asyncio

import pytest

from reelkeep.errors import DependencyError
from reelkeep.supervisor.kept import Kept


class Life:
    """A process in name: ends when told."""

    def __init__(self) -> None:
        self._end = asyncio.Event()
        self.stopped = False

    async def ended(self) -> int:
        await self._end.wait()
        return 1

    async def stop(self) -> None:
        self.stopped = True
        self._end.set()

    def die(self) -> None:
        self._end.set()


class Lives:
    def __init__(self, failures: int = 0) -> None:
        self.all: list[Life] = []
        self._failures = failures
        self.asked = 0

    async def start(self) -> Life:
        self.asked += 1
        if self.all and self.asked <= 1 + self._failures:
            raise DependencyError("not yet")
        self.all.append(Life())
        return self.all[-1]


def test_one_that_ended_is_started_again_and_ends_when_told() -> None:
    async def scene() -> None:
        lives = Lives()
        kept = Kept("one", lives.start)
        await kept.begin()
        lives.all[0].die()
        await asyncio.sleep(0.35)
        assert len(lives.all) == 2
        await kept.end()
        assert lives.all[1].stopped
        await asyncio.sleep(0.3)
        assert len(lives.all) == 2

    asyncio.run(scene())


def test_one_that_does_not_start_is_tried_again() -> None:
    async def scene() -> None:
        lives = Lives(failures=1)
        kept = Kept("one", lives.start)
        await kept.begin()
        lives.all[0].die()
        await asyncio.sleep(1.2)
        assert (lives.asked, len(lives.all)) == (3, 2)
        await kept.end()

    asyncio.run(scene())


def test_one_that_dies_at_once_again_and_again_is_not_started_ever_faster() -> None:
    async def scene() -> None:
        lives = Lives()
        kept = Kept("one", lives.start)
        await kept.begin()
        for _ in range(40):
            lives.all[-1].die()
            await asyncio.sleep(0.03)
        assert len(lives.all) <= 4  # after 0.2, 0.4 and 0.8 seconds
        await kept.end()

    asyncio.run(scene())


def test_a_restart_stops_the_old_one_and_waits_for_the_new() -> None:
    async def scene() -> None:
        lives = Lives()
        kept = Kept("one", lives.start)
        await kept.begin()
        await asyncio.wait_for(kept.restart(), 1)
        assert (lives.all[0].stopped, len(lives.all)) == (True, 2)
        await kept.end()

    asyncio.run(scene())


def test_a_first_start_that_fails_is_told_to_the_caller() -> None:
    async def start() -> Life:
        raise DependencyError("no")

    with pytest.raises(DependencyError):
        asyncio.run(Kept("one", start).begin())
