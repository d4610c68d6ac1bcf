"""The supervisor's sweep looks into every company's database: what it finds in one must not harm the others."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import Engine, insert, text

from reelkeep.catalog.tables import jobs
from reelkeep.ids import new_id
from reelkeep.jobs.interface import JobKind
from reelkeep.supervisor.bell import due_kinds


@pytest.fixture
def conninfo(company_database: Engine) -> str:
    return company_database.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_kinds_that_this_release_does_not_know_are_passed_over(company_database: Engine, conninfo: str) -> None:
    with company_database.begin() as conn:
        for kind in ("nonsense", "x" * 100_000, JobKind.TRANSCODE.value):
            conn.execute(insert(jobs).values(id=new_id(), kind=kind, state="waiting"))
    assert asyncio.run(due_kinds(conninfo)) == [JobKind.TRANSCODE]


def test_a_table_that_a_company_has_locked_costs_the_sweep_a_moment_only(
    company_database: Engine, conninfo: str
) -> None:
    with company_database.begin() as conn:
        conn.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        assert asyncio.run(due_kinds(conninfo, seconds=0.5)) == []
        assert time.monotonic() - began < 5
