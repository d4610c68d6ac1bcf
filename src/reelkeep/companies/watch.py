"""Watches a company's own connections: each 3 seconds while media is in use there, and after a revocation each minute.

The one whose wrapping key opens the company key is looked at while media is in use anywhere.

Runs in the media process, in threads of its own. What is seen goes to the supervisor, which tells the company's pages.

| state and look | what follows |
|---|---|
| active, open | nothing |
| active, away | pages say that the storage does not answer; looked at again and again |
| active, refused | *revoked*: see ``supervisor.company`` |
| revoked, open | admins are told that the bucket lets Reelkeep in again; somebody has to resume it |
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from sqlalchemy import Engine

from reelkeep.catalog.in_use import connections_in_use
from reelkeep.companies.databases import database_errors
from reelkeep.companies.link import SupervisorLink
from reelkeep.companies.lookout import Lookout
from reelkeep.errors import ReelkeepError
from reelkeep.ids import ConnectionId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.refusals import Answer

LOOK_SECONDS: Final = 3.0  # promise P3
REVOKED_SECONDS: Final = 60.0  # between looks at a revoked connection: its CloudTrail shows each
REVOKED_FOR_SECONDS: Final = 3600.0  # then nobody looks any more; whoever resumes it looks
JITTER: Final = 0.1  # of each wait, so that companies do not all look at once
_TICK_SECONDS: Final = 0.25
_IN_USE_SECONDS: Final = 1.0  # how often the database is asked what is in use
_AT_ONCE: Final = 8


class StorageWatch:
    """Belongs to the media process. ``begin`` once; it ends with the process or with ``end``."""

    def __init__(self, storage: CompanyStorage, engine: Engine, lookout: Lookout, link: SupervisorLink) -> None:
        self._storage, self._engine, self._lookout, self._link = storage, engine, lookout, link
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="storage-look")
        self._looking: dict[ConnectionId, Future[None]] = {}
        self._due: dict[ConnectionId, float] = {}
        self._revoked_at: dict[ConnectionId, float] = {}
        self._seen: dict[ConnectionId, Answer] = {}
        self._lock = threading.Lock()  # guards what is seen
        self._soon, self._ended = threading.Event(), threading.Event()
        self._in_use: set[ConnectionId] = set()
        self._in_use_at = 0.0

    def begin(self) -> None:
        threading.Thread(target=self._run, name="storage-watch", daemon=True).start()

    def end(self) -> None:
        """Look no more; a look under way is not waited for."""
        self._ended.set()
        self._soon.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def look_soon(self) -> None:
        """Look at everything in use now: somebody met a refusal."""
        self._due = dict.fromkeys(self._due, 0.0)
        self._soon.set()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._soon.wait(_TICK_SECONDS)
                self._soon.clear()
                try:
                    self._tick(time.monotonic())
                except ReelkeepError as error:  # the database is away: those that were in use still are
                    print(f"storage-watch: {error.message}", file=sys.stderr)
        finally:
            if not self._ended.is_set():  # by a defect: nothing is given out that nobody watches
                traceback.print_exc()
                os._exit(1)

    def _tick(self, now: float) -> None:
        own = [one for one in self._storage.all_connections() if not one.is_hosted]
        wanted = {one.id: one.state for one in own}
        watched = {one.id for one in own if self._is_watched(one, now)}
        self._forget(watched)
        for connection_id in watched:
            flight = self._looking.get(connection_id)
            if self._ended.is_set() or (flight and not flight.done()) or self._due.get(connection_id, 0.0) > now:
                continue
            if flight is not None:
                flight.result()
            seconds = REVOKED_SECONDS if wanted[connection_id] is ConnectionState.REVOKED else LOOK_SECONDS
            self._due[connection_id] = now + seconds * (1 - JITTER * secrets.randbelow(101) / 100)
            self._looking[connection_id] = self._threads.submit(self._look, connection_id, wanted[connection_id])

    def _is_watched(self, connection: StorageConnection, now: float) -> bool:
        if connection.state is ConnectionState.ACTIVE:
            self._revoked_at.pop(connection.id, None)
            used = self._used(now)
            return connection.id in used or (connection.wrapping_key is not None and bool(used))
        if connection.state is not ConnectionState.REVOKED or connection.waits_for_key:
            return False
        return now - self._revoked_at.setdefault(connection.id, now) < REVOKED_FOR_SECONDS

    def _used(self, now: float) -> set[ConnectionId]:
        if now - self._in_use_at >= _IN_USE_SECONDS:
            self._in_use_at = now
            with database_errors(), self._engine.begin() as conn:
                self._in_use = connections_in_use(conn)
        return self._in_use

    def _look(self, connection_id: ConnectionId, state: ConnectionState) -> None:
        try:
            with database_errors():
                told = self._lookout.look(connection_id)
        except ReelkeepError as error:
            print(f"storage-watch: {error.message}", file=sys.stderr)
            return
        with self._lock:
            before = self._seen.get(connection_id, Answer.OPEN if state is ConnectionState.ACTIVE else Answer.REFUSED)
            self._seen[connection_id] = told.answer
            if told.answer is not before:
                self._tell(connection_id, state, told.answer)

    def _tell(self, connection_id: ConnectionId, state: ConnectionState, answer: Answer) -> None:
        self._link.tell("seen", connection_id=connection_id, answer=answer.value)
        if answer is not Answer.REFUSED:
            what = "storage.away" if answer is Answer.AWAY else "storage.answers"
            self._lookout.record(what, connection_id, state=state.value)

    def _forget(self, watched: set[ConnectionId]) -> None:
        """Whoever is not watched any more is not said to be away either."""
        with self._lock:
            for connection_id in set(self._seen) - watched:
                if self._seen.pop(connection_id) is not Answer.OPEN:
                    self._link.tell("seen", connection_id=connection_id, answer=None)
        self._due = {key: at for key, at in self._due.items() if key in watched}
