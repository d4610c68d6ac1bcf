from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest
from sqlalchemy import select
from tests.services.sites import Making, Site

from reelkeep.catalog import tables, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.encryption.sealing import SealBroken
from reelkeep.errors import MediaError, NotFound
from reelkeep.packaging.stills import StillKind
from reelkeep.playback.arrivals import Arrivals
from reelkeep.playback.buffers import Buffers
from reelkeep.playback.cache import SegmentCache
from reelkeep.playback.database import AsyncDatabase
from reelkeep.playback.segments import MakingStopped, NotYetPublished, SegmentSource, Viewer
from reelkeep.playback.store_threads import StoreThreads

T = TypeVar("T")


@dataclass
class Stage:
    """A version in the making, and what its viewers' process holds."""

    site: Site
    making: Making
    cache: SegmentCache
    viewer: Viewer

    def run(
        self, work: Callable[[SegmentSource, Arrivals], Awaitable[T]], *, wait: float = 0.2, read_ahead: bool = False
    ) -> T:
        async def inside() -> T:
            database, arrivals = AsyncDatabase.at(self.site.dsn), Arrivals()
            handle = self.site.handle
            threads = StoreThreads(4)
            source = SegmentSource(
                handle, handle.company_key, database, self.cache, arrivals, threads, Buffers(1 << 24),
                max_wait_seconds=wait, read_ahead=read_ahead,
            )  # fmt: skip
            try:
                return await work(source, arrivals)
            finally:
                await source.close()
                await database.close()
                threads.close()

        return asyncio.run(inside())

    def segment(self, name: str, number: int, **options: bool) -> memoryview:
        return self.run(lambda source, _: source.segment(self.viewer, name, number), **options)

    def reads(self) -> list[str]:
        return [key for operation, key, _ in self.site.bucket.log if operation == "get"]


@pytest.fixture
def stage(site: Site) -> Iterator[Stage]:
    user = site.user()
    version = site.version(site.production(uploader=user), user)
    cache = SegmentCache(max_bytes=1 << 20)
    yield Stage(site, Making(site, version), cache, Viewer(user.id, version.id))
    cache.clear()


def test_a_published_segment_is_read_once_and_then_comes_from_the_cache(stage: Stage) -> None:
    bundle = stage.making.publish("v360", 0)
    for _ in range(3):
        assert stage.segment("v360", 0) == stage.making.plain["v360", 0]
    assert stage.reads() == [bundle.object_key]


def test_one_read_brings_every_segment_of_a_bundle(stage: Stage) -> None:
    stage.making.publish("v360", 0)
    stage.making.publish("v360", 1, 2)
    for number in (2, 1, 0):
        assert stage.segment("v360", number) == stage.making.plain["v360", number]
    assert len(stage.reads()) == 2


def test_all_who_ask_at_once_share_one_read(stage: Stage) -> None:
    stage.making.publish("v360", 0, 1)

    async def twenty(source: SegmentSource, _: Arrivals) -> list[bytes]:
        return await asyncio.gather(*(source.segment(stage.viewer, "v360", each % 2) for each in range(20)))

    assert stage.run(twenty) == [stage.making.plain["v360", each % 2] for each in range(20)]
    assert len(stage.reads()) == 1


def test_a_viewer_who_leaves_does_not_take_the_segment_from_the_others(stage: Stage) -> None:
    stage.making.publish("v360", 0)

    async def one_leaves(source: SegmentSource, _: Arrivals) -> bytes:
        leaving, staying = (asyncio.ensure_future(source.segment(stage.viewer, "v360", 0)) for _ in range(2))
        await asyncio.sleep(0.3)  # both wait for the one read
        leaving.cancel()
        await asyncio.sleep(0)
        stage.site.bucket.lock.release()
        return await staying

    stage.site.bucket.lock.acquire()  # the bucket does not answer until one has left
    assert stage.run(one_leaves) == stage.making.plain["v360", 0]


def test_every_read_of_the_bucket_carries_a_grant_that_says_for_whom(stage: Stage) -> None:
    stage.making.publish("v360", 0)
    stage.making.publish("v360", 1)
    stage.segment("v360", 0)
    stage.segment("v360", 1)
    used = {grant: key for operation, key, grant in stage.site.bucket.log if operation == "get"}
    with stage.site.engine.begin() as conn:
        rows = conn.execute(select(tables.grants).where(tables.grants.c.id.in_(used))).all()
    assert len(rows) == 2
    for row in rows:
        assert (row.action, row.user_id, row.object_key) == ("play", stage.viewer.user_id, used[row.id])


def test_a_segment_that_is_still_being_made_is_waited_for(stage: Stage) -> None:
    async def publish_meanwhile(source: SegmentSource, arrivals: Arrivals) -> tuple[bytes, float]:
        asked = asyncio.ensure_future(source.segment(stage.viewer, "v360", 0))
        await asyncio.sleep(0.1)
        assert not asked.done()
        await asyncio.to_thread(stage.making.publish, "v360", 0)
        begun = time.monotonic()
        arrivals.changed(stage.viewer.version_id)
        return await asked, time.monotonic() - begun

    segment, seconds = stage.run(publish_meanwhile, wait=10)
    assert segment == stage.making.plain["v360", 0]
    assert seconds < 0.5


def test_a_lost_notice_costs_a_second_at_most(stage: Stage) -> None:
    async def publish_silently(source: SegmentSource, _: Arrivals) -> bytes:
        asked = asyncio.ensure_future(source.segment(stage.viewer, "v360", 0))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(stage.making.publish, "v360", 0)
        return await asyncio.wait_for(asked, 2)

    assert stage.run(publish_silently, wait=10) == stage.making.plain["v360", 0]


def test_after_the_longest_wait_the_viewer_is_told_to_ask_again(stage: Stage) -> None:
    begun = time.monotonic()
    with pytest.raises(NotYetPublished):
        stage.segment("v360", 3, wait=0.3)
    assert 0.3 <= time.monotonic() - begun < 2


@pytest.mark.parametrize(("name", "number"), [("v360", 6), ("v360", 99_999), ("a1", 6), ("v9", 0), ("stills", 0)])
def test_what_lies_beyond_the_end_is_not_there_and_not_waited_for(stage: Stage, name: str, number: int) -> None:
    begun = time.monotonic()
    with pytest.raises(NotFound):
        stage.segment(name, number, wait=10)
    assert time.monotonic() - begun < 2


def test_the_last_planned_segment_is_waited_for_and_after_the_real_end_it_is_not_there(stage: Stage) -> None:
    with pytest.raises(NotYetPublished):
        stage.segment("v360", 5)
    stage.making.publish("v360", 0)
    stage.making.complete(12)
    with pytest.raises(NotFound):
        stage.segment("v360", 5)
    assert stage.segment("v360", 0) == stage.making.plain["v360", 0]


def test_what_will_never_be_made_is_refused_with_the_reason(stage: Stage) -> None:
    stage.making.publish("v360", 0)
    with stage.site.engine.begin() as conn:
        problem = MediaError("the picture breaks off", advice="Export it again.")
        versions.move(conn, stage.viewer.version_id, VersionState.FAILED, problem)
    with pytest.raises(MakingStopped, match="the picture breaks off") as caught:
        stage.segment("v360", 1, wait=10)
    assert caught.value.advice() == "Export it again."


def test_an_altered_object_is_refused_and_not_cached(stage: Stage) -> None:
    bundle = stage.making.publish("v360", 0)
    whole = bytearray(stage.site.bucket.objects[bundle.object_key])
    whole[100] ^= 1
    stage.site.bucket.objects[bundle.object_key] = bytes(whole)
    for _ in range(2):
        with pytest.raises(SealBroken):
            stage.segment("v360", 0)
    assert len(stage.cache) == 0
    assert len(stage.reads()) == 2


def test_a_segment_put_in_the_place_of_another_is_refused(stage: Stage) -> None:
    first, second = stage.making.publish("v360", 0), stage.making.publish("v360", 1)
    objects = stage.site.bucket.objects
    objects[first.object_key], objects[second.object_key] = objects[second.object_key], objects[first.object_key]
    with pytest.raises(SealBroken):
        stage.segment("v360", 0)


def test_the_next_bundle_is_read_before_it_is_asked_for(stage: Stage) -> None:
    stage.making.publish("v360", 0)
    stage.making.publish("v360", 1)

    async def one_then_wait(source: SegmentSource, _: Arrivals) -> None:
        await source.segment(stage.viewer, "v360", 0)
        for _ in range(100):
            if stage.viewer.segment("v360", 1) in stage.cache:
                return
            await asyncio.sleep(0.02)

    stage.run(one_then_wait, read_ahead=True)
    assert stage.viewer.segment("v360", 1) in stage.cache


def test_stills_are_unsealed_and_kept_nowhere(stage: Stage) -> None:
    stage.making.publish_still(StillKind.TILES, 1, b"a picture")
    for _ in range(2):
        found = stage.run(lambda source, _: source.still(stage.viewer, StillKind.TILES, 1))
        assert found == (b"a picture", "image/jpeg")
    assert len(stage.reads()) == 2
    assert len(stage.cache) == 0
    with pytest.raises(NotFound):
        stage.run(lambda source, _: source.still(stage.viewer, StillKind.TILES, 2))


def test_reads_of_one_bundle_share_a_grant_for_a_minute_but_not_beyond_a_cut(stage: Stage) -> None:
    stage.making.publish("v360", 0)

    async def again_and_again(source: SegmentSource, _: Arrivals) -> None:
        for _ in range(2):
            await source.segment(stage.viewer, "v360", 0)
            stage.cache.clear()
        source.forget()
        await source.segment(stage.viewer, "v360", 0)

    stage.run(again_and_again)
    first, second, third = (grant for operation, _, grant in stage.site.bucket.log if operation == "get")
    assert first == second != third
