"""The operator's acceptance tests: opens what ``acceptance`` needs, keeps the report, and tells what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from reelkeep.acceptance import report as reports
from reelkeep.acceptance.bench import Bench, Subject
from reelkeep.acceptance.interface import Finding, Report
from reelkeep.acceptance.report import Change
from reelkeep.acceptance.run import OnCheck, accept, capabilities, compare_settings
from reelkeep.catalog import audit, grants, holdings, productions
from reelkeep.catalog.grants import GrantAction
from reelkeep.companies import registry, stacks, storage_registry
from reelkeep.companies.registry import Company
from reelkeep.companies.stacks import KeptReport
from reelkeep.errors import Conflict, NotFound, StorageSetupError
from reelkeep.ids import GrantId
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.marker import Marker
from reelkeep.storage.placement import COMPANY

if TYPE_CHECKING:
    from reelkeep.cli.installation import Installation

GRANT_LIFE: Final = timedelta(minutes=15)
SHOWN_CHANGES: Final = 20
SWITCHED_OFF: Final = frozenset({ConnectionState.SUSPENDED, ConnectionState.REVOKED})


@dataclass(frozen=True)
class Verified:
    """An acceptance test that was made and kept."""

    report_id: str
    report: Report
    changes: Sequence[Change]


@dataclass(frozen=True)
class Options:
    """What an acceptance test may be told.

    Args:
        origin: of the company's pages; "": as follows from its host name or its stack.
        canary_arn: a role of the operator's that must refuse us.
        plain_url: where the store answers without TLS, if that does not follow from the connection.
    """

    origin: str = ""
    canary_arn: str = ""
    plain_url: str = ""


class Accepting:
    """The acceptance tests of one company's connections."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company

    def verify(
        self,
        connection: StorageConnection,
        options: Options | None = None,
        on_check: OnCheck = lambda _done, _all: None,
        *,
        resume: bool = False,
    ) -> Verified:
        """Try a connection out and keep the report; if it passed, the connection is verified.

        A connection in use stays in use whatever is found: what has changed is an event, for people to judge. One that
        was switched off stays so, unless ``resume`` says otherwise.
        """
        with self._installation.on_registry() as conn:
            stack_number = stacks.stack_number(conn, connection.id)  # first: a paste meanwhile makes this report old
        subject = self._subject(connection, options or Options())
        broker = self._installation.storage.broker(self._company, connection)
        report = accept(Bench(subject, broker, self._grant(connection)), self._company.name, on_check=on_check)
        with self._installation.on_registry() as conn:
            former = stacks.reports(conn, self._company.id, connection.id, limit=1)
            changes = reports.changes(reports.from_fields(former[0].body) if former else None, report)
            report_id = stacks.keep_report(
                conn,
                self._company.id,
                connection.id,
                passed=report.passed,
                body=reports.as_fields(report),
                stack_number=stack_number,
            )
            if report.passed and not connection.is_hosted:
                storage_registry.note_marker(conn, connection.id)
            if report.passed and (resume or connection.state not in SWITCHED_OFF):
                storage_registry.verify_connection(conn, connection.id, capabilities(report))
            elif report.passed:
                storage_registry.set_capabilities(conn, connection.id, capabilities(report))
        self._record(connection, report_id, report, changes)
        return Verified(report_id, report, changes)

    def settings(self, connection: StorageConnection) -> list[Finding]:
        """Compare a connection's settings with the contract, reading only; nothing is kept."""
        broker = self._installation.storage.broker(self._company, connection)
        return compare_settings(Bench(self._subject(connection, Options()), broker, self._grant(connection)))

    def verify_due(self, options: Options, older_than: timedelta) -> Iterator[tuple[StorageConnection, Verified]]:
        """Try out each connection in use whose last report is old, one after the other."""
        with self._installation.on_registry() as conn:
            found = storage_registry.connections(conn, self._company.id).values()
            due = [
                one
                for one in found
                if one.state is ConnectionState.ACTIVE
                and not any(
                    kept.made_at > datetime.now(UTC) - older_than
                    for kept in stacks.reports(conn, self._company.id, one.id, limit=1)
                )
            ]
        for connection in due:
            yield connection, self.verify(connection, options)

    def activate(self, connection: StorageConnection, production: str) -> None:
        """Put a connection whose last report passed into use, for a production or (``""``) for the whole company.

        Args:
            production: name, slug or id.

        Raises:
            Conflict: the last report did not pass or is of an earlier stack, there is none, or no production has tried
                the connection yet.
            NotFound: there is no such production. Nothing was changed.
        """
        self._must_have_passed(connection)
        target = COMPANY
        with self._installation.on_company(self._company) as conn:
            if production:
                target = productions.find(conn, production).id
            elif connection.id not in holdings.held(conn):
                raise Conflict(
                    f"no production has stored a version at {connection.name} yet",
                    advice=f"Begin with `reelkeep storage activate {connection.name} --production NAME`, upload and "
                    "play a film there, and then put the whole company on it.",
                )
        with self._installation.on_registry() as conn:
            storage_registry.activate_connection(conn, connection.id)
            storage_registry.place(conn, self._company.id, target, connection.id)
        with self._installation.on_company(self._company) as conn:
            audit.record(conn, "storage.activated", connection.id, None, production=target or None)

    def put_into_use(self, connection: StorageConnection, production_id: str = "", *, resume: bool = False) -> Verified:
        """Try a connection out, and use it if it passes: for stores that the platform itself has made ready.

        New versions of the production go there if one is given, else those of the company if it has no place yet.

        Raises:
            StorageSetupError: it did not pass; its state is what it was. Conflict: it is retired.
        """
        made = self.verify(connection, resume=resume)
        if not made.report.passed:
            raise refusal(made.report)
        if connection.state in SWITCHED_OFF and not resume:
            return made
        with self._installation.on_registry() as conn:
            storage_registry.activate_connection(conn, connection.id)
            placed = storage_registry.placements(conn, self._company.id)
            if production_id or (not connection.is_hosted and COMPANY not in placed):
                storage_registry.place(conn, self._company.id, production_id, connection.id)
        return made

    def reports(self, connection: StorageConnection, *, limit: int) -> list[KeptReport]:
        """Return the newest kept reports, the newest first."""
        with self._installation.on_registry() as conn:
            return stacks.reports(conn, self._company.id, connection.id, limit=limit)

    def report(self, connection: StorageConnection, report_id: str) -> Report:
        """Return one kept report, or the newest ("")."""
        found = self.reports(connection, limit=10_000 if report_id else 1)
        for one in found:
            if report_id in ("", one.id):
                return reports.from_fields(one.body)
        raise NotFound("there is no such report", advice=f"See `reelkeep storage reports {connection.name}`.")

    def _must_have_passed(self, connection: StorageConnection) -> None:
        with self._installation.on_registry() as conn:
            kept = stacks.reports(conn, self._company.id, connection.id, limit=1)
            present = stacks.stack_number(conn, connection.id)
        verify = f"`reelkeep storage verify {connection.name} --company {self._company.slug}`"
        if not kept:
            raise Conflict(f"{connection.name} has not been tried out yet", advice=f"Run {verify}.")
        if not kept[0].passed:
            names = ", ".join(one.id for one in reports.from_fields(kept[0].body).failed[:8])
            raise Conflict(
                f"the last acceptance test of {connection.name} did not pass: {names}",
                advice=f"Mend what its report names, and run {verify} again.",
            )
        if kept[0].stack_number != present:
            raise Conflict(
                f"the last acceptance test of {connection.name} was made before its stack was told anew",
                advice=f"Run {verify}.",
            )

    def _subject(self, connection: StorageConnection, options: Options) -> Subject:
        with self._installation.on_registry() as conn:
            stack = stacks.stack_of(conn, connection.id)
            roles = (connection.role_arn, stack.audit_role, stack.purge_role) if stack else (connection.role_arn,)
            role_is_taken = any(stacks.others_have_role(conn, connection, arn) for arn in roles if arn)
            bucket_is_taken = not connection.is_hosted and stacks.others_have_bucket(conn, connection)
            version = stack.contract if stack else 0
            marker = Marker(
                registry.installation_id(conn),
                self._company.id,
                self._installation.signing_key().public_text,
                contract_version=version,
                bucket=connection.bucket,
                prefix=connection.prefix,
            )
        with self._installation.on_company(self._company) as conn:
            holds = connection.id in holdings.held(conn)
        origins = stack.parameters.get("SiteOrigins", "").split(",") if stack else [""]
        return Subject(
            connection,
            marker,
            options.origin or origins[0] or self._installation.storage.origin(self._company, connection),
            stack,
            options.canary_arn,
            options.plain_url,
            was_in_use=holds or connection.state is not ConnectionState.DRAFT,
            role_is_taken=role_is_taken,
            bucket_is_taken=bucket_is_taken,
        )

    def _grant(self, connection: StorageConnection) -> GrantId:
        expires_at, reason = datetime.now(UTC) + GRANT_LIFE, f"acceptance test of storage connection {connection.id}"
        with self._installation.on_company(self._company) as conn:
            return grants.record(conn, GrantAction.PROBE, "", reason, expires_at=expires_at)

    def _record(self, connection: StorageConnection, report_id: str, report: Report, changes: Sequence[Change]) -> None:
        counts = {result.name.lower(): count for result, count in report.counts().items()}
        with self._installation.on_company(self._company) as conn:
            audit.record(
                conn, "storage.verified", connection.id, None, report=report_id, passed=report.passed, **counts
            )
            for change in changes[:SHOWN_CHANGES]:
                audit.record(
                    conn,
                    "storage.changed",
                    connection.id,
                    None,
                    report=report_id,
                    check=change.id,
                    before=change.before,
                    after=change.after,
                    found=change.found,
                )


def refusal(report: Report) -> StorageSetupError:
    """Return the error for a report that did not pass."""
    first = report.failed[0]
    others = len(report.failed) - 1
    more = f", and {others} more" if others else ""
    return StorageSetupError(f"the acceptance test did not pass: {first.id}: {first.found}{more}", advice=first.advice)
