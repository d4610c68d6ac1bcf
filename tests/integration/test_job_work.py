"""One job process against a real PostgreSQL: how each way of ending is recorded, and how it learns to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from reelkeep.catalog.lifecycle import JobState
from reelkeep.catalog.tables import jobs
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.errors import DependencyError, IsolationError, MediaError, ReelkeepError, StorageSetupError
from reelkeep.ids import ConnectionId, JobId
from reelkeep.jobs import queue
from reelkeep.jobs.handling import Handler
from reelkeep.jobs.interface import Hold, Job, JobKind
from reelkeep.runner.shutdown import Shutdown
from reelkeep.runner.work import Outcome, with_next, work_once
from reelkeep.storage.access import CompanyStorage


class Bench:
    """A company with one job, and a handler that does what a test says."""

    def __init__(self, company: Company, engine: Engine) -> None:
        storage = CompanyStorage({}, {"": ConnectionId("none")}, None, None, None)
        self.handle = CompanyHandle(company.id, company.slug, company.name, "", "", engine, storage, None)
        self.engine = engine
        self.ends: list[tuple[JobState, str | None]] = []
        with engine.begin() as conn:
            self.job_id: JobId = queue.enqueue(conn, JobKind.TRANSCODE, None)

    def work(self, work: Callable[[CompanyHandle, Job, Hold], None], shutdown: Shutdown | None = None) -> Outcome:
        def ended(conn: Connection, job: Job, state: JobState, problem: ReelkeepError | None) -> None:
            self.ends.append((state, problem.message if problem else None))

        table = {JobKind.TRANSCODE: Handler(work, ended)}
        return work_once(self.handle, table, shutdown=shutdown, heartbeat_seconds=0.1)

    def row(self):
        with self.engine.connect() as conn:
            return conn.execute(select(jobs)).one()

    def change(self, **values: object) -> None:
        with self.engine.begin() as conn:
            conn.execute(update(jobs).values(**values))


@pytest.fixture
def bench(company: Company, company_database: Engine) -> Bench:
    return Bench(company, company_database)


def raising(error: ReelkeepError) -> Callable[[CompanyHandle, Job, Hold], None]:
    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        raise error

    return work


def test_work_that_returns_is_done(bench: Bench) -> None:
    assert bench.work(lambda company, job, hold: None) is Outcome.WORKED
    assert bench.ends == [(JobState.DONE, None)]
    assert bench.row().state == "done"
    assert bench.work(lambda company, job, hold: None) is Outcome.NOTHING


def test_a_process_says_whether_another_job_is_due(bench: Bench) -> None:
    with bench.engine.begin() as conn:
        queue.enqueue(conn, JobKind.TRANSCODE, None)
    first = bench.work(lambda company, job, hold: None)
    assert with_next(bench.handle, first) is Outcome.MORE
    second = bench.work(raising(DependencyError("away")))  # due again later, which is not now
    assert [with_next(bench.handle, outcome) for outcome in (second, Outcome.NOTHING, Outcome.DIED)] == [
        Outcome.WORKED,
        Outcome.NOTHING,
        Outcome.DIED,
    ]


@pytest.mark.parametrize("error", [MediaError("cut off"), StorageSetupError("refused"), IsolationError("no sandbox")])
def test_what_a_retry_cannot_mend_ends_at_once(bench: Bench, error: ReelkeepError) -> None:
    assert bench.work(raising(error)) is Outcome.WORKED
    assert bench.ends == [(JobState.FAILED, error.message)]
    assert (bench.row().state, bench.row().last_problem) == ("failed", error.message)


def test_a_part_that_is_away_is_waited_for_five_times_with_growing_delays(bench: Bench) -> None:
    delays = []
    for _ in range(4):
        bench.work(raising(DependencyError("away")))
        row = bench.row()
        assert row.state == "waiting"
        with bench.engine.connect() as conn:
            delays.append((row.due_at - conn.scalar(select(func.now()))).total_seconds())
        bench.change(due_at=func.now())
    assert delays == sorted(delays)
    assert delays[0] > 5
    assert bench.ends == []
    bench.work(raising(DependencyError("away")))
    assert bench.ends == [(JobState.FAILED, "away")]


def test_an_attempt_that_got_further_starts_the_count_again(bench: Bench) -> None:
    bench.change(attempts=4)

    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        with bench.engine.begin() as conn:
            queue.progressed(conn, job.id, hold.worker)
        raise DependencyError("away")

    bench.work(work)
    assert (bench.row().state, bench.row().attempts) == ("waiting", 1)


def test_a_cancelled_job_wakes_its_handler_within_a_heartbeat(bench: Bench) -> None:
    woken = threading.Event()

    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        hold.on_stop(woken.set)
        bench.change(cancel_requested_at=func.now())
        began = time.monotonic()
        try:
            hold.wait(30)
        finally:
            assert time.monotonic() - began < 5

    assert bench.work(work) is Outcome.WORKED
    assert woken.is_set()
    assert [state for state, _ in bench.ends] == [JobState.CANCELLED]


def test_a_process_told_to_end_gives_its_job_back_at_once(bench: Bench) -> None:
    shutdown = Shutdown()

    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        shutdown.say()
        hold.wait(30)

    began = time.monotonic()
    assert bench.work(work, shutdown) is Outcome.WORKED
    assert time.monotonic() - began < 5
    assert (bench.row().state, bench.row().attempts, bench.ends) == ("waiting", 0, [])
    assert bench.work(work, shutdown) is Outcome.NOTHING


def test_a_process_that_lost_its_lease_records_nothing(bench: Bench) -> None:
    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        bench.change(leased_by="another")
        hold.wait(30)

    assert bench.work(work) is Outcome.DIED
    assert (bench.row().state, bench.ends) == ("running", [])


def test_the_heartbeat_keeps_the_lease_while_the_work_is_busy(bench: Bench) -> None:
    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        bench.change(leased_until=func.now() - timedelta(seconds=1))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with bench.engine.connect() as conn:
                if conn.scalar(select(jobs.c.leased_until > func.now())):
                    return
            time.sleep(0.02)
        raise AssertionError("nobody renewed the lease")

    assert bench.work(work) is Outcome.WORKED
