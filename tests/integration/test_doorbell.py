"""The doorbell on a real PostgreSQL: rings arrive, the same ring twice is one, the schema is made once."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Engine

from reelkeep.ids import CompanyId
from reelkeep.jobs.interface import JobKind
from reelkeep.runner import doorbell

ACME, BOREALIS = CompanyId("0" * 20), CompanyId("1" * 20)


@pytest.fixture
def conninfo(company_owner: Engine) -> str:
    url = company_owner.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def test_the_schema_is_made_once_and_rings_are_answered(conninfo: str) -> None:
    doorbell.apply_schema(conninfo)
    doorbell.apply_schema(conninfo)
    answered: list[tuple[CompanyId, JobKind]] = []

    async def answer(company_id: CompanyId, kind: JobKind) -> None:
        answered.append((company_id, kind))

    async def ring_and_answer() -> list[bool]:
        ringer, answerer = doorbell.app(conninfo), doorbell.app(conninfo, answer)
        async with ringer.open_async(), answerer.open_async():
            rung = [
                await doorbell.defer(ringer, company_id, JobKind.TRANSCODE) for company_id in (ACME, ACME, BOREALIS)
            ]
            await answerer.run_worker_async(queues=[doorbell.QUEUE], wait=False, install_signal_handlers=False)
        return rung

    assert asyncio.run(ring_and_answer()) == [True, False, True]
    assert answered == [(ACME, JobKind.TRANSCODE), (BOREALIS, JobKind.TRANSCODE)]
