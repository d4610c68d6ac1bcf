"""A few threads that wait for the store on behalf of one event loop.

asyncio's own way there and back (``run_in_executor``) goes by two futures, each with a lock: twice the time, and once
several megabytes have passed through the processor's cache in between, more than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")
_Task = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class StoreThreads:
    """Belongs to the loop that runs when the first work comes; threads begin with it, and end with the process.

    Args:
        count: how much is done at a time.
    """

    def __init__(self, count: int) -> None:
        self._count: Final = count
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Have a thread do this; what it returns or raises is the future's. Work whose future is cancelled is left."""
        loop = asyncio.get_running_loop()
        while len(self._threads) < self._count:
            thread = threading.Thread(target=self._serve, args=(loop,), name="store", daemon=True)
            self._threads.append(thread)
            thread.start()
        future: asyncio.Future[T] = loop.create_future()
        self._tasks.put((work, future))
        return future

    def close(self) -> None:
        """Begin nothing more; what is under way is not waited for."""
        with contextlib.suppress(queue.Empty):
            while (task := self._tasks.get_nowait()) is not None:
                task[1].cancel()
        for _ in self._threads:
            self._tasks.put(None)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        while (task := self._tasks.get()) is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(*_done(*task))
            del task  # what came of it is some megabytes, and a thread may wait for long


def _done(work: Callable[[], T], future: asyncio.Future[T]) -> tuple[Callable[..., None], asyncio.Future[T], Any]:
    """Do some work; return what is to be called with its future and its outcome."""
    if future.cancelled():
        return _leave, future, None
    try:
        return _succeed, future, work()
    except BaseException as error:  # noqa: BLE001  # whoever waits gets it
        return _fail, future, error


def _succeed(future: asyncio.Future[T], outcome: T) -> None:
    if not future.cancelled():
        future.set_result(outcome)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(error)


def _leave(future: asyncio.Future[T], _: None) -> None:
    """Nobody waits."""
