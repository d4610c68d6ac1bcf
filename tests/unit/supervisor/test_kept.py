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


def test_rolling_over_starts_a_successor_beside_the_former_one_and_keeps_that() -> None:
    async def scene() -> None:
        lives = Lives()
        kept = Kept("one", lives.start)
        await kept.begin()
        former = await kept.roll_over()
        assert (former, lives.all[0].stopped, len(lives.all)) == (lives.all[0], False, 2)
        lives.all[0].die()  # drained: nobody starts it again
        lives.all[1].die()
        await asyncio.sleep(0.35)
        assert len(lives.all) == 3
        await kept.end()
        assert (lives.all[0].stopped, lives.all[2].stopped) == (False, True)

    asyncio.run(scene())


def test_where_no_successor_starts_the_former_one_is_kept() -> None:
    async def scene() -> None:
        lives = Lives(failures=1)
        kept = Kept("one", lives.start)
        await kept.begin()
        with pytest.raises(DependencyError):
            await kept.roll_over()
        assert (kept.is_running, len(lives.all), lives.all[0].stopped) == (True, 1, False)
        lives.all[0].die()
        await asyncio.sleep(0.35)
        assert len(lives.all) == 2
        await kept.end()

    asyncio.run(scene())


def test_one_that_is_ended_while_it_rolls_over_stays_ended() -> None:
    async def scene() -> None:
        lives, slow = Lives(), asyncio.Event()

        async def start() -> Life:
            if lives.all:
                await slow.wait()
            return await lives.start()

        kept = Kept("one", start)
        await kept.begin()
        rolling = asyncio.create_task(kept.roll_over())
        await asyncio.sleep(0.01)
        rolling.cancel()
        await kept.end()
        slow.set()
        await asyncio.sleep(0.3)
        assert (len(lives.all), lives.all[0].stopped) == (1, True)

    asyncio.run(scene())


def test_one_that_rests_is_not_rolled_over_and_what_wakes_it_starts_its_successor() -> None:
    async def scene() -> None:
        lives, needed = Lives(), asyncio.Event()

        async def wanted() -> None:
            await needed.wait()

        kept = Kept("one", lives.start, wanted)
        await kept.begin()
        kept.let_rest()
        assert await kept.roll_over() is None
        lives.all[0].die()
        await asyncio.sleep(0.05)
        assert (await kept.roll_over(), len(lives.all)) == (None, 1)
        needed.set()
        await asyncio.sleep(0.05)
        assert (kept.is_running, kept.is_resting, len(lives.all)) == (True, False, 2)
        await kept.end()

    asyncio.run(scene())
