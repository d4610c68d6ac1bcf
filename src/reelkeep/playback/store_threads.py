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
        """Have a thread do this; what it returns or raises is the future's. Work whose future is cancelled is left.

        Raises:
            RuntimeError: no thread can be started, and there is none yet. The next work tries again.
        """
        loop = asyncio.get_running_loop()
        while len(self._threads) < self._count:
            thread = threading.Thread(target=self._serve, args=(loop,), name="store", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                if not self._threads:
                    raise
                break  # those that run do it
            self._threads.append(thread)
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
            _do(loop, *task)
            del task  # what came of it is some megabytes, and a thread may wait for long


def _do(loop: asyncio.AbstractEventLoop, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
    outcome, error = None, None
    try:
        if not future.cancelled():
            outcome = work()
    except BaseException as caught:  # noqa: BLE001  # whoever waits gets it
        error = caught
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
        loop.call_soon_threadsafe(_settle, future, outcome, error)
    del outcome, error, future  # an error knows this frame, which would keep it and all that failed with it


def _settle(future: asyncio.Future[Any], outcome: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(outcome)
    else:
        future.set_exception(error)
