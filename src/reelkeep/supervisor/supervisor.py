"""Starts every process of the installation in order, keeps them there, and stops them in the opposite order.

Up: zygote, object store, PostgreSQL, registry and migrations, the store's S3 server, gateway, the companies' processes,
runner.
One thread runs the loop and starts all children, since the kernel's death signal follows the thread; STS and set-up
calls run in others.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy.exc import OperationalError

from reelkeep.catalog.migrations import MIGRATIONS, OLDEST_SERVED
from reelkeep.catalog.processes import EndReason, Supervision
from reelkeep.companies import provisioning
from reelkeep.companies.certificates import KeptCertificate, tls_fields
from reelkeep.companies.company_states import Closure, CompanyState, closure_of
from reelkeep.companies.connections import max_connections
from reelkeep.companies.hosts import origin
from reelkeep.companies.network_policy import links_from_of, policy_from_fields
from reelkeep.companies.refused import is_source
from reelkeep.companies.registry import Company
from reelkeep.companies.tables import REGISTRY_CHANGED_CHANNEL
from reelkeep.errors import IsolationError, ReelkeepError
from reelkeep.ids import CompanyId, new_id
from reelkeep.isolation.channel import BadFrame
from reelkeep.isolation.nameless_log import told
from reelkeep.jobs.interface import JobKind
from reelkeep.settings import Settings
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.bell import Bell
from reelkeep.supervisor.company import CompanySecrets, SupervisedCompany, Surroundings
from reelkeep.supervisor.databases import Databases
from reelkeep.supervisor.folder import DataFolder
from reelkeep.supervisor.kept import Kept
from reelkeep.supervisor.ledger import Ledger
from reelkeep.supervisor.linked import Linked
from reelkeep.supervisor.ports import GatewayPorts
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.refused_exits import RefusedExits, is_refusal
from reelkeep.supervisor.requests import job_kind
from reelkeep.supervisor.schedule import scheduled
from reelkeep.supervisor.services import start_postgres, start_s3, start_store
from reelkeep.supervisor.sessions import CompanySessions
from reelkeep.supervisor.spare import Spare
from reelkeep.supervisor.strays import reap_strays
from reelkeep.supervisor.switch import RegistrySwitch
from reelkeep.supervisor.unborn import Unborn, executed
from reelkeep.supervisor.way_out import SOCKETS, WayOut
from reelkeep.supervisor.web_processes import WebForks, WebLimits
from reelkeep.supervisor.zygote import Zygote

LOOK_AGAIN_SECONDS: Final = 1.0
NEXT_JOB_SECONDS: Final = 15.0  # its imports do not take the processors from the last one's first picture
ROLL_OVERS: Final = 4  # companies at a time: each has twice its processes meanwhile
_LOOK_AT_STORE_SECONDS: Final = 0.1
_LOOK_AT_MEMORY_SECONDS: Final = 2.0


def _closure(row: Company) -> Closure | None:
    return closure_of(CompanyState(row.state), row.schema, MIGRATIONS, OLDEST_SERVED)


class Supervisor:
    """The installation while it runs."""

    def __init__(self, folder: DataFolder, settings: Settings, programs: Programs) -> None:
        self._folder, self._settings, self._programs = folder, settings, programs
        self._postgres = folder.postgres(connections=max_connections(settings.active_companies, settings.jobs))
        self._server, self._keyring = folder.server(), folder.keyring()
        self._store = folder.store() if settings.s3_embedded else None
        self._databases = Databases(self._server, self._keyring)
        self._supervision = Supervision(socket.gethostname(), folder.host_id(), new_id())
        self._companies: dict[CompanyId, SupervisedCompany] = {}
        self._ledgers: dict[CompanyId, Ledger] = {}
        self._refused_exits: dict[CompanyId, RefusedExits] = {}
        self._dsns: dict[CompanyId, str] = {}
        self._to_roll_over: asyncio.Queue[CompanyId] = asyncio.Queue()
        self._gateway: Linked | None = None
        self._way_out = WayOut()
        self._knows_companies = False  # until then the gateway answers that we are starting
        self._ports = GatewayPorts.of(settings, folder.config().port)
        self._bell: Bell | None = None
        self._conninfo = ""
        self._stack = contextlib.AsyncExitStack()
        self._kept_s3: Kept | None = None
        self._insecure = {"insecure_no_sandbox": settings.insecure_no_sandbox}
        insecure = ["--insecure-no-sandbox"] if settings.insecure_no_sandbox else []
        self._zygote = Zygote([*programs.zygote, *insecure], settings.zygote_forks, settings.uids())
        is_open = settings.insecure_no_sandbox
        brings = 0 if is_open else SOCKETS
        self._web = WebLimits(settings.idle_seconds, settings.max_process_bytes)
        self._forks = WebForks(self._zygote, folder.run, self._web, brings=brings)
        job = executed("job", [*programs.job, *([*insecure, "--open-network"] if is_open else [])])
        self._jobs = Spare("job process", lambda: Unborn.started(job, brings=brings), NEXT_JOB_SECONDS)
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
            if one.closure is None
        ]
        address = origin(self._ports.scheme, self._settings.address, self._ports.public)
        s3_endpoint = self._store.endpoint_url if self._store is not None else None
        return {**self._ports.as_fields(), "address": address, "companies": companies, "s3_endpoint": s3_endpoint}

    async def _start(self) -> None:
        self._zygote.begin_later()  # whoever wants a process forked waits for it
        self._stack.push_async_callback(self._zygote.end)
        if self._store is not None:  # first, since it takes longest
            store = self._store
            await self._keep(Kept("store", lambda: start_store(store)))
        self._postgres.prepare()
        await self._keep(Kept("postgres", lambda: start_postgres(self._postgres)))
        self._stack.callback(self._databases.registry.dispose)
        self._conninfo = await asyncio.to_thread(self._databases.prepare)
        if self._store is not None:
            self._kept_s3 = await self._keep(Kept("s3", lambda: start_s3(store)))
        self._bell = Bell(self._conninfo, self._due_addresses)
        await self._bell.open()
        self._stack.push_async_callback(self._bell.close)
        self._stack.push_async_callback(self._end_companies)
        self._stack.callback(self._way_out.detach)
        await self._keep(Kept("egress", self._start_egress))
        await self._keep(Kept("gateway", self._start_gateway))
        self._folder.remember_address(self._ports.scheme, self._ports.public)
        await self._take_up_registry(wait=True)
        self._jobs.begin_later()
        self._stack.push_async_callback(self._jobs.end)
        self._forks.begin_later(self._server.host if isinstance(self._server.host, Path) else None)
        self._stack.push_async_callback(self._forks.end)
        await self._keep(Kept("runner", self._start_runner))
        watches = [self._listen(), self._bell.sweep(), self._watch_store(), self._watch_memory(), reap_strays()]
        watches += [self._databases.upgrade_later(), self._roll_over_later()]
        watches += scheduled(self._settings, self._programs, self._folder, self._identities()[1])
        for watch in watches:
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
                print(f"supervisor: broken: {told(task.exception())}", file=sys.stderr)
                self.broken.set()

        task.add_done_callback(ended)
        self._stack.push_async_callback(end)

    async def _roll_over_later(self) -> None:
        """Have companies' processes make place for successors, from a zygote that has what is installed now.

        Companies that come while others roll over share the next zygote.
        """
        while True:
            waiting = [await self._to_roll_over.get()]
            while not self._to_roll_over.empty():
                waiting.append(self._to_roll_over.get_nowait())
            await self._jobs.renew()
            if await self._zygote.renew():
                await self._forks.renew()
                places = asyncio.Semaphore(ROLL_OVERS)
                await asyncio.gather(*(self._roll_over(company_id, places) for company_id in waiting))

    async def _roll_over(self, company_id: CompanyId, places: asyncio.Semaphore) -> None:
        async with places:
            if (company := self._companies.get(company_id)) is not None:
                await company.roll_over()

    async def _start_gateway(self) -> Linked:
        birth = {"role": "gateway", "listeners": self._ports.listeners(), **self._insecure}
        gateway = await Linked.born("gateway", self._programs.gateway, birth, self._answer_gateway)
        await gateway.ready()
        self._gateway = gateway
        self._push_routes()
        return gateway

    async def _start_egress(self) -> Linked:
        birth = {"role": "egress", "networks": self._settings.egress_networks(), **self._insecure}
        egress = await Linked.born("egress", self._programs.egress, birth, self._answer_egress, brings=1)
        self._way_out.attach(*egress.brought)
        await egress.ready()
        return egress

    async def _start_runner(self) -> Linked:
        birth = {"role": "runner", "conninfo": self._conninfo, "concurrency": self._settings.jobs, **self._insecure}
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
                await RegistrySwitch(self._databases.registry, one.row.id).note_refused(sources)
        return {}

    async def _answer_egress(self, kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write down what a company's processes were refused, in that company's own audit record."""
        if kind != "refused":
            raise IsolationError(f"the egress process may not ask for {kind[:40]}")
        company_id, counts = fields.get("company_id"), fields.get("destinations")
        if not isinstance(company_id, str) or not isinstance(counts, dict):
            raise BadFrame("a report names no company")
        if not all(is_refusal(name, count) for name, count in counts.items()):
            raise BadFrame("a report names no destinations")
        if (exits := self._refused_exits.get(CompanyId(company_id))) is not None:
            exits.note(counts)
        return {}

    def _push_routes(self) -> None:
        routes = {host: route for one in self._companies.values() for host, route in one.routes().items()}
        only = [one.row.app_host for one in self._companies.values() if one.closure is None]
        if self._gateway is not None and self._knows_companies:
            self._gateway.push("routes", {"routes": routes, "fallback": only[0] if len(only) == 1 else None})

    async def _take_up_registry(self, *, wait: bool = False) -> None:
        """Start what the registry has and we have not, end what it has no more, pass on changes.

        A company whose database is another now, or has other passwords, gets processes that know it, one whose site is
        closed or open now, those that fit.
        """
        found = await asyncio.to_thread(self._databases.read, with_certificates=self._settings.is_tls)
        rows = {company_id: one.row for company_id, one in found.items()}
        for company_id, company in list(self._companies.items()):
            if company_id not in rows:
                await self._companies.pop(company_id).end(EndReason.SUSPENDED)
                self._refused_exits.pop(company_id).end()
                await self._ledgers.pop(company_id).close()
            elif not company.row.has_same_database(rows[company_id]) or company.closure != _closure(rows[company_id]):
                is_off = rows[company_id].state != company.row.state and rows[company_id].state != "active"
                self._ledgers[company_id].move(provisioning.app_url(self._server, self._keyring, rows[company_id]))
                await self._companies.pop(company_id).end(EndReason.SUSPENDED if is_off else EndReason.RENEWED)
        fresh = []
        for company_id, row in rows.items():
            if company_id not in self._companies:
                self._companies[company_id] = self._open(row)
                fresh.append(self._companies[company_id])
            elif (former := self._companies[company_id].row) != row:
                self._companies[company_id].take_up(row, self._secrets(row))
                if former.roll_overs != row.roll_overs:
                    self._to_roll_over.put_nowait(company_id)
            company, read = self._companies[company_id], found[company_id]
            company.update_network(row.network)
            company.update_certificates(read.certificates)
            policy, known = policy_from_fields(row.network), read.connections
            bound = {key: replace(one, links_from=links_from_of(policy, one.private)) for key, one in known.items()}
            company.update(bound, read.placements)
        await asyncio.gather(*(one.begin(wait=wait) for one in fresh))
        self._knows_companies = True
        self._push_routes()

    def _open(self, row: Company) -> SupervisedCompany:
        secrets = self._secrets(row)
        settings, ports = self._settings, self._ports
        around = Surroundings(
            self._forks,
            self._jobs,
            self._folder.run,
            self._web,
            ports.scheme,
            ports.public,
            settings.insecure_no_sandbox,
            settings.media_limits(),
            settings.media_cache_bytes,
            self._way_out,
        )

        async def ring(kind: JobKind) -> None:
            if self._bell is not None:
                await self._bell.ring(row.id, kind)

        sessions = CompanySessions(row.slug, *self._identities())
        switch = RegistrySwitch(self._databases.registry, row.id)
        url = provisioning.app_url(self._server, self._keyring, row)
        ledger = self._ledgers.setdefault(row.id, Ledger(row.slug, url, self._supervision))
        self._refused_exits.setdefault(row.id, RefusedExits(row.slug, lambda: ledger.url))
        return SupervisedCompany(row, secrets, sessions, around, ring, switch, ledger, _closure(row))

    def _secrets(self, row: Company) -> CompanySecrets:
        def open_certificate(kept: KeptCertificate) -> Mapping[str, Any]:
            return tls_fields(self._keyring, row.id, kept)

        if _closure(row) is not None:
            return CompanySecrets("", None, open_certificate)
        url = provisioning.app_url(self._server, self._keyring, row)
        self._dsns[row.id] = url.set(drivername="postgresql").render_as_string(hide_password=False)
        dsn = url.render_as_string(hide_password=False)
        if row.key_connection_id is not None:
            return CompanySecrets(dsn, None, open_certificate, provisioning.inner_key(self._keyring, row).hex())
        return CompanySecrets(dsn, provisioning.company_key(self._keyring, row).reveal().hex(), open_certificate)

    def _identities(self) -> tuple[dict[str | None, PlatformIdentity], PlatformIdentity]:
        own = PlatformIdentity(self._settings.platform_access_key_id, self._settings.platform_secret_access_key)
        if self._store is None:
            return {}, own
        key = self._store.platform_credentials
        return {self._store.endpoint_url: PlatformIdentity(key.access_key_id, key.secret_access_key)}, own

    def _due_addresses(self) -> Sequence[tuple[CompanyId, str]]:
        return [(found, self._dsns[found]) for found, one in self._companies.items() if one.closure is None]

    async def _end_companies(self) -> None:
        companies, self._companies = list(self._companies.values()), {}
        await asyncio.gather(*(one.end(EndReason.STOPPED) for one in companies))
        for exits in self._refused_exits.values():
            exits.end()
        await asyncio.gather(*(one.close() for one in self._ledgers.values()))

    async def _listen(self) -> None:
        """Take up each change of the registry; after a lost connection look again from the start."""
        while True:
            try:
                listening = psycopg.AsyncConnection.connect(
                    self._databases.conninfo, autocommit=True, connect_timeout=5
                )
                async with await listening as conn:
                    await conn.execute(f"LISTEN {REGISTRY_CHANGED_CHANNEL}".encode())
                    await self._take_up_registry()
                    async for _ in conn.notifies():
                        await self._take_up_registry()
            except (psycopg.Error, OperationalError, ReelkeepError) as error:
                print(f"supervisor: the registry could not be read: {type(error).__name__}", file=sys.stderr)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_MEMORY_SECONDS)
            for company in self._companies.values():
                company.end_large()

    async def _watch_store(self) -> None:
        """Start the store's S3 server again when a company was added to it."""
        while True:
            await asyncio.sleep(_LOOK_AT_STORE_SECONDS)
            if self._store is not None and self._kept_s3 is not None and self._store.is_outdated():
                await self._kept_s3.restart()
