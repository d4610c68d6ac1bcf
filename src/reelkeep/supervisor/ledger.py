"""Writes down which processes serve a company, in that company's own database (``catalog.processes``).

Nobody waits for it: a process serves while its start is being written, and what a database that is away does not take
is kept here and written later, with its true time. A supervisor that is killed meanwhile takes that with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from reelkeep.catalog import audit, processes
from reelkeep.catalog.processes import Born, EndReason, Moment, ProcessKind, Supervision
from reelkeep.companies.databases import open_engine
from reelkeep.ids import ProcessId, new_id
from reelkeep.supervisor.child import Child

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 5.0
MAX_WAITING: Final = 10_000  # moments, some 3 MB; beyond it the oldest are lost, and their number is put on record

Why = Callable[[int], EndReason]


class Ledger:
    """The ledger of one company, belonging to one event loop. It holds a connection only while it writes.

    It outlives what the company's processes were born with: their ends belong into the database that is there then.

    Args:
        url: of the company's database, as its app role.
    """

    def __init__(self, slug: str, url: URL | str, by: Supervision) -> None:
        self._slug, self._url, self._by = slug, url, by
        self._waiting: list[Moment] = []
        self._lost = 0
        self._has_closed_leftovers = False
        self._alive: set[ProcessId] = set()
        self._again = asyncio.Event()  # set when there is a reason to try at once
        self._told: dict[int, EndReason] = {}  # pid to why it is about to be ended
        self._following: set[asyncio.Task[None]] = set()
        self._writing: asyncio.Task[None] | None = None

    @property
    def url(self) -> URL | str:
        """The address of the company's database, as its app role."""
        return self._url

    def move(self, url: URL | str) -> None:
        """Write to this address from now on: the company has another password, or another database."""
        if url != self._url:
            self._url, self._has_closed_leftovers = url, False
            self._again.set()

    def follow(self, kind: ProcessKind, child: Child, why: Why = lambda _: EndReason.FAILED) -> None:
        """Write down that a process has started and, when it has, that it ended.

        Args:
            why: makes a reason of its exit status, unless ``expect`` has told one.
        """
        born = Born(ProcessId(new_id()), kind, child.pid)
        self._alive.add(born.id)
        self._add(Moment(born, datetime.now(UTC)))
        task = asyncio.create_task(self._follow(born, child, why))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    def expect(self, child: Child, reason: EndReason) -> None:
        """Say why a process is going to end; the first reason counts."""
        if child.returncode is None:
            self._told.setdefault(child.pid, reason)

    async def close(self) -> None:
        """Write the rest, once every process has ended; after five seconds the next start has to close what is open."""
        self._again.set()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._following:
                    await asyncio.wait(set(self._following))
                if self._writing is not None:
                    await asyncio.wait({self._writing})
        except TimeoutError:
            print(f"supervisor: the last moments of {self._slug} were not written down", file=sys.stderr)
        for task in (*self._following, *([self._writing] if self._writing else [])):
            task.cancel()

    async def _follow(self, born: Born, child: Child, why: Why) -> None:
        status = await child.ended()
        reason = self._told.pop(born.pid, None) or why(status)
        self._alive.discard(born.id)
        self._add(Moment(born, datetime.now(UTC), reason, status))

    def _add(self, moment: Moment) -> None:
        self._keep([moment])
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    def _keep(self, moments: Sequence[Moment]) -> None:
        """Put moments to those that wait; of too many the oldest are lost."""
        self._waiting += moments
        excess = max(0, len(self._waiting) - MAX_WAITING)
        del self._waiting[:excess]
        self._lost += excess

    async def _write(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._waiting or self._lost:
            moments, lost, self._waiting = self._waiting, self._lost, []
            url, known = self._url, self._alive | {moment.process.id for moment in moments}
            self._again.clear()
            try:
                await asyncio.to_thread(self._insert, url, moments, lost, known)
                self._lost -= lost
                self._has_closed_leftovers = self._has_closed_leftovers or url == self._url
            except SQLAlchemyError as error:
                newer, self._waiting = self._waiting, moments
                self._keep(newer)
                print(f"supervisor: the ledger of {self._slug} waits: {type(error).__name__}", file=sys.stderr)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._again.wait(), pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _insert(self, url: URL | str, moments: list[Moment], lost: int, known: Collection[ProcessId]) -> None:
        engine = open_engine(url, pool_size=1)
        try:
            with engine.begin() as conn:
                if not self._has_closed_leftovers:
                    processes.close_leftovers(conn, self._by, datetime.now(UTC), known)
                processes.record(conn, self._by, moments)
                if lost:
                    audit.record(conn, "processes.lost", None, None, moments=lost)
        finally:
            engine.dispose()
