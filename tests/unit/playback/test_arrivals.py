from __future__ import annotations

import asyncio

from reelkeep.ids import VersionId
from reelkeep.playback.arrivals import Arrivals

FIRST, SECOND = VersionId("0" * 20), VersionId("1" * 20)


def test_everyone_who_watches_a_version_is_woken_by_its_change_alone() -> None:
    async def watch() -> tuple[list[bool], bool]:
        arrivals = Arrivals()
        with arrivals.watch(FIRST) as one, arrivals.watch(FIRST) as two, arrivals.watch(SECOND) as other:
            arrivals.changed(FIRST)
            one.clear()  # one watcher's looking must not take the news from the other
            await asyncio.wait_for(two.wait(), 1)
            return [one.is_set(), two.is_set()], other.is_set()

    assert asyncio.run(watch()) == ([False, True], False)


def test_nothing_is_remembered_of_those_who_have_left() -> None:
    async def watch() -> bool:
        arrivals = Arrivals()
        with arrivals.watch(FIRST) as first, arrivals.watch(FIRST):
            pass
        arrivals.changed(FIRST)
        return first.is_set()

    assert asyncio.run(watch()) is False
