"""Starts every process of the installation in order, keeps them there, and stops them in the opposite order.

Up: object store, PostgreSQL, registry and migrations, the store's S3 server, gateway, the companies' processes, runner.
One thread runs the loop and starts all children, since the kernel's death signal follows the thread; STS and set-up
calls run in others.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from reelkeep.catalog.processes import EndReason, Supervision
from reelkeep.companies import provisioning, registry
from reelkeep.companies.birth import Connections, Placements
from reelkeep.companies.certificates import KeptCertificate, complete, tls_fields
from reelkeep.companies.hosts import origin
from reelkeep.companies.network_policy import links_from_of, policy_from_fields
from reelkeep.companies.refused import is_source
from reelkeep.companies.registry import Company
from reelkeep.companies.tables import REGISTRY_CHANGED_CHANNEL
from reelkeep.errors import IsolationError, ReelkeepError
from reelkeep.ids import CompanyId, new_id
from reelkeep.isolation.channel import BadFrame
from reelkeep.jobs.interface import JobKind
from reelkeep.settings import Settings
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.bell import Bell
from reelkeep.supervisor.company import CompanySecrets, SupervisedCompany, Surroundings, job_kind
from reelkeep.supervisor.folder import DataFolder
from reelkeep.supervisor.kept import Kept
from reelkeep.supervisor.ledger import Ledger
from reelkeep.supervisor.linked import Linked
from reelkeep.supervisor.ports import GatewayPorts
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.services import start_postgres, start_s3, start_store
from reelkeep.supervisor.sessions import CompanySessions
from reelkeep.supervisor.switch import RegistrySwitch
from reelkeep.supervisor.verifying import Verifying

LOOK_AGAIN_SECONDS: Final = 1.0
_LOOK_AT_STORE_SECONDS: Final = 0.1


@dataclass(frozen=True)
class _Found:
    """What the registry holds of one company beside its row."""

    connections: Connections
    placements: Placements
    certificates: Mapping[str, KeptCertificate]


class Supervisor:
    """The installation while it runs."""

    def __init__(self, folder: DataFolder, settings: Settings, programs: Programs) -> None:
        self._folder, self._settings, self._programs = folder, settings, programs
        self._postgres, self._server, self._keyring = folder.postgres(), folder.server(), folder.keyring()
        self._store = folder.store() if settings.s3_embedded else None
        self._registry_password = secrets.token_urlsafe(32)
        reader = registry.DATABASE, provisioning.REGISTRY_ROLE, self._registry_password
        self._registry: Engine = self._server.engine(*reader)
        self._supervision = Supervision(socket.gethostname(), folder.host_id(), new_id())
        self._companies: dict[CompanyId, SupervisedCompany] = {}
        self._ledgers: dict[CompanyId, Ledger] = {}
        self._dsns: dict[CompanyId, str] = {}
        self._gateway: Linked | None = None
        self._knows_companies = False  # until then the gateway answers that we are starting
        self._ports = GatewayPorts.of(settings, folder.config().port)
        self._bell: Bell | None = None
        self._conninfo = ""
        self._stack = contextlib.AsyncExitStack()
        self._kept_s3: Kept | None = None
        self.broken = asyncio.Event()  # set when the supervisor itself cannot go on

    async def start(self) -> None:
        """Start everything; what was started is stopped again if a part fails."""
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            await self._start()
            undo.pop_all()

    async def stop(self) -> None:
        """Stop everything in the opposite order of the start."""
        await self._stack.aclose()

    def address(self) -> dict[str, Any]:
        """Return what the ready line says."""
        companies = [
            {"slug": one.row.slug, "app_origin": one.app_origin, "media_origin": one.media_origin}
            for one in self._companies.values()
        ]
        address = origin(self._ports.scheme, self._settings.address, self._ports.public)
        s3_endpoint = self._store.endpoint_url if self._store is not None else None
        return {**self._ports.as_fields(), "address": address, "companies": companies, "s3_endpoint": s3_endpoint}

    async def _start(self) -> None:
        if self._store is not None:  # first, since it takes longest
            store = self._store
            await self._keep(Kept("store", lambda: start_store(store)))
        self._postgres.prepare()
        await self._keep(Kept("postgres", lambda: start_postgres(self._postgres)))
        self._stack.callback(self._registry.dispose)
        await asyncio.to_thread(self._prepare_databases)
        if self._store is not None:
            self._kept_s3 = await self._keep(Kept("s3", lambda: start_s3(store)))
        self._bell = Bell(self._conninfo, self._due_addresses)
        await self._bell.open()
        self._stack.push_async_callback(self._bell.close)
        self._stack.push_async_callback(self._end_companies)
        await self._keep(Kept("gateway", self._start_gateway))
        self._folder.remember_address(self._ports.scheme, self._ports.public)
        await self._take_up_registry(wait=True)
        await self._keep(Kept("runner", self._start_runner))
        for watch in (self._listen(), self._bell.sweep(), self._watch_store(), self._verifying().keep()):
            self._background(asyncio.create_task(watch))

    async def _keep(self, kept: Kept) -> Kept:
        self._stack.push_async_callback(kept.end)
        await kept.begin()
        return kept

    def _background(self, task: asyncio.Task[None]) -> None:
        async def end() -> None:
            task.cancel()
            await asyncio.wait({task})

        def ended(_: asyncio.Task[None]) -> None:
            if not task.cancelled():
                print(f"supervisor: broken: {task.exception()!r}", file=sys.stderr)
                self.broken.set()

        task.add_done_callback(ended)
        self._stack.push_async_callback(end)

    def _prepare_databases(self) -> None:
        provisioning.prepare_registry(self._server)
        self._conninfo = provisioning.open_doorbell(self._server)
        provisioning.open_registry(self._server, self._registry_password)
        with self._registry.connect() as conn:
            companies = registry.companies(conn)
        for company in companies:
            try:
                provisioning.limit_company(self._server, self._keyring, company)
                provisioning.migrate_company(self._server, self._keyring, company)
            except (psycopg.OperationalError, OperationalError):
                if company.wrapped_server is None:
                    raise
                print(f"supervisor: the server of {company.slug} does not answer; it was not upgraded", file=sys.stderr)

    async def _start_gateway(self) -> Linked:
        birth = {"role": "gateway", "listeners": self._ports.listeners()}
        gateway = await Linked.born("gateway", self._programs.gateway, birth, self._answer_gateway)
        await gateway.ready()
        self._gateway = gateway
        self._push_routes()
        return gateway

    async def _start_runner(self) -> Linked:
        birth = {"role": "runner", "conninfo": self._conninfo, "concurrency": self._settings.jobs}
        return await Linked.born("runner", self._programs.runner, birth, self._answer_runner)

    async def _answer_runner(self, kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start a job process for the company that a ring named."""
        if kind != "job":
            raise IsolationError(f"the runner may not ask for {kind[:40]}")
        if not isinstance(company_id := fields.get("company_id"), str):
            raise BadFrame("a job request names no company")
        company = self._companies.get(CompanyId(company_id))
        outcome = await company.work(job_kind(fields)) if company is not None else "nothing"
        return {"outcome": outcome}

    async def _answer_gateway(self, kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write down whom a company's network policy turned away."""
        if kind != "refused":
            raise IsolationError(f"the gateway may not ask for {kind[:40]}")
        host, sources = fields.get("host"), fields.get("sources")
        if not isinstance(sources, dict) or not all(is_source(name, count) for name, count in sources.items()):
            raise BadFrame("a report names no sources")
        for one in self._companies.values():
            if host in one.routes():
                await RegistrySwitch(self._registry, one.row.id).note_refused(sources)
        return {}

    def _push_routes(self) -> None:
        routes = {host: route for one in self._companies.values() for host, route in one.routes().items()}
        only = [one.row.app_host for one in self._companies.values()]
        if self._gateway is not None and self._knows_companies:
            self._gateway.push("routes", {"routes": routes, "fallback": only[0] if len(only) == 1 else None})

    async def _take_up_registry(self, *, wait: bool = False) -> None:
        """Start what the registry has and we have not, end what it has no more, pass on changes.

        A company whose database is another now, or has other passwords, gets processes that know it.
        """
        rows, found = await asyncio.to_thread(self._read_registry)
        for company_id, company in list(self._companies.items()):
            if company_id not in rows:
                await self._companies.pop(company_id).end(EndReason.SUSPENDED)
                await self._ledgers.pop(company_id).close()
            elif not company.row.has_same_database(rows[company_id]):
                self._ledgers[company_id].move(provisioning.app_url(self._server, self._keyring, rows[company_id]))
                await self._companies.pop(company_id).end(EndReason.RENEWED)
        fresh = []
        for company_id, row in rows.items():
            if company_id not in self._companies:
                self._companies[company_id] = self._open(row)
                fresh.append(self._companies[company_id])
            elif self._companies[company_id].row != row:
                self._companies[company_id].take_up(row, self._secrets(row))
            company, read = self._companies[company_id], found[company_id]
            company.update_network(row.network)
            company.update_certificates(read.certificates)
            links_from = links_from_of(policy_from_fields(row.network))
            bound = {key: replace(one, links_from=links_from) for key, one in read.connections.items()}
            company.update(bound, read.placements)
        await asyncio.gather(*(one.begin(wait=wait) for one in fresh))
        self._knows_companies = True
        self._push_routes()

    def _read_registry(self) -> tuple[dict[CompanyId, Company], dict[CompanyId, _Found]]:
        # One view of companies and connections: a key that is wrapped otherwise is read with the connection it needs.
        with self._registry.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            rows = {row.id: row for row in registry.companies(conn)}
            found = {
                company_id: _Found(
                    registry.connections(conn, company_id),
                    registry.placements(conn, company_id),
                    complete(conn, self._keyring, row) if self._settings.is_tls else {},
                )
                for company_id, row in rows.items()
            }
        return rows, found

    def _open(self, row: Company) -> SupervisedCompany:
        secrets = self._secrets(row)
        settings, ports = self._settings, self._ports
        around = Surroundings(
            self._programs,
            self._folder.run,
            ports.scheme,
            ports.public,
            settings.insecure_no_sandbox,
            settings.media_limits(),
        )

        async def ring(kind: JobKind) -> None:
            if self._bell is not None:
                await self._bell.ring(row.id, kind)

        sessions, switch = CompanySessions(row.slug, *self._identities()), RegistrySwitch(self._registry, row.id)
        url = provisioning.app_url(self._server, self._keyring, row)
        ledger = self._ledgers.setdefault(row.id, Ledger(row.slug, url, self._supervision))
        return SupervisedCompany(row, secrets, sessions, around, ring, switch, ledger)

    def _secrets(self, row: Company) -> CompanySecrets:
        url = provisioning.app_url(self._server, self._keyring, row)
        self._dsns[row.id] = url.set(drivername="postgresql").render_as_string(hide_password=False)
        dsn = url.render_as_string(hide_password=False)

        def open_certificate(kept: KeptCertificate) -> Mapping[str, Any]:
            return tls_fields(self._keyring, row.id, kept)

        if row.key_connection_id is not None:
            return CompanySecrets(dsn, None, open_certificate, provisioning.inner_key(self._keyring, row).hex())
        return CompanySecrets(dsn, provisioning.company_key(self._keyring, row).reveal().hex(), open_certificate)

    def _identities(self) -> tuple[dict[str | None, PlatformIdentity], PlatformIdentity]:
        own = PlatformIdentity(self._settings.platform_access_key_id, self._settings.platform_secret_access_key)
        if self._store is None:
            return {}, own
        key = self._store.platform_credentials
        return {self._store.endpoint_url: PlatformIdentity(key.access_key_id, key.secret_access_key)}, own

    def _verifying(self) -> Verifying:
        folder, canary = self._folder, self._settings.canary_role_arn or ""
        return Verifying(self._programs.verify, folder.path, folder.log / "verify.log", self._identities()[1], canary)

    def _due_addresses(self) -> Sequence[tuple[CompanyId, str]]:
        return [(company_id, self._dsns[company_id]) for company_id in self._companies]

    async def _end_companies(self) -> None:
        companies, self._companies = list(self._companies.values()), {}
        await asyncio.gather(*(one.end(EndReason.STOPPED) for one in companies))
        await asyncio.gather(*(one.close() for one in self._ledgers.values()))

    async def _listen(self) -> None:
        """Take up each change of the registry; after a lost connection look again from the start."""
        while True:
            try:
                reader = registry.DATABASE, provisioning.REGISTRY_ROLE, self._registry_password
                conninfo = self._server.conninfo(*reader)
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True, connect_timeout=5) as conn:
                    await conn.execute(f"LISTEN {REGISTRY_CHANGED_CHANNEL}".encode())
                    await self._take_up_registry()
                    async for _ in conn.notifies():
                        await self._take_up_registry()
            except (psycopg.Error, OperationalError, ReelkeepError) as error:
                print(f"supervisor: the registry could not be read: {type(error).__name__}", file=sys.stderr)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _watch_store(self) -> None:
        """Start the store's S3 server again when a company was added to it."""
        while True:
            await asyncio.sleep(_LOOK_AT_STORE_SECONDS)
            if self._store is not None and self._kept_s3 is not None and self._store.is_outdated():
                await self._kept_s3.restart()
