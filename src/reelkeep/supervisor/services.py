"""The embedded services under the supervisor's care: PostgreSQL and the object store."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Final

from reelkeep.supervisor.child import Child
from reelkeep.supervisor.object_store import STOP_SECONDS as STORE_STOP_SECONDS
from reelkeep.supervisor.object_store import EmbeddedStore, StoreUnusable
from reelkeep.supervisor.postgres import STOP_SECONDS as POSTGRES_STOP_SECONDS
from reelkeep.supervisor.postgres import EmbeddedPostgres

PORTS_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1


class Service:
    """A started service."""

    def __init__(self, child: Child, stop_seconds: float, stop_signal: signal.Signals) -> None:
        self.child = child
        self._stop_seconds, self._stop_signal = stop_seconds, stop_signal

    async def ended(self) -> int:
        return await self.child.ended()

    async def stop(self) -> None:
        await self.child.stopped(seconds=self._stop_seconds, first=self._stop_signal)


async def start_postgres(postgres: EmbeddedPostgres) -> Service:
    """Start PostgreSQL and wait until it takes queries."""
    child = postgres.start()
    return await _ready(Service(child, POSTGRES_STOP_SECONDS, signal.SIGINT), postgres.wait_ready)  # "fast" shutdown


async def start_store(store: EmbeddedStore) -> Service:
    """Start the object store, which becomes ready while other things start."""
    await _await_ports(store.claim_store_ports)
    return Service(store.start_store(), STORE_STOP_SECONDS, signal.SIGKILL)


async def start_s3(store: EmbeddedStore) -> Service:
    """Start the store's S3 server and wait until it serves every company that is noted down."""
    await _await_ports(store.claim_s3_ports)
    child = store.start_s3()
    return await _ready(Service(child, STORE_STOP_SECONDS, signal.SIGKILL), store.wait_ready)


async def _await_ports(claim: Callable[[], None]) -> None:
    """Wait until ports are free: a predecessor that was killed has them for a moment more; then raise StoreUnusable."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PORTS_SECONDS
    while True:
        try:
            return claim()
        except StoreUnusable:
            if loop.time() > until:
                raise
        await asyncio.sleep(_LOOK_SECONDS)


async def _ready(service: Service, wait: Callable[[Child], None]) -> Service:
    """Wait for the service; one that does not come up, or that nobody waits for any more, is stopped."""
    async with contextlib.AsyncExitStack() as undo:
        undo.push_async_callback(service.stop)
        await asyncio.to_thread(wait, service.child)
        undo.pop_all()
    return service
