"""Processes of companies that are forked from one zygote: what they share with it and with each other is nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from reelkeep.errors import IsolationError
from reelkeep.isolation.descriptors import handed_in
from reelkeep.isolation.host_uid import COMPANY_UIDS, lend
from reelkeep.isolation.lifetime import adopt_orphans
from reelkeep.isolation.zygote import UNBORN
from reelkeep.supervisor.child import Child
from reelkeep.supervisor.zygote import Berth, Zygote

ZYGOTE = [sys.executable, "-m", "tests.isolation.zygote_of_tests"]
IS_ROOT = os.geteuid() == 0
FOLDERS = tuple(Path(path).resolve() for path in (sys.prefix, sys.base_prefix, *sys.path) if path)


class Company:
    """A forked process with our end of its link."""

    def __init__(self, child: Child, link: socket.socket) -> None:
        self.child, self._link = child, link

    async def told(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._link, b"b")
        words = b""
        while not words.endswith(b"\n"):
            more = await loop.sock_recv(self._link, 1 << 16)
            assert more, "it ended"
            words += more
        found: dict[str, Any] = json.loads(words)
        return found


class Nursery:
    def __init__(self, max_forks: int, stack: contextlib.AsyncExitStack) -> None:
        self.zygote = Zygote(ZYGOTE, max_forks, COMPANY_UIDS)
        self._stack = stack

    async def fork(self, role: str) -> Company:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            child = await self.zygote.fork(role, berth(role), theirs)
        for listening in await handed_in(ours):  # nobody lets it out
            self._stack.callback(listening.close)
        self._stack.push_async_callback(child.stopped, seconds=0)
        self._stack.callback(ours.close)
        return Company(child, ours)


def berth(role: str) -> Berth:
    return Berth(role, FOLDERS, covered=(), uncovered=None, max_data_bytes=4 << 30)


def in_a_nursery(scene: Callable[[Nursery], Awaitable[None]], *, max_forks: int = 100) -> None:
    async def play() -> None:
        adopt_orphans()
        async with contextlib.AsyncExitStack() as stack:
            nursery = Nursery(max_forks, stack)
            nursery.zygote.begin_later()
            stack.push_async_callback(nursery.zygote.end)
            await scene(nursery)

    asyncio.run(play())


def zygotes() -> list[int]:
    """Return the pids of the zygotes below this process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                is_ours = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
                if is_ours and b"zygote_of_tests\0" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return sorted(found)


def test_three_companies_of_a_zygote_with_warm_generators_draw_nothing_alike() -> None:
    async def scene(nursery: Nursery) -> None:
        drawn = [await (await nursery.fork("randoms")).told() for _ in range(3)]
        for kind in ("openssl", "private key", "hello", "ticket keys", "urandom"):
            assert len({one[kind] for one in drawn}) == 3, kind

    in_a_nursery(scene)


def test_a_company_is_alone_in_its_namespace_with_a_user_of_its_own() -> None:
    async def scene(nursery: Nursery) -> None:
        companies = [await nursery.fork("facts") for _ in range(2)]
        users = set()
        for company in companies:
            told = await company.told()
            assert told["pid"] == 1
            assert len(told["open"]) == 4, "the standard three and its link"
            assert told["dumpable"] == 0
            assert told["status"]["NoNewPrivs"] == "1"
            assert told["status"]["Seccomp"] == "2"
            assert {int(told["status"][kind], 16) for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}
            if IS_ROOT:
                seen = os.listdir(f"/proc/{company.child.pid}/root/proc")
                assert [name for name in seen if name.isdigit()] == ["1"]
                (user,) = set(told["uids"])
                assert user in COMPANY_UIDS
                assert f"Uid:\t{user}\t" in Path(f"/proc/{company.child.pid}/status").read_text()
                users.add(user)
        assert len(users) == (2 if IS_ROOT else 0)

    in_a_nursery(scene)


def test_a_company_that_was_taken_over_starts_nothing_and_reaches_nothing() -> None:
    async def scene(nursery: Nursery) -> None:
        assert (await (await nursery.fork("attempts")).told())["done"] == []

    in_a_nursery(scene)


def test_the_title_of_a_forked_process_is_not_its_zygotes() -> None:
    async def scene(nursery: Nursery) -> None:
        company = await nursery.fork("facts")
        await company.told()
        line = Path(f"/proc/{company.child.pid}/cmdline").read_bytes()
        assert line.split(b"\0")[0] == UNBORN.encode()

    in_a_nursery(scene)


def test_a_killed_zygote_takes_no_company_along_and_the_next_fork_works() -> None:
    async def scene(nursery: Nursery) -> None:
        first = await nursery.fork("facts")
        told = await first.told()  # by now it bears a name of its own
        (zygote,) = zygotes()
        os.kill(zygote, signal.SIGKILL)
        second = await nursery.fork("facts") if await _gone(zygote) else None
        assert second is not None
        assert first.child.returncode is None
        assert told["pid"] == (await second.told())["pid"] == 1

    in_a_nursery(scene)


async def _gone(pid: int) -> bool:
    """Wait until the process was waited for, too: one that is dying may have its sockets open still."""
    while Path(f"/proc/{pid}").exists():
        await asyncio.sleep(0.05)
    return True


def test_after_so_many_forks_another_zygote_takes_over() -> None:
    async def scene(nursery: Nursery) -> None:
        first = await nursery.fork("sleep")
        assert await first.told() == {}  # by now it bears a name of its own, and is not taken for a zygote
        (zygote,) = zygotes()
        second = await nursery.fork("sleep")
        assert await second.told() == {}
        await asyncio.wait_for(_gone(zygote), 30)
        assert len(zygotes()) == 1
        third = await nursery.fork("sleep")
        assert await third.told() == {}
        assert first.child.returncode is second.child.returncode is None

    in_a_nursery(scene, max_forks=2)


def test_its_end_and_status_are_known_to_the_supervisor() -> None:
    async def scene(nursery: Nursery) -> None:
        told, killed = await nursery.fork("facts"), await nursery.fork("sleep")
        await told.told()
        told._link.close()
        assert await asyncio.wait_for(told.child.ended(), 10) == 0
        await killed.told()
        os.kill(killed.child.pid, signal.SIGKILL)
        assert await asyncio.wait_for(killed.child.ended(), 10) == -signal.SIGKILL

    in_a_nursery(scene)


def test_a_fork_that_nobody_waits_for_any_more_leaves_nothing_and_the_next_one_gets_its_own_process() -> None:
    async def scene(nursery: Nursery) -> None:
        await (await nursery.fork("facts")).told()  # the zygote is there
        for pause in (0.0, 0.001, 0.004, 0.01):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                given_up = asyncio.create_task(nursery.zygote.fork("sleep", berth("sleep"), theirs))
                await asyncio.sleep(pause)
                given_up.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await (await given_up).stopped(seconds=0)
            company = await nursery.fork("facts")
            assert (await company.told())["pid"] == 1
            assert company.child.returncode is None
            company._link.close()  # it ends by itself: the child is the one at the other end
            assert await asyncio.wait_for(company.child.ended(), 10) == 0
        async with asyncio.timeout(10):
            while nursery.zygote._forking or nursery.zygote._ending:
                await asyncio.sleep(0.02)

    in_a_nursery(scene)


@pytest.mark.skipif(not IS_ROOT, reason="only root gives users away")
def test_a_process_keeps_its_user_until_it_has_ended() -> None:
    async def scene(nursery: Nursery) -> None:
        company = await nursery.fork("facts")
        user = (await company.told())["uids"][0]
        with pytest.raises(IsolationError, match="no host user is free"):
            lend(range(user, user + 1))
        await company.child.stopped(seconds=0)
        lend(range(user, user + 1)).give_back()

    in_a_nursery(scene)


@pytest.mark.skipif(not IS_ROOT, reason="only root gives users away")
def test_no_company_is_host_user_0() -> None:
    assert 0 not in COMPANY_UIDS
