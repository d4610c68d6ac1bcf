"""Web processes end when they are idle or too large, and the next connection has another one forked."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.services.installation import Installation, ask, installation, wait_until

from reelkeep.catalog.processes import EndReason
from reelkeep.companies.registry import Company
from reelkeep.isolation.zygote import UNBORN
from reelkeep.supervisor.web_processes import AHEAD

HOST = "acme.localhost"
MAX_BYTES = 256 << 20


@pytest.fixture(scope="module")
def up() -> Iterator[tuple[Installation, Company]]:
    with installation(idle_seconds=2, max_process_bytes=MAX_BYTES) as one:
        yield one, one.create_company("acme")


def test_an_idle_process_ends_and_the_next_connection_starts_another(up: tuple[Installation, Company]) -> None:
    one, company = up
    first = wait_until(lambda: ask(one, HOST))["pid"]
    one.await_gone([first])
    wait_until(lambda: one.ended_process(company, first).reason == EndReason.IDLE.value)
    with ThreadPoolExecutor(8) as callers:
        pids = {facts["pid"] for facts in callers.map(lambda _: ask(one, HOST), range(24))}
    assert len(pids) == 1
    assert first not in pids


def test_who_comes_gets_a_process_that_stood_ready_and_another_one_takes_its_place(
    up: tuple[Installation, Company],
) -> None:
    one, _ = up
    one.await_gone([wait_until(lambda: ask(one, HOST))["pid"]])
    ready = wait_until(lambda: len(found := unborn(one)) == len(AHEAD) and found)
    assert ask(one, HOST)["pid"] in ready
    fresh = wait_until(lambda: len(found := unborn(one)) == len(AHEAD) and found)
    assert len(fresh - ready) == 1
    everybody = fresh | {ask(one, HOST)["pid"]}
    assert len({user_of(pid) for pid in everybody}) == (len(everybody) if os.geteuid() == 0 else 1)


def user_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Uid:"))


def unborn(one: Installation) -> set[int]:
    """Return the pids of processes that have no company yet."""
    return {pid for pid, line in one.processes().items() if line[0] == UNBORN}


def test_one_that_is_asked_for_something_does_not_end(up: tuple[Installation, Company]) -> None:
    one, _ = up
    first = wait_until(lambda: ask(one, HOST))["pid"]
    assert ask(one, HOST, "/slow?4")["pid"] == first


def test_one_with_more_memory_than_it_may_have_is_replaced(up: tuple[Installation, Company]) -> None:
    one, company = up
    large = wait_until(lambda: ask(one, HOST, f"/grow?{MAX_BYTES}"))["pid"]
    # Whoever is asked is not idle, and does not end for that.
    wait_until(lambda: ask(one, HOST) and one.ended_process(company, large).reason == EndReason.MEMORY.value)
    assert wait_until(lambda: ask(one, HOST))["pid"] != large


def test_a_companys_processes_outlive_the_zygote_and_not_the_supervisor(up: tuple[Installation, Company]) -> None:
    one, _ = up
    zygote = next(pid for pid, line in one.processes().items() if "tests.services.stub_zygote" in line)
    before = wait_until(lambda: ask(one, HOST))["pid"]
    os.kill(zygote, signal.SIGKILL)
    assert ask(one, HOST)["pid"] == before
    one.await_gone([before])  # it was idle
    after = wait_until(lambda: ask(one, HOST))["pid"]
    one.end(signal.SIGKILL)
    one.await_gone([after, *one.processes()])
