"""A process that stands ready: it becomes one company's, once, and another one takes its place."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from reelkeep.errors import DependencyError
from reelkeep.supervisor.linked import Linked
from reelkeep.supervisor.spare import Spare
from reelkeep.supervisor.unborn import Unborn, executed

REFILL_SECONDS = 0.1
PROGRAM = [sys.executable, "-I", "-c", """
import os
from reelkeep.companies.link import SupervisorLink
from reelkeep.isolation.descriptors import hand_in
import socket
link = SupervisorLink.from_arguments(bring=lambda: [socket.socket()])
link.tell("ready", pid=os.getpid(), company=link.birth()["company"])
"""]  # fmt: skip


async def nobody_asks(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    raise AssertionError(f"{kind} {fields}")


async def job_of(spares: Spare, company: str) -> tuple[Linked, Mapping[str, Any]]:
    job = await spares.born(f"{company} job", lambda: {"company": company}, nobody_asks)
    told = await job.ready()
    await job.ended()
    for each in job.brought:
        each.close()
    return job, told


async def stands_ready(spares: Spare) -> int:
    while spares._ready is None:
        await asyncio.sleep(0.02)
    return spares._ready.child.pid


def play(scene: Callable[[Spare], Awaitable[None]], program: list[str] | None = None) -> None:
    async def whole() -> None:
        start = executed("job", program or PROGRAM)
        spares = Spare("job process", lambda: Unborn.started(start, brings=1), REFILL_SECONDS)
        spares.begin_later()
        try:
            async with asyncio.timeout(60):
                await scene(spares)
        finally:
            await spares.end()

    asyncio.run(whole())


def test_the_one_that_stands_ready_becomes_a_companys_and_another_takes_its_place() -> None:
    async def scene(spares: Spare) -> None:
        first = await stands_ready(spares)
        job, told = await job_of(spares, "acme")
        assert (told["pid"], told["company"], job.child.name) == (first, "acme", "acme job")
        second = await stands_ready(spares)
        assert second != first
        assert (await job_of(spares, "borealis"))[1] == {"pid": second, "company": "borealis"}

    play(scene)


def test_a_second_job_at_once_has_a_process_of_its_own() -> None:
    async def scene(spares: Spare) -> None:
        await stands_ready(spares)
        both = await asyncio.gather(job_of(spares, "acme"), job_of(spares, "borealis"))
        assert [told["company"] for _, told in both] == ["acme", "borealis"]
        assert len({told["pid"] for _, told in both}) == 2

    play(scene)


def test_one_that_was_killed_while_it_waited_costs_no_job() -> None:
    async def scene(spares: Spare) -> None:
        killed = await stands_ready(spares)
        os.kill(killed, signal.SIGKILL)
        while spares._ready is not None and spares._ready.child.returncode is None:
            await asyncio.sleep(0.01)
        assert (await job_of(spares, "acme"))[1]["pid"] != killed

    play(scene)


def test_another_one_takes_the_place_of_one_that_was_killed_while_nobody_came() -> None:
    async def scene(spares: Spare) -> None:
        killed = await stands_ready(spares)
        os.kill(killed, signal.SIGKILL)
        while await stands_ready(spares) == killed:
            await asyncio.sleep(0.02)
        assert (await job_of(spares, "acme"))[1]["pid"] != killed

    play(scene)


def test_after_a_roll_over_another_one_stands_ready() -> None:
    async def scene(spares: Spare) -> None:
        former = await stands_ready(spares)
        await spares.renew()
        assert await stands_ready(spares) != former
        assert not os.path.exists(f"/proc/{former}")

    play(scene)


def test_where_none_can_be_started_the_job_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(spares: Spare) -> None:
        with pytest.raises(DependencyError, match="could not be closed off"):
            await spares.taken("acme job")
        told = ""
        while "no job process stands ready" not in told:
            await asyncio.sleep(0.02)
            told += capsys.readouterr().err

    play(scene, [sys.executable, "-I", "-c", "raise SystemExit('no')"])
