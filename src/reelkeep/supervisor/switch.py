"""The state of one company's connections in the registry, as its processes may have it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from reelkeep.companies import registry
from reelkeep.errors import DependencyError
from reelkeep.ids import CompanyId, ConnectionId
from reelkeep.storage.connection_states import Revocation


class RegistrySwitch:
    """A ``Switch`` of one company: which one is known from the socket, never from a message."""

    def __init__(self, engine: Engine, company_id: CompanyId) -> None:
        self._engine, self._company_id = engine, company_id

    async def revoke(self, connection_id: ConnectionId, by: Revocation) -> bool:
        """See ``Switch``. Raise DependencyError if the registry does not answer; nothing was changed."""
        return await self._change(lambda conn: registry.revoke_connection(conn, self._company_id, connection_id, by))

    async def resume(self, connection_id: ConnectionId) -> None:
        """See ``Switch``. Raise DependencyError if the registry does not answer; nothing was changed."""

        def change(conn: Connection) -> bool:
            registry.resume_revoked(conn, self._company_id, connection_id)
            return True

        await self._change(change)

    async def _change(self, change: Callable[[Connection], bool]) -> bool:
        def run() -> bool:
            try:
                with self._engine.begin() as conn:
                    return change(conn)
            except OperationalError as error:
                raise DependencyError("the registry does not answer") from error

        return await asyncio.to_thread(run)
