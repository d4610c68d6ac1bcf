"""The operator's audits: opens what ``custody`` needs, with a session that can list and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Generic, TypeVar

from reelkeep.catalog import grants
from reelkeep.catalog.grants import GrantAction
from reelkeep.cli.installation import Installation
from reelkeep.companies import registry, stacks
from reelkeep.companies.registry import Company
from reelkeep.custody.audit import OnFinding, OnProgress, Report, add_unfinished, audit, audit_store, count_versions
from reelkeep.custody.inventory import open_inventory
from reelkeep.custody.inventory_rows import InventoryRefused
from reelkeep.errors import StorageSetupError
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.listing import S3Listing
from reelkeep.storage.placement import usable
from reelkeep.storage.session_policy import WHOLE
from reelkeep.storage.sts import StsBroker

T = TypeVar("T")
GRANT_LIFE: Final = timedelta(hours=1)
RENEW_AFTER_SECONDS: Final = 45 * 60.0  # of a grant and of a session, which lasts an hour


class Auditing:
    """Audits of one company's connections."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company

    def in_use(self) -> list[StorageConnection]:
        """Return the connections in use; raise StorageSetupError if there is none."""
        found = [one for one in self._connections().values() if one.state is ConnectionState.ACTIVE]
        if not found:
            raise StorageSetupError(
                "no storage is in use for this company", advice="Connect one with `reelkeep storage connect`."
            )
        return found

    def by_listing(
        self,
        connection: StorageConnection,
        on_finding: OnFinding,
        on_progress: OnProgress,
        on_restart: Callable[[], None],
    ) -> Report:
        """Audit what the store lists now.

        Raises:
            StorageSetupError: the connection is not in use, or the role does not let us list.
            DependencyError: the store does not answer, or lists in no order.
        """
        usable(connection)
        listing = self._as_auditor(connection)
        broker = StsBroker(self._installation.identity(connection), lambda _: listing, self._company.slug)
        request = SessionRequest(connection.id, Purpose.AUDIT, WHOLE)
        sessions: Callable[[], StsSession] = _Renewed(lambda: broker.session(request))
        grant: Callable[[], GrantId] = _Renewed(lambda: self._grant(connection))
        store = S3Listing(listing, sessions)
        engine = self._installation.company_engine(self._company)
        try:
            report = audit_store(
                engine,
                self._same_place(connection),
                lambda: store.objects(grant),
                on_finding=on_finding,
                on_progress=on_progress,
                on_restart=on_restart,
            )
            count_versions(report, store.versions(grant))
            add_unfinished(engine, report, store.list_uploads("", grant=grant()), on_finding)
        finally:
            engine.dispose()
        return report

    def by_inventory(
        self, connection: StorageConnection, manifest: Path, on_finding: OnFinding, on_progress: OnProgress
    ) -> Report:
        """Audit an S3 Inventory report; the store is not asked.

        Raises:
            InventoryRefused: it is no such report, or one of another bucket.
        """
        found = open_inventory(manifest)
        if found.bucket != connection.bucket:
            raise InventoryRefused(f"the report is of the bucket {found.bucket}, not of {connection.bucket}")
        engine = self._installation.company_engine(self._company)
        try:
            report = audit(
                engine,
                self._same_place(connection),
                lambda: found.listed(connection.prefix),
                as_of=found.made_at,
                on_finding=on_finding,
                on_progress=on_progress,
            )
        finally:
            engine.dispose()
        report.notes.append(f"the report is of {found.made_at:%Y-%m-%d %H:%M} UTC; it tells of no unfinished uploads")
        return report

    def _as_auditor(self, connection: StorageConnection) -> StorageConnection:
        """Return the connection with the stack's audit role, where there is one: it can list, and read no object."""
        with self._installation.on_registry() as conn:
            stack = stacks.stack_of(conn, connection.id)
        return replace(connection, role_arn=stack.audit_role) if stack else connection

    def _connections(self) -> dict[ConnectionId, StorageConnection]:
        with self._installation.on_registry() as conn:
            return registry.connections(conn, self._company.id)

    def _same_place(self, connection: StorageConnection) -> list[ConnectionId]:
        """Return the connections that reach the same objects: what any of them holds is expected there."""
        return [one.id for one in self._connections().values() if _place(one) == _place(connection)]

    def _grant(self, connection: StorageConnection) -> GrantId:
        expires_at, reason = datetime.now(UTC) + GRANT_LIFE, f"audit of storage connection {connection.id}"
        with self._installation.on_company(self._company) as conn:
            return grants.record(conn, GrantAction.LIST, WHOLE, reason, expires_at=expires_at)


class _Renewed(Generic[T]):
    """A value that is made anew after three quarters of its hour."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._value, self._since = make(), time.monotonic()

    def __call__(self) -> T:
        if time.monotonic() - self._since > RENEW_AFTER_SECONDS:
            self._value, self._since = self._make(), time.monotonic()
        return self._value


def _place(connection: StorageConnection) -> tuple[str | None, str, str]:
    return connection.endpoint_url, connection.bucket, connection.prefix
