"""The registry and the companies' databases, as the supervisor has them: made ready at the start, then read."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy import Engine

from reelkeep.companies import provisioning, registry, storage_registry
from reelkeep.companies.birth import Connections, Placements
from reelkeep.companies.certificates import KeptCertificate, complete
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.companies.upgrading import upgrade_companies
from reelkeep.encryption.keyring import Keyring
from reelkeep.ids import CompanyId

UPGRADE_AGAIN_SECONDS: Final = 30.0  # for databases that were away at the start


@dataclass(frozen=True)
class Registered:
    """What the registry holds of one company."""

    row: Company
    connections: Connections
    placements: Placements
    certificates: Mapping[str, KeptCertificate]


class Databases:
    """The registry by a role that only reads it, with a password of this start; and what all databases need before."""

    def __init__(self, server: DatabaseServer, keyring: Keyring) -> None:
        self._server, self._keyring = server, keyring
        self._password = secrets.token_urlsafe(32)
        self.registry: Engine = server.engine(*self._reader)
        self._behind: Sequence[Company] = ()  # companies whose databases could not be upgraded yet

    @property
    def _reader(self) -> tuple[str, str, str]:
        return registry.DATABASE, provisioning.REGISTRY_ROLE, self._password

    @property
    def conninfo(self) -> str:
        """Of the registry, for who listens to it."""
        return self._server.conninfo(*self._reader)

    def prepare(self) -> str:
        """Bring registry and companies to this release and set their limits; return the doorbell's conninfo. Blocks."""
        provisioning.prepare_registry(self._server)
        doorbell = provisioning.open_doorbell(self._server)
        provisioning.open_registry(self._server, self._password)
        with self.registry.connect() as conn:
            companies = registry.all_companies(conn)
        for company in companies:
            with contextlib.suppress(psycopg.OperationalError):  # told below
                provisioning.limit_company(self._server, self._keyring, company)
        self._upgrade(companies)
        return doorbell

    def _upgrade(self, companies: Sequence[Company]) -> None:
        """Bring companies' databases to this release; those that do not answer are tried again later."""
        behind = []
        for outcome in upgrade_companies(self._server, self._keyring, companies):
            if (problem := outcome.problem) is not None:
                print(f"supervisor: {outcome.company.slug} was not upgraded: {problem.message}", file=sys.stderr)
                behind.append(outcome.company)
        self._behind = behind

    async def upgrade_later(self) -> None:
        """Try again those that did not answer, until it is cancelled."""
        while True:
            await asyncio.sleep(UPGRADE_AGAIN_SECONDS)
            if self._behind:
                await asyncio.to_thread(self._upgrade, self._behind)

    def read(self, *, with_certificates: bool) -> dict[CompanyId, Registered]:
        """Return what the registry holds of every company. Blocks.

        One view of companies and connections: a key that is wrapped otherwise is read with the connection it needs.
        """
        with self.registry.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            return {
                row.id: Registered(
                    row,
                    storage_registry.connections(conn, row.id),
                    storage_registry.placements(conn, row.id),
                    complete(conn, self._keyring, row) if with_certificates else {},
                )
                for row in registry.all_companies(conn)
            }
