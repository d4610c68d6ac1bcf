"""What one company's processes may ask of the registry: its connections' state, its onboarding, its network policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from reelkeep.companies import onboarding, refused, registry, storage_registry
from reelkeep.companies.network_policy import NetworkPolicy
from reelkeep.companies.onboarding_steps import BY_PEOPLE, Note
from reelkeep.errors import DependencyError, Forbidden
from reelkeep.ids import CompanyId, ConnectionId
from reelkeep.storage.connection_states import Revocation

T = TypeVar("T")


class RegistrySwitch:
    """The registry for one company: which one is known from the socket, never from a message.

    Every method raises DependencyError if the registry does not answer, with nothing changed.
    """

    def __init__(self, engine: Engine, company_id: CompanyId) -> None:
        self._engine, self._company_id = engine, company_id

    async def revoke(self, connection_id: ConnectionId, by: Revocation) -> bool:
        """Note that a connection refuses; return False if it was not in use."""
        return await self._ask(
            lambda conn: storage_registry.revoke_connection(conn, self._company_id, connection_id, by)
        )

    async def resume(self, connection_id: ConnectionId) -> None:
        """Put a revoked connection into use again; raise Conflict or NotFound, with nothing changed."""
        await self._ask(lambda conn: storage_registry.resume_revoked(conn, self._company_id, connection_id))

    async def onboarding(self) -> Mapping[str, Any]:
        """Return what the registry knows of the company's onboarding: ``companies.onboarding.Known`` as JSON."""
        return await self._ask(lambda conn: onboarding.known(conn, self._company_id).as_fields())

    async def note_step(self, given: Note) -> None:
        """Note what is so of a step of the onboarding; raise Forbidden for one that is not for the company to note."""
        if given.step not in BY_PEOPLE:
            raise Forbidden("this step is seen by the platform itself", advice="Ask the operator if it is not so.")
        await self._ask(lambda conn: onboarding.note(conn, self._company_id, given))

    async def network(self) -> Mapping[str, Any]:
        """Return the company's network policy and whom it turned away, as JSON."""

        def read(conn: Connection) -> Mapping[str, Any]:
            policy = registry.network(conn, self._company_id)
            turned_away = [one.as_fields() for one in refused.refused(conn, self._company_id)]
            return {"network": policy.as_fields() if policy else None, "refused": turned_away}

        return await self._ask(read)

    async def set_network(self, policy: NetworkPolicy | None) -> None:
        """Close the company's site to all but these, or open it to everybody."""
        await self._ask(lambda conn: registry.set_network(conn, self._company_id, policy))

    async def note_refused(self, sources: Mapping[str, int]) -> None:
        """Add to the counts of connections that the network policy turned away."""
        await self._ask(lambda conn: refused.note(conn, self._company_id, sources))

    async def _ask(self, ask: Callable[[Connection], T]) -> T:
        def run() -> T:
            try:
                with self._engine.begin() as conn:
                    return ask(conn)
            except OperationalError as error:
                raise DependencyError("the registry does not answer") from error

        return await asyncio.to_thread(run)
