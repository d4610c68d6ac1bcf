"""The heartbeat of a job process: a thread that renews the lease, keeps the process present in the database, and learns
that the job was cancelled or lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

from reelkeep.errors import DependencyError, ReelkeepError
from reelkeep.ids import JobId
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobCancelled, LeaseLost, ShuttingDown
from reelkeep.jobs.presence import Presence
from reelkeep.runner.shutdown import Shutdown

HEARTBEAT_SECONDS: Final = 3.0  # a tenth of the lease; also how soon a cancelled job notices


class Heartbeat:
    """A ``Hold`` on one job while the ``with`` block lasts.

    A database that is away stops nothing by itself: every write of the job is fenced by ``queue.hold``, so the work
    goes on until it has something to record.
    """

    def __init__(
        self, presence: Presence, job_id: JobId, shutdown: Shutdown, *, seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self.worker = presence.worker
        self._presence = presence  # this thread's alone while the block lasts
        self._job_id = job_id
        self._shutdown = shutdown
        self._seconds = seconds
        self._reason: ReelkeepError | None = None
        self._stopped = threading.Event()  # the job has to be let go
        self._closed = threading.Event()  # the block has ended
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._renew()
        self._thread.start()
        self._shutdown.on_said(lambda: self._stop(ShuttingDown()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def check(self) -> None:
        """See ``Hold.check``."""
        if self._reason is not None:
            raise self._reason

    def wait(self, seconds: float) -> None:
        """See ``Hold.wait``."""
        self._stopped.wait(seconds)
        self.check()

    def on_stop(self, callback: Callable[[], None]) -> None:
        """See ``Hold.on_stop``; called at once if the job has to be let go already."""
        with self._lock:
            self._callbacks.append(callback)
            if self._reason is None:
                return
        callback()

    def _beat(self) -> None:
        while not self._closed.wait(self._seconds) and self._reason is None:
            self._renew()

    def _renew(self) -> None:
        try:
            with self._presence.transaction() as conn:
                cancelled = queue.renew(conn, self._job_id, self.worker)
        except DependencyError:
            return  # the next beat tries again; what the work writes meanwhile is fenced
        except LeaseLost as error:
            self._stop(error)
        else:
            if cancelled:
                self._stop(JobCancelled())

    def _stop(self, reason: ReelkeepError) -> None:
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            callbacks = list(self._callbacks)
        self._stopped.set()
        for callback in callbacks:
            callback()
