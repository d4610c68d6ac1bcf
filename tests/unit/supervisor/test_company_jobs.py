"""What follows the end of a job's process, and a company that ends while one is being started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from reelkeep.catalog.processes import EndReason
from reelkeep.jobs.interface import JobKind
from reelkeep.supervisor.company_jobs import JOB_FOUND_NOTHING, JOB_LEFT_MORE, JOB_WORKED, MAX_DEATHS, CompanyJobs

KILLED = -9


class Job:
    """A process that ends with this status by itself, or with 0 when it is stopped."""

    def __init__(self, status: int | None) -> None:
        self.child, self.was_stopped = object(), False
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if status is not None:
            self._status.set_result(status)

    async def ended(self) -> int:
        return await self._status

    async def stop(self, *, seconds: float) -> None:
        self.was_stopped = True
        self._status.set_result(0)


class Spare:
    """Starts what a test has prepared, once it lets it."""

    def __init__(self, statuses: Sequence[int | None]) -> None:
        self._statuses = list(statuses)
        self.was_asked, self.may_start = asyncio.Event(), asyncio.Event()
        self.started: list[Job] = []

    async def born(self, name: str, birth: Callable[[], Mapping[str, Any]], answer: object) -> Job:
        self.was_asked.set()
        await self.may_start.wait()
        self.started.append(Job(self._statuses.pop(0)))
        return self.started[-1]


class Records:
    """Stands for sessions, of which nothing is asked here, and for the ledger, which is told why a process ends."""

    def __init__(self) -> None:
        self.expected: list[tuple[object, EndReason]] = []

    def of_process(self, role: str) -> None:
        return None

    def follow(self, *_: object) -> None:
        return None

    def expect(self, child: object, reason: EndReason) -> None:
        self.expected.append((child, reason))


class Bench:
    def __init__(self, *statuses: int | None) -> None:
        self.spare, self.rings = Spare(statuses), 0
        spare: Any = self.spare
        self.records = Records()
        others: Any = self.records
        self.jobs = CompanyJobs(
            "acme",
            spare,
            others,
            others,
            birth=lambda _: {},
            answerer=lambda _: others,
            let_out=lambda _: None,
            ring=self._ring,
        )

    async def _ring(self, kind: JobKind) -> None:
        self.rings += 1

    async def work(self) -> str:
        self.spare.may_start.set()
        return await self.jobs.work(JobKind.TRANSCODE)


@pytest.mark.parametrize(
    ("status", "outcome", "rings"),
    [(JOB_WORKED, "worked", 0), (JOB_LEFT_MORE, "more", 1), (JOB_FOUND_NOTHING, "nothing", 0), (KILLED, "died", 1)],
)
def test_the_doorbell_is_rung_again_where_a_job_is_left(status: int, outcome: str, rings: int) -> None:
    async def run() -> None:
        bench = Bench(status)
        assert await bench.work() == outcome
        assert (bench.rings, list(bench.jobs)) == (rings, [])

    asyncio.run(asyncio.wait_for(run(), 10))


def test_processes_that_keep_dying_are_left_to_the_sweep_until_one_does_not() -> None:
    async def run() -> None:
        bench = Bench(*[KILLED] * (MAX_DEATHS + 2), JOB_WORKED, KILLED)
        for _ in range(MAX_DEATHS + 2):
            await bench.work()
        assert bench.rings == MAX_DEATHS
        await bench.work()
        await bench.work()
        assert bench.rings == MAX_DEATHS + 1

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_process_that_was_being_started_when_its_company_ended_is_stopped() -> None:
    async def run() -> None:
        bench = Bench(None)
        working = asyncio.create_task(bench.jobs.work(JobKind.TRANSCODE))
        await bench.spare.was_asked.wait()
        bench.jobs.close(EndReason.SUSPENDED)
        bench.spare.may_start.set()
        await asyncio.wait_for(working, 5)
        assert [job.was_stopped for job in bench.spare.started] == [True]
        assert bench.records.expected == [(bench.spare.started[0].child, EndReason.SUSPENDED)]
        assert (bench.rings, list(bench.jobs)) == (0, [])
        assert await bench.jobs.work(JobKind.TRANSCODE) == "died"
        assert len(bench.spare.started) == 1

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_process_lives_on_when_nobody_waits_for_it_any_more() -> None:
    async def run() -> None:
        bench = Bench(None)
        bench.spare.may_start.set()
        working = asyncio.create_task(bench.jobs.work(JobKind.TRANSCODE))
        while not bench.spare.started:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        working.cancel()
        await asyncio.wait({working})
        assert list(bench.jobs) == bench.spare.started
        await bench.spare.started[0].stop(seconds=1)
        while list(bench.jobs):
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 10))
