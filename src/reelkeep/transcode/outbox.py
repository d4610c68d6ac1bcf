"""Work that goes on beside the talk with the codec: ordered within a lane, a few pieces waiting at most."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

MAX_WAITING: Final = 2  # in each lane: with bundles of 16 MB a ladder of five renditions holds 160 MB at most


class Outbox:
    """Runs actions on one thread per lane. After the first failure nothing more is begun in any lane, so what a lane
    has published never has a hole. Used by one thread."""

    def __init__(self) -> None:
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._waiting: dict[str, deque[Future[None]]] = defaultdict(deque)
        self._stopped = threading.Event()

    def submit(self, lane: str, action: Callable[[], None]) -> None:
        """Put an action behind the others of its lane; wait while the lane is full. Raises what an action raised."""
        self.check()
        if lane not in self._lanes:
            self._lanes[lane] = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"outbox-{lane}")
        waiting = self._waiting[lane]
        while len(waiting) >= MAX_WAITING:
            waiting.popleft().result()
        waiting.append(self._lanes[lane].submit(self._run, action))

    def check(self) -> None:
        """Raise what an action raised; forget those that are done."""
        for waiting in self._waiting.values():
            while waiting and waiting[0].done():
                waiting.popleft().result()

    def drain(self) -> None:
        """Wait until every action is done; raise what one of them raised."""
        for waiting in self._waiting.values():
            while waiting:
                waiting.popleft().result()

    def close(self) -> None:
        """Begin nothing more and wait for what has begun."""
        self._stopped.set()
        for lane in self._lanes.values():
            lane.shutdown(wait=True, cancel_futures=True)

    def _run(self, action: Callable[[], None]) -> None:
        if self._stopped.is_set():
            return
        done = False
        try:
            action()
            done = True
        finally:
            if not done:
                self._stopped.set()
