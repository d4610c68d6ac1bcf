"""The process ledger: with a real supervisor that is killed and stopped, with a database that is away, over HTTP."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine, update
from tests.services.installation import Installation, ask, installation, wait_until
from tests.services.sites import Site

from reelkeep.catalog import processes
from reelkeep.catalog.processes import Born, EndReason, Moment, ProcessKind, Supervision
from reelkeep.companies import provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.companies.tables import companies
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.ids import ProcessId, new_id
from reelkeep.supervisor.child import spawn
from reelkeep.supervisor.folder import DataFolder
from reelkeep.supervisor.ledger import Ledger

API = "/api/v1"
BY = Supervision("studio-1", "h" * 20, "r" * 20)


def test_every_process_is_on_record_from_its_start_to_its_end_and_why() -> None:
    with installation() as one:
        acme, borealis = one.create_company("acme"), one.create_company("borealis")
        app, media = (wait_until(lambda host=host: ask(one, host))["pid"] for host in hosts("acme"))
        theirs = {wait_until(lambda host=host: ask(one, host))["pid"] for host in hosts("borealis")}
        serving = {wait_until(lambda pid=pid: one.process_record(acme, pid)).kind: pid for pid in (app, media)}
        assert serving == {"app": app, "media": media}

        os.kill(app, signal.SIGKILL)
        killed = wait_until(lambda: one.ended_process(acme, app))
        assert (killed.reason, killed.status, processes.ending(killed)) == ("failed", -9, "killed by SIGKILL")
        assert killed.started_at < killed.ended_at <= datetime.now(UTC)
        again = wait_until(lambda: ask(one, "acme.localhost"))["pid"]

        ask(one, "acme.localhost", "/ring")
        job = wait_until(lambda: [each for each in one.ledger(acme) if each.kind == "job" and each.ended_at])[0]
        assert (job.reason, job.status) == ("nothing", 3)

        suspend(one, borealis)
        assert {wait_until(lambda pid=pid: one.ended_process(borealis, pid)).reason for pid in theirs} == {"suspended"}
        assert not {(each.host, each.pid) for each in one.ledger(acme)} & {
            (each.host, each.pid) for each in one.ledger(borealis)
        }

        before = datetime.now(UTC)
        one.end(signal.SIGKILL)
        one.start()
        for pid in (again, media):
            gone = wait_until(lambda pid=pid: one.ended_process(acme, pid))
            assert (gone.reason, gone.status) == ("supervisor_gone", None)
            assert gone.ended_at > before
        now = [wait_until(lambda host=host: ask(one, host))["pid"] for host in hosts("acme")]
        assert one.end() == 0
        one.start()
        assert {wait_until(lambda pid=pid: one.ended_process(acme, pid)).reason for pid in now} == {"stopped"}
        assert one.process_record(acme, app).ended_at == killed.ended_at  # an end that is on record stays as it was


def hosts(slug: str) -> tuple[str, str]:
    return f"{slug}.localhost", f"{slug}-media.localhost"


def suspend(up: Installation, company: Company) -> None:
    engine = queries.engine(DataFolder.open(up.data).server())
    with engine.begin() as conn:
        conn.execute(update(companies).where(companies.c.id == company.id).values(state="suspended"))
        queries.announce(conn)
    engine.dispose()


def test_what_a_database_that_is_away_does_not_take_is_written_later_with_its_true_time(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, company_database: Engine
) -> None:
    def log_in(may: str) -> None:
        with psycopg.connect(postgres_server.conninfo("postgres"), autocommit=True) as conn:
            conn.execute(f'ALTER ROLE "{company.app_role}" {may}'.encode())

    async def serve() -> datetime:
        book = Ledger(company.slug, provisioning.app_url(postgres_server, keyring, company), BY)
        child = spawn("process", [sys.executable, "-I", "-c", "import sys; sys.exit(4)"])
        book.follow(ProcessKind.APP, child)
        await child.ended()
        await asyncio.sleep(0.2)  # the first try has failed
        back = datetime.now(UTC)
        log_in("LOGIN")
        await book.close()
        return back

    log_in("NOLOGIN")
    back = asyncio.run(serve())
    with company_database.connect() as conn:
        (found,) = processes.page(conn, limit=10)
    assert (found.reason, found.status, found.host) == ("failed", 4, "studio-1")
    assert found.started_at < found.ended_at < back


def test_processes_of_another_host_and_those_that_are_followed_are_not_taken_for_leftovers(
    company_database: Engine,
) -> None:
    now = datetime.now(UTC)
    born = [Born(ProcessId(new_id()), ProcessKind.APP, pid) for pid in (1, 2, 3)]
    elsewhere, earlier = Supervision("b", "i" * 20, "s" * 20), Supervision("studio-1", BY.host_id, "q" * 20)
    with company_database.begin() as conn:
        for by, process in zip((BY, elsewhere, earlier), born, strict=True):
            processes.record(conn, by, [Moment(process, now)] * 2)  # written twice, as after a lost answer
        assert processes.close_leftovers(conn, BY, now + timedelta(seconds=1), {born[0].id}) == 1
        assert processes.close_leftovers(conn, BY, now + timedelta(seconds=2), {born[0].id}) == 0
        found = {process.pid: process for process in processes.page(conn, limit=10)}
    assert [pid for pid in found if found[pid].ended_at] == [3]
    assert found[3].ended_at == now + timedelta(seconds=1)


@pytest.fixture
def book(site: Site) -> list[Born]:
    """Three processes on record, the first of which has ended."""
    now, born = datetime.now(UTC), [Born(ProcessId(new_id()), ProcessKind.JOB, pid) for pid in (11, 12, 13)]
    with site.engine.begin() as conn:
        processes.record(conn, BY, [Moment(each, now) for each in sorted(born, key=lambda each: each.id)])
        processes.record(conn, BY, [Moment(born[0], now + timedelta(seconds=2), EndReason.DONE, 0)])
    return sorted(born, key=lambda each: each.id, reverse=True)


def test_an_admin_of_the_company_reads_the_ledger_page_by_page_and_takes_it_along(site: Site, book: list[Born]) -> None:
    client = site.client(site.user(is_company_admin=True))
    first = client.get(f"{API}/processes?limit=2").json()
    rest = client.get(f"{API}/processes?limit=2&before={first['next']}").json()
    listed = [*first["processes"], *rest["processes"]]
    assert [each["id"] for each in listed] == [each.id for each in book]
    assert rest["next"] is None
    done = next(each for each in listed if each["pid"] == 11)
    assert (done["kind"], done["host"], done["reason"], done["why"]) == ("job", "studio-1", "done", "its job was done")
    assert [each["ended_at"] for each in listed if each["pid"] != 11] == [None, None]

    lines = client.get(f"{API}/processes/json")
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    table = client.get(f"{API}/processes/csv")
    rows = list(csv.DictReader(table.text.splitlines()))
    assert [row["id"] for row in rows] == [each["id"] for each in listed]
    assert {row["why"] for row in rows} == {"its job was done", ""}
    assert all("attachment" in answer.headers["content-disposition"] for answer in (lines, table))


def test_nobody_but_admins_of_the_company_reads_the_ledger(site: Site, book: list[Born]) -> None:
    user = site.user()
    site.production(production_admin=user)
    client = site.client(user)
    for path in ("/processes", "/processes/csv", "/processes/json"):
        answer = client.get(f"{API}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert site.client().get(f"{API}{path}").status_code == 401
