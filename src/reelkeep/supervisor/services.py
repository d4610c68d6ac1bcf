"""The embedded services under the supervisor's care: PostgreSQL and the object store."""

from __future__ import annotations

import asyncio
import signal

from reelkeep.supervisor.child import Child
from reelkeep.supervisor.object_store import STOP_SECONDS as STORE_STOP_SECONDS
from reelkeep.supervisor.object_store import EmbeddedStore
from reelkeep.supervisor.postgres import STOP_SECONDS as POSTGRES_STOP_SECONDS
from reelkeep.supervisor.postgres import EmbeddedPostgres


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
    service = Service(postgres.start(), POSTGRES_STOP_SECONDS, signal.SIGINT)  # fast shutdown: sessions are ended
    await asyncio.to_thread(postgres.wait_ready, service.child)
    return service


async def start_store(store: EmbeddedStore) -> Service:
    """Start the object store and wait until it serves every company that is noted down."""
    service = Service(store.start(), STORE_STOP_SECONDS, signal.SIGTERM)
    await asyncio.to_thread(store.wait_ready, service.child)
    return service
