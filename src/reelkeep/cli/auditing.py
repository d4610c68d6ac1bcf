"""The operator's audits: opens what ``custody`` needs, with a session that can list and nothing else, and keeps them.

What the store lists now is kept and compared with the audit before; an inventory report, which tells of an earlier
moment, is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection

from reelkeep.acceptance.interface import Finding as Setting
from reelkeep.catalog import audit as events
from reelkeep.catalog import grants, storage_audits
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.storage_audits import KeptAudit
from reelkeep.cli.accepting import Accepting
from reelkeep.cli.installation import Installation
from reelkeep.companies import stacks, storage_registry
from reelkeep.companies.registry import Company
from reelkeep.custody.audit import OnFinding, OnProgress, Report, add_unfinished, audit, audit_store, count_versions
from reelkeep.custody.history import NOTHING, Compared, Comparison, Drift, Former
from reelkeep.custody.inventory import open_inventory
from reelkeep.custody.inventory_rows import InventoryRefused
from reelkeep.custody.merge import Finding
from reelkeep.errors import NotFound, ReelkeepError, StorageSetupError
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.listing import S3Listing
from reelkeep.storage.placement import usable
from reelkeep.storage.session_policy import WHOLE

T = TypeVar("T")
GRANT_LIFE: Final = timedelta(hours=1)
RENEW_AFTER_SECONDS: Final = 45 * 60.0  # of a grant and of a session, which lasts an hour


@dataclass(frozen=True)
class Audited:
    """An audit of what the store lists, and what the settings are, beside the one before."""

    id: str
    report: Report
    settings: list[Setting]
    compared: Compared


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
        on_finding: OnFinding = lambda _: None,
        on_progress: OnProgress = lambda _done, _total: None,
        on_restart: Callable[[], None] = lambda: None,
    ) -> Audited:
        """Audit what the store lists now and how the bucket is set, and keep what that comes to.

        Raises:
            StorageSetupError, DependencyError: as ``_listed`` does; nothing is kept then.
        """
        with self._installation.on_company(self._company) as conn:
            comparison = Comparison(_former(conn, connection.id))

        def found(finding: Finding) -> None:
            comparison.add(finding)
            on_finding(finding)

        def begin_again() -> None:
            comparison.begin_again()
            on_restart()

        report = self._listed(connection, found, on_progress, begin_again)
        settings = Accepting(self._installation, self._company).settings(connection)
        drifts = [Drift(one.id, one.found, one.advice) for one in settings if one.blocks]
        for drift in drifts:
            comparison.add_drift(drift)
        compared = comparison.result()
        return Audited(self._keep(connection, report, drifts, compared), report, settings, compared)

    def audit_due(self, older_than: timedelta) -> Iterator[tuple[StorageConnection, Audited | ReelkeepError]]:
        """Audit each connection in use whose last audit is old; one that cannot be audited keeps no other waiting."""
        for connection in self._connections().values():
            if connection.state is not ConnectionState.ACTIVE:
                continue
            kept = self.kept([connection], limit=1)
            if kept and kept[0].made_at > datetime.now(UTC) - older_than:
                continue
            try:
                yield connection, self.by_listing(connection)
            except ReelkeepError as error:
                yield connection, error

    def kept(self, at: Collection[StorageConnection], *, limit: int) -> list[KeptAudit]:
        """Return the newest audits of some connections, the newest first."""
        with self._installation.on_company(self._company) as conn:
            return storage_audits.newest(conn, [one.id for one in at], limit=limit)

    def connections(self, wanted: str) -> list[StorageConnection]:
        """Return one connection by its name or id, or all of them for ""; raise NotFound."""
        found = list(self._connections().values())
        chosen = [one for one in found if wanted in ("", one.name, one.id)]
        if wanted and not chosen:
            names = ", ".join(one.name for one in found) or "none yet"
            raise NotFound(f"there is no storage connection {wanted}", advice=f"The connections are: {names}.")
        return chosen

    def _listed(
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
        broker = self._installation.storage.broker(self._company, listing)
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

    def _keep(self, connection: StorageConnection, report: Report, drifts: Sequence[Drift], compared: Compared) -> str:
        counts = report.counts
        body = {
            **compared.as_fields(),
            "objects": counts.objects,
            "bytes": counts.bytes,
            "rows": counts.expected,
            "settings": [vars(one) for one in drifts],
            "notes": report.notes,
        }
        fresh = compared.fresh_count
        with self._installation.on_company(self._company) as conn:
            audit_id = storage_audits.keep(
                conn,
                connection.id,
                report.seen_at,
                is_clean=not compared.found,
                fresh=fresh,
                body=body,
                marks=compared.marks,
            )
            events.record(conn, "storage.audited", connection.id, None, audit=audit_id, **compared.found)
            if fresh:
                events.record(conn, "storage.differs", connection.id, None, audit=audit_id, **compared.fresh)
        return audit_id

    def _as_auditor(self, connection: StorageConnection) -> StorageConnection:
        """Return the connection with the stack's audit role, where there is one: it can list, and read no object."""
        with self._installation.on_registry() as conn:
            stack = stacks.stack_of(conn, connection.id)
        return replace(connection, role_arn=stack.audit_role) if stack else connection

    def _connections(self) -> dict[ConnectionId, StorageConnection]:
        with self._installation.on_registry() as conn:
            return storage_registry.connections(conn, self._company.id)

    def _same_place(self, connection: StorageConnection) -> list[ConnectionId]:
        """Return the connections that reach the same objects: what any of them holds is expected there."""
        return [one.id for one in self._connections().values() if _place(one) == _place(connection)]

    def _grant(self, connection: StorageConnection) -> GrantId:
        expires_at, reason = datetime.now(UTC) + GRANT_LIFE, f"audit of storage connection {connection.id}"
        with self._installation.on_company(self._company) as conn:
            return grants.record(conn, GrantAction.LIST, WHOLE, reason, expires_at=expires_at)


def _former(conn: Connection, connection_id: ConnectionId) -> Former:
    """Return what the audit before found."""
    found = storage_audits.newest(conn, [connection_id], limit=1)
    if not found:
        return NOTHING
    marks = storage_audits.marks(conn, connection_id)
    return Former(found[0].body["found"], None if marks is None else frozenset(marks))


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
