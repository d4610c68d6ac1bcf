"""Rings the doorbell for companies with due jobs: when their processes ask, and by a sweep that mends lost rings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from procrastinate.exceptions import ConnectorException

from reelkeep.ids import CompanyId
from reelkeep.jobs.interface import JobKind
from reelkeep.jobs.queue import due_kinds_query
from reelkeep.jobs.schedule import ask_for_sweep
from reelkeep.runner import doorbell

SWEEP_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 5.0
_DUE: Final = due_kinds_query().encode()
Due = Callable[[], Sequence[tuple[CompanyId, str]]]


class Bell:
    """The supervisor's end of the doorbell.

    Args:
        conninfo: of the registry, as the doorbell's role.
        companies: returns each company's id and the address of its database for the app role.
    """

    def __init__(self, conninfo: str, companies: Due) -> None:
        self._app = doorbell.app(conninfo)
        self._companies = companies

    async def open(self) -> None:
        await self._app.open_async()

    async def close(self) -> None:
        await self._app.close_async()

    async def ring(self, company_id: CompanyId, kind: JobKind) -> None:
        """Ring once. A ring that PostgreSQL does not take is lost: the sweep makes up for it."""
        try:
            await doorbell.defer(self._app, company_id, kind)
        except ConnectorException as error:
            print(f"supervisor: a ring was lost: {error}", file=sys.stderr)

    async def sweep(self) -> None:
        """Ring for every company with due jobs, each 20 seconds, until cancelled."""
        while True:
            for company_id, conninfo in self._companies():
                for kind in await due_kinds(conninfo):
                    await self.ring(company_id, kind)
            await asyncio.sleep(SWEEP_SECONDS)


async def due_kinds(conninfo: str, *, seconds: float = LOOK_SECONDS) -> list[JobKind]:
    """Ask one company's database, briefly: a lock held there must not keep the other companies' jobs waiting.

    The company's own sweep is asked for here, too, by the hour.
    """
    try:
        async with asyncio.timeout(seconds), await psycopg.AsyncConnection.connect(conninfo) as conn:
            await conn.execute(*ask_for_sweep())
            rows = await (await conn.execute(_DUE)).fetchall()
    except (psycopg.Error, TimeoutError) as error:
        print(f"supervisor: the sweep could not look: {type(error).__name__}", file=sys.stderr)
        return []
    return [kind for kind in JobKind if (kind.value,) in rows]  # other kinds are a newer release's, or nonsense
