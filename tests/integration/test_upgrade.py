"""Upgrades: databases one after the other under load, processes that make place for successors, nothing dropped."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, text
from tests.services.databases import MakeCompany
from tests.services.installation import Installation, RealInstallation, answer_of, ask, installation, wait_until
from tests.services.load import Request, load
from tests.services.sites import Making, open_site

import reelkeep.catalog.migrations
from reelkeep.catalog.migrations import MIGRATIONS, OLDEST_SERVED
from reelkeep.cli import main
from reelkeep.companies import provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.connections import COMPANY, PLATFORM
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.migrating import Migrations
from reelkeep.companies.provisioning import NewerDatabase
from reelkeep.companies.registry import Company
from reelkeep.companies.schema import Schema
from reelkeep.companies.upgrading import Outcome, UpgradeFailed, upgrade_companies
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.errors import DependencyError
from reelkeep.supervisor.folder import DataFolder

SLUGS = ("acme", "borealis")
ROLLED_OVER_SECONDS = 150  # a zygote has to import everything first
HOSTS = [f"{slug}{tail}.localhost" for slug in SLUGS for tail in ("", "-media")]


def upgrade(up: Installation, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["upgrade", "--data", str(up.data), "--json", *options])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_processes_make_place_for_successors_and_no_request_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    with installation() as one:
        companies = {slug: one.create_company(slug) for slug in SLUGS}
        first = {host: wait_until(lambda host=host: ask(one, host)) for host in HOSTS}
        before = {host: facts["pid"] for host, facts in first.items()}
        zygotes = zygotes_of(one)
        late: dict[str, Any] = {}
        slow = threading.Thread(target=lambda: late.update(answer_of(one, "acme-media.localhost", "/slow?3")))
        with load(one.facts["port"], [Request(host, "/who") for host in HOSTS * 2]) as running:
            slow.start()
            wait_until(lambda: running.answered > 100)
            code, told = upgrade(one, capsys)
            wait_until(lambda: all(ask(one, host)["pid"] != before[host] for host in HOSTS), ROLLED_OVER_SECONDS)
            slow.join(15)
            one.await_gone(list(before.values()), seconds=15)
            answered = running.answered
            wait_until(lambda: running.answered > answered + 100)
        assert running.failed == []
        assert zygotes_of(one).isdisjoint(zygotes)  # the successors are of what is installed now
        assert (
            late["title"] == first["acme-media.localhost"]["title"]
        )  # it was being answered when its process began to drain
        head = MIGRATIONS.head
        assert (code, [(each["slug"], each["before"], each["after"], each["error"]) for each in told["companies"]]) == (
            0,
            [(slug, head, head, None) for slug in SLUGS],
        )
        for host, pid in before.items():
            whose = companies[host.split(".")[0].removesuffix("-media")]
            assert wait_until(lambda whose=whose, pid=pid: one.ended_process(whose, pid)).reason == "upgraded"
        engine = queries.engine(DataFolder.open(one.data).server())
        with engine.connect() as conn:
            rows = queries.all_companies(conn)
        engine.dispose()
        assert {(row.schema_revision, row.roll_overs) for row in rows} == {(head, 1)}


def zygotes_of(up: Installation) -> set[int]:
    return {pid for pid, line in up.processes().items() if "tests.services.stub_zygote" in line}


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "next", {head!r}
branch_labels = depends_on = None


def upgrade():
    op.create_table("next_things", sa.Column("id", sa.Text(), primary_key=True))
    op.add_column("productions", sa.Column("next_label", sa.Text()))
    op.add_column("login_sessions", sa.Column("next_flag", sa.Boolean(), server_default="false", nullable=False))
    op.create_index("ix_next_label", "productions", ["next_label"])
"""


def next_release(folder: Path, contracting: Sequence[str] = ()) -> Migrations:
    """Return the migrations of a made-up release after this one."""
    (folder / "next.py").write_text(NEXT.format(head=MIGRATIONS.head))
    first = Path(reelkeep.catalog.migrations.__file__).parent
    return Migrations(first, MIGRATIONS.contracting.union(contracting), further=[folder])


def signed_in(up: Installation, company: Company, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return the fields of a request by an admin of the company."""
    email, host = f"ada@{company.slug}.example", f"{company.slug}.localhost:{up.facts['port']}"
    options = ["--company", company.slug, "--admin", "--data", str(up.data), "--json"]
    assert main(["user", "create", email, *options]) == 0
    password = json.loads(capsys.readouterr().out.splitlines()[-1])["password"]
    with httpx.Client(base_url=f"http://127.0.0.1:{up.facts['port']}", headers={"Host": host}, timeout=20) as client:
        form = {"email": email, "password": password, "kind": "cli"}
        answer = wait_until(lambda: (found := client.post("/api/v1/login", json=form)).status_code == 200 and found, 60)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_two_releases_serve_at_once_while_databases_are_migrated_under_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """This release's code serves while a later one's migrations run below it, and before and after, side by side."""
    with installation(kind=RealInstallation) as one:
        companies = [one.create_company(slug) for slug in SLUGS]
        requests = []
        for company in companies:
            fields = {**signed_in(one, company, capsys), "Content-Type": "application/json"}
            host = f"{company.slug}.localhost:{one.facts['port']}"
            requests += [Request(host, path, headers=fields) for path in ("/api/v1/me", "/api/v1/productions")]
            at = f"http://127.0.0.1:{one.facts['port']}/api/v1/productions"
            made = httpx.post(at, json={"name": "Show"}, headers={**fields, "Host": host}, timeout=20).json()
            path, change = f"/api/v1/productions/{made['id']}", '{"first_frame": 1001}'
            requests.append(Request(host, path, "PATCH", change, fields))
        folder = DataFolder.open(one.data)
        before = web_processes(one)
        with load(one.facts["port"], requests, pause_seconds=0.02) as running:
            wait_until(lambda: running.answered > 30)
            later = next_release(tmp_path)
            outcomes = upgrade_companies(folder.server(), folder.keyring(), companies, migrations=later)
            answered = running.answered
            wait_until(lambda: running.answered > answered + 30)  # the processes of before, on the schema of the next
            assert web_processes(one) == before
            engine = queries.engine(folder.server())
            with engine.begin() as conn:
                for company in companies:
                    queries.roll_over(conn, company.id)
            engine.dispose()
            wait_until(lambda: len(web_processes(one) - before) == 4, ROLLED_OVER_SECONDS)
            held = backends(folder.server())
            assert all(0 < held[company.app_role] <= COMPANY for company in companies)
            assert sum(held.values()) - sum(held[company.app_role] for company in companies) <= PLATFORM
            one.await_gone(list(before), seconds=75)  # keep-alive is 60
            answered = running.answered
            wait_until(lambda: running.answered > answered + 30)
        assert running.failed == []
        assert [(outcome.problem, outcome.schema) for outcome in outcomes] == [(None, later.schema_at("next"))] * 2

        # The release before the next one starts on the next one's schema, and refuses to "upgrade" it to its own.
        one.end()
        one.start()
        assert [found["slug"] for found in one.facts["companies"]] == list(SLUGS)
        code, told = upgrade(one, capsys)
        assert (code, {each["after"] for each in told["companies"]}) == (0, {"next"})


def backends(server: DatabaseServer) -> Counter[str]:
    """Return role to how many connections it holds, old and new processes side by side."""
    with psycopg.connect(server.conninfo("postgres")) as conn:
        return Counter(row[0] for row in conn.execute("SELECT usename FROM pg_stat_activity WHERE usename IS NOT NULL"))


def web_processes(up: Installation) -> set[int]:
    words = ("reelkeep.web.app_process", "reelkeep.web.media_process")
    return {pid for pid, line in up.processes().items() if any(word in line for word in words)}


def test_one_companys_failure_is_told_and_stops_nobody_else_and_the_next_run_goes_on(
    postgres_server: DatabaseServer, keyring: LocalKeyring, make_company: MakeCompany, registry: Engine, tmp_path: Path
) -> None:
    broken, away, fine = make_company("Broken"), make_company("Away"), make_company("Fine")
    later = next_release(tmp_path)

    def run() -> dict[str, Outcome]:
        with registry.connect() as conn:
            rows = [queries.find_company(conn, each.slug) for each in (broken, away, fine)]
        outcomes = upgrade_companies(postgres_server, keyring, rows, migrations=later, on_done=told.append)
        return {outcome.company.name: outcome for outcome in outcomes}

    told: list[Outcome] = []
    admin = postgres_server.conninfo("postgres")
    in_the_way = psycopg.connect(postgres_server.conninfo(broken.database_name), autocommit=True)
    with psycopg.connect(admin, autocommit=True) as conn, in_the_way:
        in_the_way.execute("CREATE TABLE next_things ()")
        conn.execute(f'ALTER DATABASE "{away.database_name}" RENAME TO "{away.database_name}_x"'.encode())
        first = run()
        assert {type(first[name].problem) for name in ("Broken", "Away")} == {UpgradeFailed, DependencyError}
        assert "42P07" in first["Broken"].problem.message  # duplicate_table, PostgreSQL 15, appendix A
        assert (first["Fine"].problem, first["Fine"].schema, len(told)) == (None, later.schema_at("next"), 3)
        in_the_way.execute("DROP TABLE next_things")
        conn.execute(f'ALTER DATABASE "{away.database_name}_x" RENAME TO "{away.database_name}"'.encode())
    again = run()
    assert {outcome.problem for outcome in again.values()} == {None}
    assert [name for name, outcome in again.items() if outcome.is_changed] == ["Broken", "Away"]


def test_a_migration_that_waits_for_a_lock_lets_everybody_else_pass(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, company_database: Engine, tmp_path: Path
) -> None:
    later, done = next_release(tmp_path), threading.Event()
    waits: list[float] = []

    def migrate() -> None:
        provisioning.migrate_company(postgres_server, keyring, company, later)
        done.set()

    with company_database.begin() as held:
        held.execute(text("SELECT * FROM productions"))  # a transaction that takes its time
        thread = threading.Thread(target=migrate)
        thread.start()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            began = time.monotonic()
            with company_database.begin() as conn:
                conn.execute(text("SELECT * FROM productions"))
            waits.append(time.monotonic() - began)
        assert not done.is_set()
    assert done.wait(10)
    thread.join()
    assert len(waits) > 20
    assert max(waits) < 0.8  # 0.3 is how long a migration waits


def test_a_database_that_a_newer_release_has_contracted_is_refused_and_left_alone(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, registry: Engine, tmp_path: Path
) -> None:
    (newer,) = upgrade_companies(
        postgres_server, keyring, [company], migrations=next_release(tmp_path, contracting=["next"])
    )
    assert newer.schema == Schema("next", "next")
    with registry.connect() as conn:
        row = queries.find_company(conn, company.slug)
    (refused,) = upgrade_companies(postgres_server, keyring, [row])
    assert isinstance(refused.problem, NewerDatabase)
    assert refused.problem.advice().startswith("Run that release")
    with registry.connect() as conn:
        assert queries.find_company(conn, company.slug) == row


def test_killed_in_the_middle_it_goes_on_where_it_stopped(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, company_owner: Engine, tmp_path: Path
) -> None:
    """A step that is done is done: the chain is not begun anew."""
    first = next_release(tmp_path)
    text_after = 'revision, down_revision = "after", "next"\n\n\ndef upgrade():\n    raise KeyboardInterrupt\n'
    (tmp_path / "after.py").write_text(text_after)
    both = Migrations(Path(reelkeep.catalog.migrations.__file__).parent, (), further=[tmp_path])
    with pytest.raises(KeyboardInterrupt):
        provisioning.migrate_company(postgres_server, keyring, company, both)
    with company_owner.connect() as conn:
        assert first.revision_of(conn) == "next"
    (tmp_path / "after.py").write_text(text_after.replace("raise KeyboardInterrupt", "pass"))
    both = Migrations(Path(reelkeep.catalog.migrations.__file__).parent, (), further=[tmp_path])
    assert provisioning.migrate_company(postgres_server, keyring, company, both).revision == "after"


def test_this_releases_code_serves_a_database_of_the_oldest_revision_that_it_names(
    postgres_server: DatabaseServer, keyring: LocalKeyring, registry: Engine
) -> None:
    """Fails when code begins to need what a newer migration brings: then OLDEST_SERVED is that migration."""
    company = company_at(OLDEST_SERVED, postgres_server, keyring)
    engine = provisioning.app_engine(postgres_server, keyring, company)
    site = open_site(company, engine)
    try:
        admin = site.user(is_company_admin=True)
        production = site.production("Show", production_admin=admin)
        version = site.version(production, admin)
        Making(site, version).complete(200)
        client = site.client(admin)
        about = (f"productions/{production.id}/{what}" for what in ("assets", "deleted", "luts"))
        for path in ("me", "productions", *about, f"assets/{version.asset_id}", f"versions/{version.id}"):
            assert client.get(f"/api/v1/{path}").status_code == 200, path
        made = client.post(f"/api/v1/versions/{version.id}/comments", json={"frame": 1, "text": "too dark"})
        assert made.status_code == 201, made.text
        assert client.get(f"/api/v1/versions/{version.id}/comments").status_code == 200
    finally:
        site.close()
        engine.dispose()


def company_at(revision: str, server: DatabaseServer, keyring: LocalKeyring) -> Company:
    """Return a company whose database has one revision and none after it."""
    company = provisioning.create_company(server, keyring, slug=f"t-{secrets.token_hex(6)}", name="Older")
    provisioning.drop_database(server, company.database_name)
    provisioning.create_database(server, company)
    engine = provisioning.owner_engine(server, keyring, company)
    with engine.begin() as conn:
        MIGRATIONS.upgrade(conn, revision)
    engine.dispose()
    return company
