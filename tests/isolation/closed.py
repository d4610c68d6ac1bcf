"""Processes of companies that were taken over, with a real egress process, and no supervisor but the test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reelkeep.ids import CompanyId
from reelkeep.isolation.host_uid import COMPANY_UIDS
from reelkeep.isolation.lifetime import adopt_orphans
from reelkeep.supervisor.linked import Linked
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.way_out import SOCKETS, WayOut
from reelkeep.supervisor.web_processes import Berths, WebForks, WebLimits, covered
from reelkeep.supervisor.zygote import Zygote

ROOT = str(Path(__file__).parents[2])
REPORTED_SECONDS = 60  # on a busy machine; a report comes each second
WEB = WebLimits(idle_seconds=600, max_bytes=1 << 30)
_ENTRY = f"import sys; sys.path.insert(0, {ROOT!r}); from tests.isolation import closed_program; closed_program."
_PYTHON = [sys.executable, "-B", "-c"]


class Outside:
    """An egress process with its supervisor's end, and what it reported.

    Args:
        folder: gets the processes' hand-over sockets.
    """

    def __init__(self, folder: Path) -> None:
        self.way_out = WayOut()
        self.refused: dict[str, dict[str, int]] = {}
        self.run = folder / "run"
        self.run.mkdir(exist_ok=True)
        self._zygote = Zygote([*_PYTHON, f"{_ENTRY}fork()"], 100, COMPANY_UIDS)
        self._forks = WebForks(self._zygote, self.run, WEB, brings=SOCKETS)
        self._is_forking = False
        self._children: list[Linked] = []
        self._berths: list[Berths] = []
        self._got: asyncio.Queue[Mapping[str, str]] = asyncio.Queue()
        adopt_orphans()

    async def start_egress(self, networks: Sequence[str] = ()) -> Linked:
        birth = {"networks": list(networks), "insecure_no_sandbox": False}
        linked = await Linked.born("egress", Programs().egress, birth, self._answer, brings=1)
        self.way_out.attach(*linked.brought)
        await linked.ready()
        self._children.insert(0, linked)
        return linked

    async def process(
        self, company: str, attempts: Sequence[Sequence[Any]], *, role: str = "app", dsn: str = "postgresql://"
    ) -> dict[str, str]:
        """Start a company's process, which enters as one of its role does, and return what its attempts got."""
        berths = Berths(self._forks, self.run, company, dsn)
        self._berths.append(berths)
        birth = {"attempts": attempts, "dsn": dsn, "covered": [str(path) for path in covered(self.run)]}
        if role == "job":
            linked = await Linked.born("job", [*_PYTHON, f"{_ENTRY}job()"], birth, self._take, brings=SOCKETS)
        else:
            if not self._is_forking:
                self._zygote.begin_later()
                self._is_forking = True
            linked = await Linked.of(await berths.unborn(role, role, beside=False), lambda: birth, self._take)
        self._children.append(linked)
        self.way_out.open(CompanyId(company), linked)
        return dict(await linked.ready())

    async def again(self, attempts: Sequence[Sequence[Any]]) -> dict[str, str]:
        """Have the process that was started last make further attempts, and return what they got."""
        self._children[-1].push("again", {"attempts": attempts})
        return dict(await self._got.get())

    async def reported(self, company: str, count: int) -> dict[str, int]:
        """Wait until so many refusals of a company were reported, and return them; sooner or later they are."""
        async with asyncio.timeout(REPORTED_SECONDS):
            while sum(self.refused.get(company, {}).values()) < count:
                await asyncio.sleep(0.05)
        return self.refused[company]

    async def end(self) -> None:
        for each in self._children:
            await each.child.stopped(seconds=0)
            await each.ended()
        for berths in self._berths:
            berths.close()
        if self._is_forking:
            await self._zygote.end()
        self.way_out.detach()

    async def _take(self, kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        assert kind == "got"
        self._got.put_nowait(fields)
        return {}

    async def _answer(self, kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        counts = self.refused.setdefault(fields["company_id"], {})
        for name, count in fields["destinations"].items():
            counts[name] = counts.get(name, 0) + count
        return {}
