"""The operator's purges: originals of deleted versions leave the bucket, if the company lends a role for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from reelkeep.catalog import audit, deletions, grants
from reelkeep.catalog.deletions import Deleted
from reelkeep.catalog.grants import GrantAction
from reelkeep.cli.installation import Installation
from reelkeep.companies import stacks, storage_registry
from reelkeep.companies.registry import Company
from reelkeep.contract.pasted import Stack
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection
from reelkeep.storage.purge import S3Purge

GRANT_LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Waiting:
    """What waits at one connection. ``role_arn``: of the purge role; "" while the company allows no purge."""

    connection: StorageConnection
    role_arn: str
    versions: list[Deleted]


class Purging:
    """Purges of one company's connections in use."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company

    def waiting(self) -> list[Waiting]:
        """Return what waits at each connection in use, also where nothing does."""
        with self._installation.on_registry() as conn:
            known = storage_registry.connections(conn, self._company.id).values()
            in_use = [one for one in known if one.state is ConnectionState.ACTIVE]
            roles = {one.id: self._role(stacks.stack_of(conn, one.id)) for one in in_use}
        with self._installation.on_company(self._company) as conn:
            return [Waiting(one, roles[one.id], deletions.waiting(conn, [one.id])) for one in in_use]

    def purge(self, at: Waiting, one: Deleted) -> int:
        """Delete every version of one original; return how many objects and markers that were.

        Raises:
            StorageSetupError: the role does not let us in, or may not; the version waits on.
            DependencyError: the store does not answer; the version waits on.
        """
        scope = one.original_key[: one.original_key.rindex("/") + 1]
        connection = replace(at.connection, role_arn=at.role_arn)
        broker = self._installation.storage.broker(self._company, connection)
        grant = self._grant(connection.id, scope)
        session = broker.session(SessionRequest(connection.id, Purpose.PURGE, scope, grant))
        gone = S3Purge(connection, lambda: session).purge(scope, grant=grant)
        with self._installation.on_company(self._company) as conn:
            deletions.purged(conn, one.id)
            audit.record(conn, "version.purged", one.id, None, objects=gone)
        return gone

    @staticmethod
    def _role(stack: Stack | None) -> str:
        return stack.purge_role if stack is not None else ""

    def _grant(self, connection_id: ConnectionId, scope: str) -> GrantId:
        reason = f"purge of a deleted version at storage connection {connection_id}"
        end = datetime.now(UTC) + GRANT_LIFE
        with self._installation.on_company(self._company) as conn:
            return grants.record(conn, GrantAction.DELETE, scope, reason, expires_at=end)
