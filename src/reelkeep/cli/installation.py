"""The operator's way to an installation: its data folder, its databases, and the deeds done on them.

The same functions serve the operator's commands and ``reelkeep demo``. Imported by commands when they run: it loads
the database and storage libraries.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from reelkeep.acceptance.interface import Report
from reelkeep.catalog import audit, members, people, productions, support, tables
from reelkeep.catalog.lifecycle import step
from reelkeep.catalog.passwords import new_password
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Role
from reelkeep.catalog.support import Arrival
from reelkeep.cli.accepting import Accepting
from reelkeep.companies import backups, certificates, provisioning, refused, registry, stacks, storage_registry
from reelkeep.companies.backups import Backup
from reelkeep.companies.certificates import KeptCertificate
from reelkeep.companies.company_states import COMPANY_STEPS, CompanyState
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.network_policy import NetworkPolicy, policy_details
from reelkeep.companies.refused import RefusedSource
from reelkeep.companies.registry import Company
from reelkeep.companies.upgrading import Outcome, upgrade_companies
from reelkeep.contract import offer as offers
from reelkeep.contract.offer import Offer
from reelkeep.contract.parameters import Place
from reelkeep.contract.pasted import Stack
from reelkeep.encryption.archive import Sink, Source
from reelkeep.encryption.keys import CompanyKey
from reelkeep.encryption.signing import SigningKey
from reelkeep.encryption.tls_certificate import TlsCertificate
from reelkeep.errors import DependencyError, Forbidden, NotFound, StorageSetupError
from reelkeep.ids import BackupId
from reelkeep.jobs.interface import JobKind
from reelkeep.runner import doorbell
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.layout import check_prefix
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.folder import DataFolder

UNKNOWN_ID: Final = "not-made-yet-not-used"  # stands for an external id where only names are asked for


@dataclass(frozen=True)
class NewConnection:
    """Where a company's bucket is; None as endpoint means AWS."""

    bucket: str
    region: str
    role_arn: str
    prefix: str = ""
    endpoint_url: str | None = None
    sts_endpoint_url: str | None = None
    path_style: bool = False
    name: str = ""  # as people will call the connection; made from the bucket's if empty


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
        self.own_identity = PlatformIdentity()  # towards AWS: the machine's own, unless the supervisor says another

    def take_identity(self, descriptor: int) -> None:
        """Take the platform's own identity from a pipe of the supervisor's; -1: there is none, it is the machine's."""
        if descriptor >= 0:
            with open(descriptor, encoding="ascii") as pipe:
                self.own_identity = PlatformIdentity(**json.load(pipe))

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
        engine = provisioning.app_engine(self._server, self._keyring, company)
        try:
            with engine.begin() as conn:
                user = people.create(conn, email=email, name=name, password=chosen, is_company_admin=is_company_admin)
        finally:
            engine.dispose()
        return user, None if password else chosen

    def create_production(self, company: Company, name: str, admin: User) -> productions.Production:
        engine = provisioning.app_engine(self._server, self._keyring, company)
        try:
            with engine.begin() as conn:
                production = productions.create(conn, name)
                members.put(conn, production.id, admin.id, Role.PRODUCTION_ADMIN)
        finally:
            engine.dispose()
        return production

    def embedded_bucket(self, company: Company, origin: str, bucket: str = "") -> NewConnection:
        """Make a bucket and a role for the company on the embedded store; takes some seconds."""
        return self.bucket_on_store(bucket or f"{company.slug}-media", origin)

    def bucket_on_store(self, bucket: str, origin: str) -> NewConnection:
        """Make a bucket and a role of its own on the embedded store, for pages of ``origin``; takes some seconds."""
        fields = self.folder.store().add_company(bucket, origin)
        return NewConnection(
            fields.bucket,
            fields.region,
            fields.role_arn,
            fields.prefix,
            fields.endpoint_url,
            fields.sts_endpoint_url,
            fields.path_style,
        )

    def connect(self, company: Company | None, new: NewConnection) -> StorageConnection:
        """Write a connection down as a draft; its external id is made here. It is not used before ``check`` has passed.

        Args:
            company: None for the operator's hosted storage.
        """
        with self.on_registry() as conn:
            return storage_registry.add_connection(
                conn,
                company.id if company else None,
                bucket=new.bucket,
                region=new.region,
                prefix=check_prefix(new.prefix.strip("/")),
                role_arn=new.role_arn,
                endpoint_url=new.endpoint_url,
                sts_endpoint_url=new.sts_endpoint_url or new.endpoint_url,
                path_style=new.path_style,
                name=new.name,
            )

    def connect_stack(self, company: Company, stack: Stack, new: NewConnection) -> StorageConnection:
        """Write down what a company told of its stack, with the connection that `storage template` made for it.

        Told again, as after an update of the stack, it takes the place of what was told before.

        Args:
            new: where the store is, and how it is called if there is no connection for this stack yet.

        Raises:
            StorageSetupError: the connection has another region or prefix. Conflict: somebody else has the role.
        """
        prefix = stack.prefix.rstrip("/")
        with self.on_registry() as conn:
            known = list(storage_registry.connections(conn, company.id).values())
        same = [one for one in known if (one.bucket, one.role_arn) == (stack.bucket, stack.media_role)]
        found = same[0] if same else None
        if found is None:
            place = replace(new, bucket=stack.bucket, region=stack.region, role_arn=stack.media_role, prefix=prefix)
            found = self.connect(company, place)
        elif (found.region, found.prefix) != (stack.region, prefix):
            raise StorageSetupError(
                f"the stack lies in {stack.region} below {prefix or 'no prefix'}, the connection {found.name} in "
                f"{found.region} below {found.prefix or 'no prefix'}",
                advice="Deploy the template that was printed for this connection, with its values as they are.",
            )
        stack.known(found.external_id)  # raises what does not go together
        with self.on_registry() as conn:
            if new.endpoint_url is not None and same:
                sts = new.sts_endpoint_url or new.endpoint_url
                storage_registry.set_endpoint(conn, found.id, new.endpoint_url, sts, path_style=new.path_style)
            stacks.set_stack(conn, found.id, stack)
        return self.connection(company, found.id)

    def offer(
        self, company: Company, place: Place, principal_arn: str, origins: tuple[str, ...], prefix: str
    ) -> tuple[StorageConnection, Offer]:
        """Return the template's values for a company, and the connection whose external id stands in them.

        The names of bucket and role follow from account, region and company, so the connection is written down before
        the stack exists; asked again, the same one is found. It is not used before ``check`` has passed.
        """

        def of(external_id: str) -> Offer:
            return offers.offer(
                company.slug,
                place,
                principal_arn=principal_arn,
                external_id=external_id,
                origins=origins,
                prefix=check_prefix(prefix.strip("/")),
            )

        names = of(UNKNOWN_ID).facts
        bucket, role_arn = names.text("MediaBucket"), names.text("MediaRoleArn")
        with self.on_registry() as conn:
            known = storage_registry.connections(conn, company.id).values()
        same = (found for found in known if (found.bucket, found.role_arn) == (bucket, role_arn))
        connection = next(same, None) or self.connect(company, NewConnection(bucket, place.region, role_arn, prefix))
        return connection, of(connection.external_id)

    def connection(self, company: Company, wanted: str) -> StorageConnection:
        """Return a connection that a company may use, by its name or id; raise NotFound."""
        with self.on_registry() as conn:
            found = storage_registry.connections(conn, company.id)
        for connection in found.values():
            if wanted in (connection.name, connection.id):
                return connection
        names = ", ".join(one.name for one in found.values()) or "none yet"
        advice = f"The connections of {company.slug} are: {names}."
        raise NotFound(f"the company {company.slug} has no storage connection {wanted}", advice=advice)

    def check(
        self, company: Company, connection: StorageConnection, production_id: str = "", *, resume: bool = False
    ) -> Report:
        """Try a connection out; if it passes, it is in use, unless it was switched off.

        Args:
            resume: put it into use also if it was suspended or revoked.

        New versions of the production go there if one is given, else those of the company if it has no place yet.

        Its marker is written, unless it is hosted: whoever hosts has a switch of its own.

        Raises:
            StorageSetupError: it did not pass; its state is what it was. Conflict: it is retired.
        """
        return Accepting(self, company).put_into_use(connection, production_id, resume=resume).report

    def origin(self, company: Company, connection: StorageConnection) -> str:
        """Return the address of the company's pages: of this machine for a store on it, else of its host name."""
        if connection.endpoint_url is None:
            return f"https://{company.app_host}"
        return self.folder.origin(company.app_host)

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
        engine = provisioning.app_engine(self._server, self._keyring, company)
        try:
            with engine.begin() as conn:
                return [
                    RenditionSize(name, width, height, int(size)) for name, width, height, size in conn.execute(query)
                ]
        finally:
            engine.dispose()

    def identity(self, connection: StorageConnection) -> PlatformIdentity:
        """Return the platform's own identity at an STS: the embedded store's, else this machine's for AWS."""
        if self.is_embedded(connection):
            key = self.folder.store().platform_credentials
            return PlatformIdentity(key.access_key_id, key.secret_access_key)
        return self.own_identity

    def is_embedded(self, connection: StorageConnection) -> bool:
        """Tell whether a connection is to the embedded store of this installation."""
        has_store = (self.folder.path / "s3").exists()
        return has_store and connection.sts_endpoint_url == self.folder.store().endpoint_url
