"""Work in threads, and what came of it on the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from operator import mul
from typing import Any

import pytest
import uvloop

from reelkeep.playback.store_threads import StoreThreads


def run(scene: Callable[[StoreThreads], Awaitable[Any]], count: int = 2) -> Any:
    async def play() -> Any:
        threads = StoreThreads(count)
        try:
            async with asyncio.timeout(10):
                return await scene(threads)
        finally:
            threads.close()

    return uvloop.run(play())


def test_what_a_thread_returns_or_raises_comes_back() -> None:
    async def scene(threads: StoreThreads) -> None:
        assert await asyncio.gather(*(threads.run(partial(mul, each, 2)) for each in range(50))) == [*range(0, 100, 2)]
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        assert await threads.run(threading.get_ident) != threading.get_ident()

    run(scene)


def test_as_many_work_at_a_time_as_was_said() -> None:
    async def scene(threads: StoreThreads) -> None:
        meeting = threading.Barrier(3)
        await asyncio.gather(*(threads.run(lambda: meeting.wait(5)) for _ in range(3)))
        names = await asyncio.gather(*(threads.run(threading.get_ident) for _ in range(50)))
        assert len(set(names)) <= 3

    run(scene, count=3)


def test_no_thread_begins_before_there_is_work() -> None:
    before = threading.active_count()
    StoreThreads(4)
    assert threading.active_count() == before


def test_work_that_nobody_waits_for_any_more_is_not_begun() -> None:
    async def scene(threads: StoreThreads) -> None:
        go_on, begun = threading.Event(), list[int]()
        first = threads.run(lambda: go_on.wait(5))
        left = threads.run(lambda: begun.append(1))
        await asyncio.sleep(0.01)
        left.cancel()
        first.cancel()  # it is under way: its outcome is dropped
        go_on.set()
        await threads.run(lambda: begun.append(2))
        assert begun == [2]

    run(scene, count=1)


def until_gone(seen: weakref.ref[Any]) -> None:
    deadline = time.monotonic() + 5
    while seen() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_thread_keeps_nothing_of_what_it_has_done() -> None:
    class Large:
        pass

    async def scene(threads: StoreThreads) -> None:
        large = await threads.run(Large)
        seen = weakref.ref(large)
        del large
        await asyncio.to_thread(until_gone, seen)

    run(scene, count=1)


def test_a_thread_keeps_nothing_of_what_has_failed() -> None:
    class Large:
        pass

    seen: list[weakref.ref[Large]] = []

    def fail() -> None:
        large = Large()
        seen.append(weakref.ref(large))
        raise ValueError("for a reason")

    async def scene(threads: StoreThreads) -> None:
        try:
            await threads.run(fail)
        except ValueError:  # not kept, as pytest.raises would
            return
        pytest.fail("it should have failed")

    gc.disable()
    try:
        run(scene, count=1)
        until_gone(seen[0])
    finally:
        gc.enable()


def test_a_thread_that_cannot_begin_is_tried_again_with_the_next_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(threads: StoreThreads) -> None:
        with monkeypatch.context() as patch:

            def refuse(_: threading.Thread) -> None:
                raise RuntimeError("can't start new thread")

            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError):
                threads.run(lambda: 1)
        assert await threads.run(lambda: 1) == 1

    run(scene)


def test_where_no_more_threads_can_begin_those_that_have_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(threads: StoreThreads) -> None:
        begin = threading.Thread.start

        def begin_one(thread: threading.Thread) -> None:
            if threads._threads:
                raise RuntimeError("can't start new thread")
            begin(thread)

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", begin_one)
            assert await asyncio.gather(*(threads.run(lambda n=n: n) for n in range(3))) == [0, 1, 2]
        assert len(threads._threads) == 1
        await threads.run(lambda: 1)
        assert len(threads._threads) == 2

    run(scene, count=2)


def test_close_leaves_what_has_not_begun_and_ends_the_threads() -> None:
    async def scene(threads: StoreThreads) -> None:
        go_on = threading.Event()
        under_way, waiting = threads.run(lambda: go_on.wait(5)), threads.run(lambda: 1)
        await asyncio.sleep(0.01)
        threads.close()
        assert waiting.cancelled()
        go_on.set()
        assert await under_way is True
        for each in threads._threads:
            await asyncio.to_thread(each.join, 5)
            assert not each.is_alive()

    run(scene, count=1)


def test_a_loop_that_has_ended_is_told_nothing() -> None:
    go_on = threading.Event()

    async def scene(threads: StoreThreads) -> list[threading.Thread]:
        threads.run(lambda: go_on.wait(5))
        await asyncio.sleep(0.01)
        return threads._threads

    (thread,) = run(scene, count=1)
    go_on.set()
    thread.join(5)
    assert not thread.is_alive()
