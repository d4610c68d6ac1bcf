"""The jobs of one company in the supervisor: each has a process of its own, which does one and ends.

Whoever asked for a job may be killed meanwhile: its process lives on, and so does what follows its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any, Final

from reelkeep.catalog.processes import EndReason, ProcessKind
from reelkeep.ids import ConnectionId
from reelkeep.jobs.interface import JobKind
from reelkeep.supervisor.ledger import Ledger
from reelkeep.supervisor.linked import Answer, Linked
from reelkeep.supervisor.sessions import CompanySessions, ProcessSessions
from reelkeep.supervisor.spare import Spare

JOB_WORKED, JOB_FOUND_NOTHING, JOB_LEFT_MORE = 0, 3, 4  # exit statuses of runner.job_process
_OUTCOMES: Final = {JOB_WORKED: "worked", JOB_FOUND_NOTHING: "nothing", JOB_LEFT_MORE: "more"}
_ENDS: Final = {
    JOB_WORKED: EndReason.DONE,
    JOB_FOUND_NOTHING: EndReason.NOTHING,
    JOB_LEFT_MORE: EndReason.DONE,
}
MAX_DEATHS: Final = 3  # in a row that are answered at once; then the sweep finds the job, 20 seconds later at most
CUT_SECONDS: Final = 2.0  # for a process whose connection was cut; one that is killed is taken up again like any other

Ring = Callable[[JobKind], Awaitable[None]]


class CompanyJobs:
    """Has job processes born, and follows each to its end. Belongs to one event loop.

    Args:
        name: of the company, in lists of processes.
        birth: returns what a process for this kind of job is born with.
        answerer: makes what answers the requests of one process, which has these sessions.
        let_out: opens the one way out of a process without a network.
        ring: asks for another job process of this kind.
    """

    def __init__(
        self,
        name: str,
        spare: Spare,
        sessions: CompanySessions,
        ledger: Ledger,
        *,
        birth: Callable[[JobKind], Mapping[str, Any]],
        answerer: Callable[[ProcessSessions], Answer],
        let_out: Callable[[Linked], None],
        ring: Ring,
    ) -> None:
        self._name, self._spare, self._sessions, self._ledger = name, spare, sessions, ledger
        self._birth, self._answerer, self._let_out, self._ring = birth, answerer, let_out, ring
        self._running: dict[Linked, ProcessSessions] = {}
        self._working: set[asyncio.Task[str]] = set()
        self._deaths = 0  # in a row
        self._closed: EndReason | None = None  # why, once it is

    def __iter__(self) -> Iterator[Linked]:
        return iter(list(self._running))

    def at_work_with(self, connections: Collection[ConnectionId]) -> list[Linked]:
        """Return the processes that have asked for a session of one of these connections."""
        return [job for job, sessions in self._running.items() if sessions.connection_id in connections]

    def close(self, reason: EndReason) -> None:
        """Begin none any more; the caller ends those that run. One that is just being started is stopped at once.

        Args:
            reason: which the ledger gets of that one.
        """
        self._closed = reason

    async def work(self, kind: JobKind) -> str:
        """Run a fresh job process to its end; return "worked", "more" (is due), "nothing" or "died".

        The process lives on if nobody waits any more, because the runner was killed, and what follows it does too.
        """
        working = asyncio.create_task(self._work(kind))
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        return await asyncio.shield(working)

    async def _work(self, kind: JobKind) -> str:
        if self._closed is not None:
            return "died"
        outcome = await self._run(kind)
        self._deaths = self._deaths + 1 if outcome == "died" else 0
        if self._closed is None and (outcome == "more" or 0 < self._deaths <= MAX_DEATHS):
            await self._ring(kind)  # for another job, or for the same one, whose process was killed
        return outcome

    async def _run(self, kind: JobKind) -> str:
        sessions = self._sessions.of_process("job")
        job = await self._spare.born(f"{self._name} job", lambda: self._birth(kind), self._answerer(sessions))
        self._let_out(job)
        self._ledger.follow(ProcessKind.JOB, job.child, lambda status: _ENDS.get(status, EndReason.FAILED))
        self._running[job] = sessions
        if self._closed is not None:  # meanwhile: nobody else ends it
            self._ledger.expect(job.child, self._closed)
            await job.stop(seconds=CUT_SECONDS)
        try:
            return _OUTCOMES.get(await job.ended(), "died")
        finally:
            del self._running[job]
