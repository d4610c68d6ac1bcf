"""Few silent connections in all, fewer from one address; the oldest goes first."""

from __future__ import annotations

import asyncio

from reelkeep.gateway.crowd import Crowd


def cancelled_of(sources: list[str], *, most: int, most_of_one: int) -> list[int]:
    """Return which of the connections from these sources, in this order, are sent away."""

    async def run() -> list[int]:
        crowd = Crowd(most, most_of_one)
        tasks = []
        for source in sources:
            task: asyncio.Task[None] = asyncio.create_task(asyncio.sleep(60))
            tasks.append(task)
            crowd.enter(task, source)
        await asyncio.sleep(0)
        gone = [number for number, task in enumerate(tasks) if task.cancelling() or task.cancelled()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return gone

    return asyncio.run(run())


def test_one_address_may_not_have_all_the_room() -> None:
    assert cancelled_of(["a", "b", "a", "a", "a"], most=9, most_of_one=2) == [0, 2]


def test_the_room_is_bounded_for_all_together() -> None:
    assert cancelled_of(["a", "b", "c", "d"], most=2, most_of_one=2) == [0, 1]


def test_a_load_balancer_is_no_source_of_its_own() -> None:
    assert cancelled_of([""] * 4, most=4, most_of_one=2) == []


def test_one_that_has_spoken_counts_no_more() -> None:
    async def run() -> int:
        crowd = Crowd(most=9, most_of_one=1)
        tasks: list[asyncio.Task[None]] = [asyncio.create_task(asyncio.sleep(60)) for _ in range(2)]
        for task in tasks:
            crowd.enter(task, "a")
            crowd.leave(task)
        cancelled = sum(task.cancelling() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return cancelled

    assert asyncio.run(run()) == 0
