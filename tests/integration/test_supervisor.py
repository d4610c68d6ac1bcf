"""The supervisor with real processes: order, restarts, kill -9 of each, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update
from tests.services.installation import Installation, ask, installation, wait_until

from reelkeep.catalog.tables import audit_events, jobs
from reelkeep.companies import provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.registry import Company
from reelkeep.companies.tables import companies
from reelkeep.errors import Conflict
from reelkeep.ids import new_id
from reelkeep.supervisor.folder import DataFolder
from reelkeep.supervisor.refused_exits import EVENT


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Installation, Company]]:
    with installation() as one:
        company = one.create_company("acme")
        wait_until(lambda: ask(one, "acme.localhost"))
        yield one, company


def find(up: Installation, *words: str) -> int:
    """Return the pid of the process whose command line has these words, the oldest if several."""
    found = [pid for pid, line in up.processes().items() if all(any(word in part for part in line) for word in words)]
    assert found, words
    return min(found)


def jobs_done(up: Installation, company: Company) -> int:
    folder = DataFolder.open(up.data)
    engine = provisioning.app_engine(folder.server(), folder.keyring(), company)
    try:
        with engine.connect() as conn:
            query = select(func.count()).select_from(audit_events).where(audit_events.c.what == "test.job")
            count: int = conn.execute(query).scalar_one()
            return count
    finally:
        engine.dispose()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_ends_everything_and_leaves_no_process(number: signal.Signals) -> None:
    with installation() as one:
        one.create_company("acme")
        wait_until(lambda: ask(one, "acme.localhost"))
        pids = list(one.processes())
        assert len(pids) >= 8
        assert one.end(number) == 0
        one.await_gone(pids, seconds=0.5)
        assert not (one.data / "postgres" / "cluster" / "postmaster.pid").exists()  # PostgreSQL shut down cleanly


def test_killed_it_leaves_no_process_and_the_next_start_finds_everything() -> None:
    with installation(s3=True) as one:
        company = one.create_company("acme")
        connection = one.connect_bucket(company)
        session = f"/session?{connection.id}|upload|originals/demo-{'0' * 20}/"
        wait_until(lambda: "key" in ask(one, "acme.localhost", session))
        pids, port = list(one.processes()), one.facts["port"]
        one.end(signal.SIGKILL)
        one.await_gone(pids)
        one.start()
        assert one.facts["port"] == port
        assert [found["slug"] for found in one.facts["companies"]] == ["acme"]
        wait_until(lambda: "key" in ask(one, "acme.localhost", session))
        for word in ("-volume.max", "-iam.config"):  # the store, and the S3 server in front of it
            os.kill(find(one, word), signal.SIGKILL)
            wait_until(lambda: "key" in ask(one, "acme.localhost", session))


def test_a_second_supervisor_is_refused_and_disturbs_nothing(running: tuple[Installation, Company]) -> None:
    one, _ = running
    before = ask(one, "acme.localhost")["pid"]
    command = [sys.executable, "-m", "tests.services.installation", str(one.data), "-", "1"]
    second = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
    assert second.returncode != 0
    assert Conflict.__name__ in second.stderr
    assert ask(one, "acme.localhost")["pid"] == before
    assert DataFolder.open(one.data).is_running()


def refused_exits(up: Installation, company: Company) -> list[str]:
    folder = DataFolder.open(up.data)
    engine = provisioning.app_engine(folder.server(), folder.keyring(), company)
    try:
        with engine.connect() as conn:
            query = select(audit_events.c.details).where(audit_events.c.what == EVENT)
            return [details["destination"] for details in conn.execute(query).scalars()]
    finally:
        engine.dispose()


def test_where_a_process_was_not_let_is_on_its_companys_record(running: tuple[Installation, Company]) -> None:
    one, company = running
    (got,) = wait_until(lambda: ask(one, "acme.localhost", "/reach?leak.example:443")).values()
    assert "403" in got
    assert wait_until(lambda: refused_exits(one, company)) == ["leak.example:443"]


def test_another_egress_process_takes_over_from_one_that_was_killed(running: tuple[Installation, Company]) -> None:
    one, _ = running
    pid, app = find(one, "egress_process"), ask(one, "acme.localhost")["title"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: find(one, "egress_process") != pid)
    (got,) = ask(one, "acme.localhost", "/reach?again.example:443").values()
    assert "403" in got
    assert ask(one, "acme.localhost")["title"] == app  # the processes of companies went on


@pytest.mark.parametrize("words", [("gateway_process",), ("stub_process", "app"), ("stub_process", "media")])
def test_a_killed_process_is_there_again(running: tuple[Installation, Company], words: tuple[str, ...]) -> None:
    one, _ = running
    pid = find(one, *words)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: find(one, *words) != pid)
    assert wait_until(lambda: ask(one, "acme.localhost"))["role"] == "app"
    assert wait_until(lambda: ask(one, "acme-media.localhost"))["role"] == "media"


def test_a_ring_starts_a_job_process_also_after_the_runner_was_killed(running: tuple[Installation, Company]) -> None:
    one, company = running
    before = jobs_done(one, company)
    ask(one, "acme.localhost", "/ring")
    wait_until(lambda: jobs_done(one, company) > before)
    runner = find(one, "runner_process")
    os.kill(runner, signal.SIGKILL)
    wait_until(lambda: find(one, "runner_process") != runner)
    before = jobs_done(one, company)
    ask(one, "acme.localhost", "/ring")
    wait_until(lambda: jobs_done(one, company) > before)


def test_after_postgresql_was_killed_work_goes_on(running: tuple[Installation, Company]) -> None:
    one, company = running
    before = jobs_done(one, company)
    postmaster = find(one, "postgres", "-D")
    os.kill(postmaster, signal.SIGKILL)
    wait_until(lambda: find(one, "postgres", "-D") != postmaster)

    def worked() -> bool:
        ask(one, "acme.localhost", "/ring")
        with contextlib.suppress(Exception):  # the server may not take queries yet
            return jobs_done(one, company) > before
        return False

    assert wait_until(worked, seconds=30)


def test_a_suspended_companys_processes_end_and_a_new_ones_start(running: tuple[Installation, Company]) -> None:
    one, _ = running
    other = one.create_company("borealis")
    pid = (
        wait_until(lambda: ask(one, "borealis.localhost")["company"]["slug"] == "borealis" and True)
        and ask(one, "borealis.localhost")["pid"]
    )
    engine = queries.engine(DataFolder.open(one.data).server())
    with engine.begin() as conn:
        conn.execute(update(companies).where(companies.c.id == other.id).values(state="suspended"))
        queries.announce(conn)
    engine.dispose()
    one.await_gone([pid])
    wait_until(lambda: status_of(one, "borealis.localhost") == 503)  # from a process in reduced mode
    assert ask(one, "acme.localhost")["company"]["slug"] == "acme"


def status_of(up: Installation, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", up.facts["port"], timeout=15)
    with contextlib.closing(connection):
        connection.request("GET", "/who", headers={"Host": host})
        return connection.getresponse().status


def test_a_job_that_nobody_rang_for_is_found_by_the_sweep() -> None:
    with installation() as one:
        company = one.create_company("acme")
        folder = DataFolder.open(one.data)
        engine = provisioning.app_engine(folder.server(), folder.keyring(), company)
        with engine.begin() as conn:
            conn.execute(insert(jobs).values(id=new_id(), kind="transcode", state="waiting"))
        engine.dispose()
        one.end()
        one.start()
        wait_until(lambda: jobs_done(one, company) > 0)


def test_a_lock_file_that_names_a_strangers_process_does_not_keep_postgresql_down() -> None:
    with installation() as one, subprocess.Popen(["sleep", "60"]) as stranger:
        lock = one.data / "postgres" / "cluster" / "postmaster.pid"
        text = lock.read_text()
        one.end(signal.SIGKILL)
        wait_until(lambda: not one.processes())
        lock.write_text(f"{stranger.pid}\n" + text.split("\n", 1)[1])
        one.start()
        stranger.kill()
