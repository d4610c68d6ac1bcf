"""The queue against a real PostgreSQL: one holder at a time, and nothing is lost when a holder dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text, update

from reelkeep.catalog import assets, people, productions, versions
from reelkeep.catalog.lifecycle import JobState
from reelkeep.catalog.tables import jobs
from reelkeep.errors import Conflict, DependencyError
from reelkeep.ids import ConnectionId, JobId, VersionId, new_id
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind, LeaseLost
from reelkeep.jobs.presence import RETURN, Presence


@pytest.fixture
def engine(company_database: Engine) -> Engine:
    return company_database


@pytest.fixture(autouse=True)
def present(engine: Engine) -> Iterator[dict[str, Presence]]:
    """The workers of these tests, each with its connection, until a test takes it away."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Presence(engine, name)) for name in ("one", "two", "sleeper", "heir")}
        for each in workers.values():
            with each.transaction():
                pass
        yield workers


def a_job(engine: Engine, version_id: VersionId | None = None) -> JobId:
    with engine.begin() as conn:
        return queue.enqueue(conn, JobKind.TRANSCODE, version_id)


def a_version(engine: Engine) -> VersionId:
    version_id = VersionId(new_id())
    with engine.begin() as conn:
        user = people.create(conn, email="ada@acme.example", name="Ada", password="correct horse battery")
        asset = assets.find_or_create(conn, productions.create(conn, "Demo").id, "clip.mov")
        versions.create(
            conn,
            asset.id,
            version_id=version_id,
            connection_id=ConnectionId(new_id()),
            file_name="clip.mov",
            original_key="originals/clip.mov",
            size_bytes=1,
            uploaded_by=user.id,
        )
    return version_id


def let_the_lease_run_out(engine: Engine, job_id: JobId) -> None:
    with engine.begin() as conn:
        conn.execute(update(jobs).where(jobs.c.id == job_id).values(leased_until=func.now() - timedelta(seconds=1)))


def state_of(engine: Engine, job_id: JobId) -> str:
    with engine.connect() as conn:
        return conn.execute(select(jobs.c.state).where(jobs.c.id == job_id)).scalar_one()


def test_a_job_is_claimed_once_and_counts_its_attempt(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        job = queue.claim(conn, "one")
        assert job is not None
        assert (job.id, job.kind, job.attempts) == (job_id, JobKind.TRANSCODE, 1)
    with engine.begin() as conn:
        assert queue.claim(conn, "two") is None
        assert not queue.any_is_due(conn)


def test_two_claims_at_the_same_time_get_two_jobs_and_neither_waits(engine: Engine) -> None:
    first, second = a_job(engine), a_job(engine)
    with engine.begin() as one, engine.begin() as two:
        claimed = {queue.claim(one, "one").id, queue.claim(two, "two").id}
        assert queue.claim(two, "two") is None
    assert claimed == {first, second}


def test_an_expired_lease_is_taken_over_and_the_sleeper_changes_nothing(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        queue.claim(conn, "sleeper")
    let_the_lease_run_out(engine, job_id)
    with engine.begin() as conn:
        assert queue.any_is_due(conn)
        job = queue.claim(conn, "heir")
        assert job is not None
        assert job.attempts == 2
    for write in (
        lambda conn: queue.renew(conn, job_id, "sleeper"),
        lambda conn: queue.hold(conn, job_id, "sleeper"),
        lambda conn: queue.finish(conn, job_id, "sleeper", JobState.DONE),
        lambda conn: queue.retry_later(conn, job_id, "sleeper", "away", timedelta()),
    ):
        with pytest.raises(LeaseLost), engine.begin() as conn:
            write(conn)
    with engine.begin() as conn:
        queue.finish(conn, job_id, "heir", JobState.DONE)
    assert state_of(engine, job_id) == "done"


def wait_until_the_server_counts_as_settled(engine: Engine) -> None:
    with engine.connect() as conn:
        age = conn.scalar(select(func.now() - func.pg_postmaster_start_time()))
    time.sleep(max(0.0, (RETURN - age).total_seconds() + 0.1))


def test_a_job_whose_holder_is_gone_is_taken_over_at_once(engine: Engine, present: dict[str, Presence]) -> None:
    job_id = a_job(engine)
    with present["one"].transaction() as conn:
        queue.claim(conn, "one")
    wait_until_the_server_counts_as_settled(engine)
    with engine.begin() as conn:
        assert not queue.any_is_due(conn)
        assert queue.claim(conn, "two") is None
    present["one"].close()
    with engine.begin() as conn:
        assert conn.scalars(text(queue.due_kinds_query())).all() == ["transcode"]
        heir = queue.claim(conn, "two")
        assert heir is not None
        assert (heir.id, heir.attempts) == (job_id, 2)
    with pytest.raises(LeaseLost), engine.begin() as conn:
        queue.renew(conn, job_id, "one")


def test_a_lost_connection_is_made_again_and_the_job_kept(engine: Engine, present: dict[str, Presence]) -> None:
    job_id = a_job(engine)
    with present["one"].transaction() as conn:
        queue.claim(conn, "one")
        backend = conn.scalar(select(func.pg_backend_pid()))
    wait_until_the_server_counts_as_settled(engine)
    with engine.begin() as conn:
        conn.execute(select(func.pg_terminate_backend(backend, 5_000)))
    with pytest.raises(DependencyError), present["one"].transaction() as conn:
        queue.renew(conn, job_id, "one")
    with present["one"].transaction() as conn:
        assert queue.renew(conn, job_id, "one") is False
    with engine.begin() as conn:
        assert queue.claim(conn, "two") is None


def test_a_job_given_back_is_due_at_once_and_its_attempt_does_not_count(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        queue.claim(conn, "one")
        queue.give_back(conn, job_id, "one")
    with engine.begin() as conn:
        assert queue.claim(conn, "two").attempts == 1
    with pytest.raises(LeaseLost), engine.begin() as conn:
        queue.give_back(conn, job_id, "one")


def test_a_renewed_lease_is_not_taken_over(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        queue.claim(conn, "one")
    let_the_lease_run_out(engine, job_id)
    with engine.begin() as conn:
        assert queue.renew(conn, job_id, "one") is False
    with engine.begin() as conn:
        assert queue.claim(conn, "two") is None


def test_while_a_write_is_fenced_nobody_takes_the_job_over(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        queue.claim(conn, "one")
    let_the_lease_run_out(engine, job_id)
    with engine.begin() as writing, engine.begin() as other:
        queue.hold(writing, job_id, "one")
        assert queue.claim(other, "two") is None


def test_a_retry_is_due_after_its_delay_and_attempts_end(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        queue.claim(conn, "one")
        queue.retry_later(conn, job_id, "one", "the store is away", timedelta(hours=1))
    with engine.begin() as conn:
        assert queue.claim(conn, "one") is None
        conn.execute(update(jobs).values(due_at=func.now()))
        assert queue.claim(conn, "one").attempts == 2
    assert [queue.back_off(n) is None for n in range(1, 6)] == [False, False, False, False, True]


def test_cancelling_ends_a_waiting_job_and_warns_a_running_one(engine: Engine) -> None:
    version_id = a_version(engine)
    waiting = a_job(engine, version_id)
    with engine.begin() as conn:
        assert queue.request_cancel(conn, version_id) is JobState.CANCELLED
        assert queue.request_cancel(conn, version_id) is None
    assert state_of(engine, waiting) == "cancelled"
    running = a_job(engine, version_id)
    with engine.begin() as conn:
        assert queue.claim(conn, "one").id == running
        assert queue.request_cancel(conn, version_id) is JobState.RUNNING
        assert queue.renew(conn, running, "one") is True
        queue.finish(conn, running, "one", JobState.CANCELLED)


def test_a_version_has_one_unfinished_job_of_a_kind(engine: Engine) -> None:
    version_id = a_version(engine)
    first = a_job(engine, version_id)
    assert a_job(engine, version_id) == first
    with engine.begin() as conn:
        queue.claim(conn, "one")
        queue.finish(conn, first, "one", JobState.DONE)
    assert a_job(engine, version_id) != first


def test_a_finished_job_stays_as_it_is(engine: Engine) -> None:
    job_id = a_job(engine)
    with engine.begin() as conn:
        queue.claim(conn, "one")
        queue.finish(conn, job_id, "one", JobState.FAILED, "the file is empty")
    with pytest.raises(Conflict), engine.begin() as conn:
        queue.finish(conn, job_id, "one", JobState.DONE)
    assert state_of(engine, job_id) == "failed"
