"""The runner: waits for doorbells and asks the supervisor for a fresh job process for each; never reads a job row."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, Final

from procrastinate import App
from procrastinate.jobs import Status

from reelkeep.companies.link import SupervisorLink
from reelkeep.ids import CompanyId
from reelkeep.isolation.confine import CAP_DAC_OVERRIDE, confine
from reelkeep.jobs.interface import JobKind
from reelkeep.runner.doorbell import QUEUE, app

POLL_SECONDS: Final = 5.0  # only if PostgreSQL's notice of a ring got lost


class Runner:
    """Answers rings over the link. The supervisor rings again, at the end of the queue, where another job is due."""

    def __init__(self, link: SupervisorLink, conninfo: str, concurrency: int) -> None:
        self._link = link
        self._concurrency = concurrency
        self._doorbell = app(conninfo, self._answer)

    async def run(self, stop: asyncio.Event) -> None:
        """Answer rings until ``stop`` is set; answers under way end with the processes the supervisor ends."""
        async with self._doorbell.open_async():
            await forget_stalled(self._doorbell)
            worker = asyncio.create_task(
                self._doorbell.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=POLL_SECONDS,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    shutdown_graceful_timeout=0,
                )
            )
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if worker.done():
                worker.result()  # the registry's database went away: end, and be started again
            worker.cancel()
            await asyncio.wait({worker})

    async def _answer(self, company_id: CompanyId, kind: JobKind) -> None:
        await asyncio.to_thread(self._link.call, "job", company_id=company_id, kind=kind.value, timeout_seconds=None)


async def forget_stalled(doorbell: App) -> None:
    """Remove rings that a runner took and did not live to answer: the sweep rings again for what is still due."""
    manager = doorbell.job_manager
    for job in await manager.get_stalled_jobs(queue=QUEUE):
        await manager.finish_job(job, status=Status.FAILED, delete_job=True)


async def _main(link: SupervisorLink) -> None:
    birth = link.birth()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def shut_down(_: Mapping[str, Any]) -> None:
        loop.call_soon_threadsafe(stop.set)

    link.on_push("shutdown", shut_down)
    await Runner(link, str(birth["conninfo"]), int(birth["concurrency"])).run(stop)


def main() -> int:
    """Run until the supervisor says to shut down or goes away."""

    def prepare(birth: Mapping[str, Any]) -> None:
        reach_database = frozenset({CAP_DAC_OVERRIDE})
        confine(keep=reach_database, is_demanded=not birth["insecure_no_sandbox"])

    asyncio.run(_main(SupervisorLink.from_arguments(prepare=prepare)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
