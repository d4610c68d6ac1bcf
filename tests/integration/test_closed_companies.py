"""A company that is switched off, and one whose database is down: visitors are told, and nobody else notices."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import select
from tests.services.installation import Installation, RealInstallation, ask, installation, wait_until
from tests.services.load import Request, load
from tests.services.memory import holds

from reelkeep.catalog.tables import audit_events
from reelkeep.cli import main
from reelkeep.companies import provisioning
from reelkeep.companies.registry import Company
from reelkeep.supervisor.folder import DataFolder

PEOPLE, PROGRAMS = {"Accept": "text/html"}, {"Accept": "application/json"}


def get(up: Installation, host: str, path: str = "/", headers: dict[str, str] = PEOPLE) -> httpx.Response:
    port = up.facts["port"]
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Host": f"{host}:{port}", **headers}, timeout=20)


def command(up: Installation, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["company", *words, "--data", str(up.data), "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Installation, Company, Company]]:
    with installation() as one:
        acme, borealis = one.create_company("acme"), one.create_company("borealis")
        for host in ("acme.localhost", "acme-media.localhost", "borealis.localhost"):
            wait_until(lambda host=host: ask(one, host))
        yield one, acme, borealis


def test_a_suspended_company_says_so_and_comes_back_and_the_others_serve(
    running: tuple[Installation, Company, Company], capsys: pytest.CaptureFixture[str]
) -> None:
    one, acme, borealis = running
    before = ask(one, "acme.localhost")["pid"]
    with load(one.facts["port"], [Request("borealis.localhost", "/who")]) as others:
        assert command(one, capsys, "suspend", "acme") == (0, {"company": "acme", "state": "suspended"})
        page = wait_until(lambda: (found := get(one, "acme.localhost")).status_code == 503 and found)
        assert "This site is suspended." in page.text
        assert (page.headers["retry-after"], page.headers["refresh"]) == ("300", "300")
        for host in ("acme.localhost", "acme-media.localhost"):
            answer = wait_until(
                lambda host=host: (found := get(one, host, "/api/v1/me", PROGRAMS)).status_code == 503 and found
            )
            assert answer.json()["error"]["code"] == "company_suspended"
        assert command(one, capsys, "retire", "borealis")[0] == 3  # an active one is not given up
        closed = wait_until(lambda: [each for each in one.ledger(acme) if each.kind == "closed"])
        assert len(closed) == 2
        assert one.ended_process(acme, before).reason == "suspended"
        assert command(one, capsys, "resume", "acme")[0] == 0
        assert wait_until(lambda: ask(one, "acme.localhost"))["pid"] != before
    assert others.failed == []
    assert others.answered > 0
    assert recorded(one, acme) == ["company.suspended", "company.active"]
    assert {each.kind for each in one.ledger(borealis)} == {"app", "media"}


def recorded(up: Installation, company: Company) -> list[str]:
    folder = DataFolder.open(up.data)
    engine = provisioning.app_engine(folder.server(), folder.keyring(), company)
    with engine.connect() as conn:
        ours = audit_events.c.what.like("company.%")
        found = conn.execute(select(audit_events.c.what).where(ours).order_by(audit_events.c.id)).scalars().all()
    engine.dispose()
    return list(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes' memory: root only")
def test_a_process_in_reduced_mode_holds_neither_key_nor_password(
    running: tuple[Installation, Company, Company], capsys: pytest.CaptureFixture[str]
) -> None:
    one, acme, _ = running
    keyring = DataFolder.open(one.data).keyring()
    secrets = {
        "password": keyring.unwrap(acme.wrapped_app_password, f"app-password:{acme.id}"),
        "key": provisioning.company_key(keyring, acme).reveal().hex().encode(),
    }
    serving = ask(one, "acme-media.localhost")["pid"]
    assert {name: holds(serving, secret) for name, secret in secrets.items()} == {"password": True, "key": True}
    command(one, capsys, "suspend", "acme")
    wait_until(lambda: get(one, "acme-media.localhost").status_code == 503)
    closed = [pid for pid, line in one.processes().items() if "reelkeep.web.closed_process" in line]
    assert closed
    assert not [pid for pid in closed for secret in secrets.values() if holds(pid, secret)]
    command(one, capsys, "resume", "acme")
    wait_until(lambda: ask(one, "acme-media.localhost"))


def test_a_database_that_is_down_is_told_nobody_else_notices_and_it_comes_back_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with installation(kind=RealInstallation) as one:
        acme = one.create_company("acme")
        one.create_company("borealis")

        def allow(may: str) -> None:
            server = DataFolder.open(one.data).server()
            with psycopg.connect(server.conninfo("postgres"), autocommit=True) as conn:
                conn.execute(f'ALTER DATABASE "{acme.database_name}" WITH ALLOW_CONNECTIONS {may}'.encode())
                conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [_name])

        def me(slug: str) -> httpx.Response:
            fields = {**PROGRAMS, "Authorization": "Bearer nobody"}
            return get(one, f"{slug}.localhost", "/api/v1/me", fields)

        _name = acme.database_name
        for slug in ("acme", "borealis"):
            wait_until(lambda slug=slug: me(slug).status_code == 401)
        for is_restarted in (False, True):
            allow("false")
            if is_restarted:
                one.end()
                one.start()
            answer = wait_until(lambda: (found := me("acme")).status_code == 503 and found)
            assert (answer.json()["error"]["code"], answer.headers["retry-after"]) == ("dependency", "1")
            assert get(one, "acme.localhost").status_code == 200  # the page, which shows these words and asks again
            assert wait_until(lambda: me("borealis").status_code == 401)
            allow("true")
            assert wait_until(lambda: me("acme").status_code == 401)
