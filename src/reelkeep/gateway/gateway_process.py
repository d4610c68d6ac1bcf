"""The entry of the gateway process: `python -m reelkeep.gateway.gateway_process --link-fd N`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from typing import Any, Final

import uvloop

from reelkeep.companies.link import SupervisorLink
from reelkeep.companies.network_policy import policy_from_fields
from reelkeep.gateway.gateway import Gateway, Kind, Listener, listen, routes_from_fields
from reelkeep.isolation.confine import confine

REPORT_SECONDS: Final = 1.0


async def _main(link: SupervisorLink, listeners: Sequence[Listener]) -> None:
    gateway = Gateway(listeners)
    loop = asyncio.get_running_loop()

    def routes(fields: Mapping[str, Any]) -> None:
        loop.call_soon_threadsafe(gateway.route, routes_from_fields(fields["routes"]), fields["fallback"])

    link.on_push("routes", routes)
    link.tell("ready")
    running, reporting = asyncio.create_task(gateway.run()), asyncio.create_task(_report(gateway, link))
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.wait({running, reporting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, reporting):
        if task.done() and not task.cancelled():
            task.result()
        task.cancel()


async def _report(gateway: Gateway, link: SupervisorLink) -> None:
    """Tell the supervisor whom the companies' network policies turned away."""
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        for host, sources in gateway.refusals.taken().items():
            link.tell("refused", host=host, sources=sources)


def main() -> None:
    """Run until the supervisor says to end, or is gone."""
    opened: list[Listener] = []

    def prepare(birth: Mapping[str, Any]) -> None:
        for one in birth["listeners"]:
            trusted = policy_from_fields(one["trusted"])
            opened.append(Listener(listen(one["address"], one["port"]), Kind(one["kind"]), trusted))
        confine(is_demanded=not birth["insecure_no_sandbox"])

    link = SupervisorLink.from_arguments(prepare=prepare)
    uvloop.run(_main(link, opened))


if __name__ == "__main__":
    main()
