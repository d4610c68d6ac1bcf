"""The entry of the gateway process: `python -m reelkeep.gateway.gateway_process --link-fd N`."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from typing import Any

import uvloop

from reelkeep.companies.link import SupervisorLink
from reelkeep.gateway.gateway import Gateway, listen
from reelkeep.isolation.confine import confine


async def _main(link: SupervisorLink, listener: socket.socket) -> None:
    gateway = Gateway(listener)
    loop = asyncio.get_running_loop()

    def routes(fields: Mapping[str, Any]) -> None:
        loop.call_soon_threadsafe(gateway.route, fields["routes"], fields["fallback"])

    link.on_push("routes", routes)
    link.tell("ready", port=gateway.port)
    running = asyncio.create_task(gateway.run())
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.wait({running})
    if not running.cancelled():
        running.result()


def main() -> None:
    """Run until the supervisor says to end, or is gone."""
    opened: list[socket.socket] = []

    def prepare(birth: Mapping[str, Any]) -> None:
        opened.append(listen(birth["address"], birth["port"]))
        confine()

    link = SupervisorLink.from_arguments(prepare=prepare)
    uvloop.run(_main(link, opened[0]))


if __name__ == "__main__":
    main()
