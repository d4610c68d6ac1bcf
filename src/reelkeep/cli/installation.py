"""The operator's way to an installation: its data folder, its databases, and the deeds done on them.

The same functions serve the operator's commands and ``reelkeep demo``. Imported by commands when they run: it loads
the database and storage libraries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from reelkeep.catalog import audit, members, people, productions, support, tables
from reelkeep.catalog.lifecycle import step
from reelkeep.catalog.passwords import new_password
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Role
from reelkeep.catalog.support import Arrival
from reelkeep.cli.connections import Connections
from reelkeep.companies import backups, certificates, provisioning, refused, registry
from reelkeep.companies.backups import Backup
from reelkeep.companies.certificates import KeptCertificate
from reelkeep.companies.company_states import COMPANY_STEPS, CompanyState
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.network_policy import NetworkPolicy, policy_details
from reelkeep.companies.refused import RefusedSource
from reelkeep.companies.registry import Company
from reelkeep.companies.upgrading import Outcome, upgrade_companies
from reelkeep.encryption.archive import Sink, Source
from reelkeep.encryption.keys import CompanyKey
from reelkeep.encryption.signing import SigningKey
from reelkeep.encryption.tls_certificate import TlsCertificate
from reelkeep.errors import DependencyError, Forbidden, NotFound
from reelkeep.ids import BackupId
from reelkeep.jobs.interface import JobKind
from reelkeep.runner import doorbell
from reelkeep.supervisor.folder import DataFolder


@dataclass(frozen=True)
class RenditionSize:
    name: str
    width: int | None
    height: int | None
    bytes: int


class Installation:
    """An installation that is up. Every method is one deed of the operator."""

    def __init__(self, data: Path) -> None:
        if not data.is_dir():
            raise NotFound(f"there is no installation in {data}", advice="Start one with `reelkeep up --data DIR`.")
        self.folder = DataFolder.open(data)
        if not self.folder.is_running():
            raise DependencyError(
                f"the installation in {data} is not running", advice="Start it with `reelkeep up` and try again."
            )
        self._server, self._keyring = self.folder.server(), self.folder.keyring()
        self.storage = Connections(self.folder, self.on_registry)

    @contextmanager
    def on_registry(self) -> Iterator[Connection]:
        """Open one transaction on the registry; commands are few and far between, so nothing is kept open."""
        engine = registry.engine(self._server)
        try:
            with engine.begin() as conn:
                yield conn
        finally:
            engine.dispose()

    @contextmanager
    def on_company(self, company: Company) -> Iterator[Connection]:
        """Open one transaction on a company's database, as its app role."""
        engine = self.company_engine(company)
        try:
            with engine.begin() as conn:
                yield conn
        finally:
            engine.dispose()

    def company_engine(self, company: Company) -> Engine:
        """Return a company's database as its app role; the caller disposes of it."""
        return provisioning.app_engine(self._server, self._keyring, company)

    def create_company(self, slug: str, name: str, domain: str, database: str | None = None) -> Company:
        """Make a company.

        Args:
            database: address of a PostgreSQL server of its own, with an admin role; None: on the installation's.
        """
        own = DatabaseServer.at(database) if database is not None else None
        return provisioning.create_company(
            self._server, self._keyring, slug=slug, name=name, domain=domain, own_server=own
        )

    def rotate_passwords(self, slug: str) -> Company:
        """Give a company's database roles fresh passwords, on record in its audit; return its new row."""
        changed = provisioning.rotate_passwords(self._server, self._keyring, self.company(slug))
        with self.on_company(changed) as conn:
            audit.record(conn, "database.passwords_rotated", None, None)
        return changed

    def back_up(self, company: Company, key: CompanyKey, sink: Sink, backup_id: BackupId | None = None) -> Backup:
        """Write a backup of a company's database, on record in its audit."""
        made = backups.write_backup(self._server, self._keyring, company, key, sink, backup_id)
        with self.on_company(company) as conn:
            audit.record(conn, "database.backed_up", None, None, backup=made.id)
        return made

    def restore(self, company: Company, key: CompanyKey, source: Source, *, drop_former: bool) -> tuple[Backup, str]:
        """Let a company have a fresh database made of a backup; return the backup and its former database's name."""
        made, _ = backups.restore_backup(self._server, self._keyring, company, key, source)
        if drop_former:
            at = provisioning.server_of(self._server, self._keyring, company)
            provisioning.drop_database(at, company.database_name)
        return made, company.database_name

    def move_company(self, company: Company, state: CompanyState) -> None:
        """Switch a company off or on, or give it up; it stands in its audit record before it is so.

        Raises:
            Conflict: this step is not possible now; nothing was changed.
        """
        step(COMPANY_STEPS, CompanyState(company.state), state)
        with self.on_company(company) as conn:
            audit.record(conn, f"company.{state.value}", None, None)
        with self.on_registry() as conn:
            registry.move_company(conn, company.id, state)

    def every_company(self, slugs: Sequence[str] = ()) -> list[Company]:
        """Return the companies of these names, else every one, in whatever state.

        The registry itself is brought to this release before.
        """
        provisioning.prepare_registry(self._server)
        with self.on_registry() as conn:
            return [registry.find_company(conn, slug) for slug in slugs] or registry.all_companies(conn)

    def upgrade(
        self, companies: Sequence[Company], on_done: Callable[[Outcome], None], at_a_time: int
    ) -> list[Outcome]:
        """Bring companies' databases to this release; each that was has its processes roll over at once."""

        def upgraded(outcome: Outcome) -> None:
            if outcome.problem is None:
                with self.on_registry() as conn:
                    registry.roll_over(conn, outcome.company.id)
            on_done(outcome)

        return upgrade_companies(self._server, self._keyring, companies, on_done=upgraded, at_a_time=at_a_time)

    def companies(self) -> list[Company]:
        with self.on_registry() as conn:
            return registry.companies(conn)

    def company(self, slug: str | None) -> Company:
        """Return the company with this slug, or the only one; raise NotFound."""
        with self.on_registry() as conn:
            if slug is not None:
                return registry.find_company(conn, slug)
            found = registry.companies(conn)
        if len(found) != 1:
            names = ", ".join(company.slug for company in found) or "none yet"
            raise NotFound("say which company", advice=f"Add --company SLUG; the companies are: {names}.")
        return found[0]

    def set_certificate(self, company: Company, chain: str, key: str) -> TlsCertificate:
        """Have a company use a certificate; raise CertificateRefused, with nothing changed."""
        with self.on_registry() as conn:
            return certificates.set_certificate(conn, self._keyring, company, chain, key, datetime.now(UTC))

    def certificates(self, company: Company) -> dict[str, KeptCertificate]:
        with self.on_registry() as conn:
            return certificates.certificates(conn, company.id)

    def network(self, company: Company) -> tuple[NetworkPolicy | None, list[RefusedSource]]:
        """Return from where a company may be reached, and whom that turned away."""
        with self.on_registry() as conn:
            return registry.network(conn, company.id), refused.refused(conn, company.id)

    def set_network(self, company: Company, policy: NetworkPolicy | None) -> None:
        """Say from where a company may be reached; it stands in its audit record before it is so."""
        with self.on_company(company) as conn:
            audit.record(conn, "network.set", None, None, **policy_details(policy))
        with self.on_registry() as conn:
            registry.set_network(conn, company.id, policy)

    def open_support(self, company: Company, name: str) -> Arrival:
        """Return a link by which somebody of the operator's comes in; it stands in the company's audit record.

        Raises:
            Forbidden: nobody of the company allows it now. That it was asked for is on record, too.
        """
        with self.on_company(company) as conn:
            arrival = support.expect(conn, name)
            if arrival is None:
                audit.record(conn, "support.refused", None, None, name=name)
            else:
                audit.record(conn, "support.link_made", arrival.access.id, arrival.user_id)
        if arrival is None:
            raise Forbidden(
                f"nobody at {company.slug} allows support to look now",
                advice="Ask an admin of the company to allow it on the Support page.",
            )
        return arrival

    def allow_names(self, company: Company, name: str, command: str) -> None:
        """Let a command tell names of a company's things: only while support may look at all of it, and on its record.

        Raises:
            Forbidden: it may not, which is on record, too.
        """
        with self.on_company(company) as conn:
            access = support.current(conn)
            may = access is not None and access.production_id is None
            what = "support.asked" if may else "support.refused"
            audit.record(conn, what, None, None, name=name, method="reelkeep", path=command)
        if not may:
            raise Forbidden(
                f"nobody at {company.slug} lets support look at the whole company now",
                advice="Ask an admin of the company to allow it on the Support page, or leave --names out.",
            )

    def create_user(
        self, company: Company, email: str, name: str, password: str | None, *, is_company_admin: bool
    ) -> tuple[User, str | None]:
        """Add a user; return the user, and the password if it was made here."""
        chosen = password or new_password()
        with self.on_company(company) as conn:
            user = people.create(conn, email=email, name=name, password=chosen, is_company_admin=is_company_admin)
        return user, None if password else chosen

    def create_production(self, company: Company, name: str, admin: User) -> productions.Production:
        with self.on_company(company) as conn:
            production = productions.create(conn, name)
            members.put(conn, production.id, admin.id, Role.PRODUCTION_ADMIN)
        return production

    def ring(self, company: Company, kinds: Sequence[JobKind]) -> None:
        """Ring the doorbell for jobs that are due now."""

        async def ring() -> None:
            async with doorbell.app(self._server.conninfo(registry.DATABASE)).open_async() as bell:
                for kind in kinds:
                    await doorbell.defer(bell, company.id, kind)

        with ThreadPoolExecutor(1) as apart:  # the caller's thread may have a loop of its own
            apart.submit(lambda: asyncio.run(ring())).result()

    def company_key(self, company: Company) -> CompanyKey:
        """Return a company key that the operator's keyring alone wraps; raise KeyringBroken if another does, too."""
        return provisioning.company_key(self._keyring, company)

    def inner_key(self, company: Company) -> bytes:
        """Return a company key as the company's own key has wrapped it."""
        return provisioning.inner_key(self._keyring, company)

    def wrap_inner_key(self, company: Company, wrapped: bytes) -> bytes:
        """Wrap by the operator's keyring what the company's own key has wrapped."""
        return provisioning.wrap_inner_key(self._keyring, company.id, wrapped)

    def wrap_company_key(self, company: Company, key: CompanyKey) -> bytes:
        """Wrap a company key by the operator's keyring alone."""
        return provisioning.wrap_company_key(self._keyring, company.id, key)

    def forget_former_keys(self) -> None:
        """Have PostgreSQL write the companies' table anew, without rows that were changed."""
        engine = registry.engine(self._server)
        try:
            registry.forget_former_rows(engine)
        finally:
            engine.dispose()

    def signing_key(self) -> SigningKey:
        """Return the key that certificates of this installation are signed with."""
        return self.folder.signing_key()

    def renditions(self, company: Company, version_id: str) -> list[RenditionSize]:
        """Return what was made of a version, the smallest picture first, with the bytes that lie in the bucket."""
        made, parts = tables.renditions, tables.segments
        query = (
            select(made.c.name, made.c.width_px, made.c.height_px, func.coalesce(func.sum(parts.c.length), 0))
            .outerjoin(parts, parts.c.rendition_id == made.c.id)
            .where(made.c.version_id == version_id)
            .group_by(made.c.name, made.c.width_px, made.c.height_px)
            .order_by(made.c.height_px.nulls_last())
        )
        with self.on_company(company) as conn:
            return [RenditionSize(name, width, height, int(size)) for name, width, height, size in conn.execute(query)]
