"""The doorbell: procrastinate in the registry's database says which company has work, and nothing else about it.

A ring is (company id, job kind). Rings of one company and kind that nobody has answered yet are one ring. The job
itself is a row in the company's own database; a ring that gets lost is made up for by the supervisor's sweep.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Final

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from psycopg import sql

from reelkeep.ids import CompanyId
from reelkeep.jobs.interface import JobKind

TASK: Final = "doorbell"
QUEUE: Final = "doorbell"
Answer = Callable[[CompanyId, JobKind], Awaitable[None]]


def app(conninfo: str, answer: Answer | None = None) -> App:
    """Return the procrastinate app on the registry; open it with ``async with app.open_async()``.

    Args:
        conninfo: libpq connection string of a role that reaches procrastinate's tables.
        answer: what the runner does about a ring; None where one only rings.
    """
    doorbell = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=3))
    if answer is not None:

        @doorbell.task(name=TASK, queue=QUEUE)
        async def answered(company_id: str, kind: str) -> None:
            await answer(CompanyId(company_id), JobKind(kind))

    return doorbell


async def defer(doorbell: App, company_id: CompanyId, kind: JobKind) -> bool:
    """Ring for a company; return False if the same ring is still waiting for its answer."""
    task = doorbell.configure_task(TASK, queue=QUEUE, queueing_lock=f"{company_id}:{kind.value}", allow_unknown=True)
    try:
        await task.defer_async(company_id=company_id, kind=kind.value)
    except AlreadyEnqueued:
        return False
    return True


def apply_schema(conninfo: str) -> None:
    """Make procrastinate's tables, as the registry's owner; do nothing where they are already there."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        found = conn.execute("select to_regclass('procrastinate_jobs')").fetchone()
        if found is None or found[0] is None:
            script = resources.files("procrastinate.sql") / "schema.sql"
            conn.execute(script.read_text(encoding="utf-8").encode())


def grant_to(conninfo: str, role: str) -> None:
    """Let ``role`` use procrastinate's tables, and nothing else of the registry."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        owned = "select {} from pg_class where relname like 'procrastinate%' and relkind = any(%s)"
        for kinds, rights in ((["r", "p"], "select, insert, update, delete"), (["S"], "usage, select")):
            for (name,) in conn.execute(owned.format("relname"), (kinds,)).fetchall():
                target = sql.SQL("sequence " if kinds == ["S"] else "table ") + sql.Identifier(name)
                conn.execute(sql.SQL("grant {} on {} to {}").format(sql.SQL(rights), target, sql.Identifier(role)))
