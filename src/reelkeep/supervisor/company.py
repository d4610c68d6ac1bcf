"""One company in the supervisor: its app and media processes, its jobs, its sessions. Knows no other company.

A connection that goes out of use (revoked, suspended) is cut in this order: every process is told, so that nothing more
is given out; jobs at work there are ended; the media process is ended and another one started, so that what it had in
memory, segments and keys, goes back to the kernel. A company none of whose connections is in use any more has media
processes without its key.

Web processes are forked by the zygote, most of them ahead of time, and end when they are idle; jobs are started by
exec.

Web processes roll over: a successor is born beside each, takes the place of its hand-over socket once it is ready, and
the former one drains (``web.serve``). Until it has ended it is told all that the company's processes are told.

A company whose site is closed has processes in reduced mode, which get no secret but certificates, ask for nothing,
and run no job.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from reelkeep.catalog.processes import EndReason, ProcessKind
from reelkeep.companies.birth import Connections, Placements, seen_fields, storage_fields
from reelkeep.companies.certificates import KeptCertificate
from reelkeep.companies.company_states import Closure
from reelkeep.companies.destinations import database_of, destinations_of, forwarded
from reelkeep.companies.hosts import origin
from reelkeep.companies.registry import Company
from reelkeep.errors import ReelkeepError
from reelkeep.ids import ConnectionId
from reelkeep.jobs.interface import JobKind
from reelkeep.media import MediaLimits
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.refusals import Answer as Seen
from reelkeep.supervisor.answers import CompanyAnswers
from reelkeep.supervisor.company_jobs import CUT_SECONDS, CompanyJobs, Ring
from reelkeep.supervisor.kept import Kept
from reelkeep.supervisor.ledger import Ledger
from reelkeep.supervisor.linked import Linked
from reelkeep.supervisor.requests import seen_of
from reelkeep.supervisor.sessions import CompanySessions
from reelkeep.supervisor.spare import Spare
from reelkeep.supervisor.switch import RegistrySwitch
from reelkeep.supervisor.way_out import WayOut
from reelkeep.supervisor.web_processes import Berths, WebForks, WebLimits, covered, private_bytes

_WEB_ROLES: Final = ("app", "media")
_START_LOOK_SECONDS: Final = 0.1
LONGEST_DRAIN_SECONDS: Final = 150.0  # web.serve.DRAIN_SECONDS, and some to end

_CUT_OFF: Final = frozenset({ConnectionState.REVOKED, ConnectionState.SUSPENDED})


@dataclass(frozen=True)
class CompanySecrets:
    """What the company's processes are born with. ``repr`` tells nothing."""

    dsn: str
    company_key_hex: str | None
    open_certificate: Callable[[KeptCertificate], Mapping[str, Any]]  # with the operator's keyring
    wrapped_company_key_hex: str | None = None  # where the company's own key wraps it, too: in its place

    def __repr__(self) -> str:
        return "CompanySecrets()"


@dataclass(frozen=True)
class Surroundings:
    """What all companies of the installation share."""

    forks: WebForks
    jobs: Spare
    run: Path  # folder of the hand-over sockets
    web: WebLimits
    scheme: str  # of the companies' addresses
    port: int  # in the companies' addresses
    insecure_no_sandbox: bool
    media_limits: MediaLimits
    media_cache_bytes: int
    way_out: WayOut


class SupervisedCompany:
    """Births and keeps the processes of one company, and answers what they ask."""

    def __init__(
        self,
        row: Company,
        secrets: CompanySecrets,
        sessions: CompanySessions,
        around: Surroundings,
        ring: Ring,
        switch: RegistrySwitch,
        ledger: Ledger,
        closure: Closure | None = None,
    ) -> None:
        self.row, self.closure = row, closure
        self._secrets, self._sessions, self._around, self._ledger = secrets, sessions, around, ledger
        self._answers = CompanyAnswers(closure is not None, switch, ring, self._note_seen)
        self._connections: Connections = {}
        self._placements: Placements = {}
        self._network: Mapping[str, Any] | None = row.network
        self._certificates: Mapping[str, KeptCertificate] = {}
        self._web: dict[str, Linked] = {}  # the newest of each role
        self._draining: dict[Linked, str] = {}  # those that have a successor, and their roles
        self._berths = Berths(around.forks, around.run, row.id, secrets.dsn if closure is None else None)
        self._kept = {role: self._keep(role) for role in _WEB_ROLES}
        self._jobs = CompanyJobs(
            row.slug,
            around.jobs,
            sessions,
            ledger,
            birth=self._job_birth,
            answerer=lambda own: self._answers.of("job", own),
            let_out=self._let_out,
            ring=ring,
        )
        self._seen: dict[ConnectionId, Seen] = {}  # by the watch in the media process
        self._media_has_key = True
        self._renewing = {role: asyncio.Lock() for role in _WEB_ROLES}  # one renewal of a process after the other
        self._ending: set[asyncio.Task[None]] = set()
        self._closing = False
        self._list_destinations()

    @property
    def app_origin(self) -> str:
        return origin(self._around.scheme, self.row.app_host, self._around.port)

    @property
    def media_origin(self) -> str:
        return origin(self._around.scheme, self.row.media_host, self._around.port)

    def routes(self) -> dict[str, Mapping[str, Any]]:
        """Return host name to what the gateway is told of it: the hand-over socket and who may come in."""
        return {self._host(role): {"path": self._berths.path(role), "network": self._network} for role in _WEB_ROLES}

    def update_network(self, network: Mapping[str, Any] | None) -> None:
        """Take over from where the company may be reached: its processes close what is open and may not be any more."""
        if network == self._network:
            return
        self._network = network
        for linked in (*self._web.values(), *self._draining):
            linked.push("network", {"network": network})

    def update_certificates(self, kept: Mapping[str, KeptCertificate]) -> None:
        """Take over the certificates of the company's names; each process gets its own name's alone."""
        changed = {host for host, one in kept.items() if self._certificates.get(host) != one}
        self._certificates = dict(kept)
        for role, linked in self._web.items():
            if self._host(role) in changed:
                linked.push("tls", {"tls": self._tls(role)})

    def _tls(self, role: str) -> Mapping[str, Any] | None:
        kept = self._certificates.get(self._host(role))
        return self._secrets.open_certificate(kept) if kept is not None else None

    def _host(self, role: str) -> str:
        return self.row.app_host if role == "app" else self.row.media_host

    def take_up(self, row: Company, secrets: CompanySecrets) -> None:
        """Take over the company's row; if its key is wrapped otherwise now, its next processes open it so."""
        is_wrapped_otherwise = self.closure is None and row.wrapped_company_key != self.row.wrapped_company_key
        self.row, self._secrets = row, secrets
        self._list_destinations()
        if is_wrapped_otherwise and not self._closing:
            self._later(self._restart("media", EndReason.RENEWED))

    def update(self, connections: Connections, placements: Placements) -> None:
        """Take over the company's storage from the registry; its processes are told if it changed."""
        if self.closure is not None or (connections, placements) == (self._connections, self._placements):
            return
        stopped = _in_use(self._connections) - _in_use(connections)
        self._connections, self._placements = connections, placements
        self._sessions.update(connections)
        self._list_destinations()
        keyless = self._web.get("media") if not self._media_has_key and not self._is_cut_off else None
        for linked in (*self._web.values(), *self._draining, *self._jobs):
            if linked is not keyless:  # it cannot serve what is in use again; its successor can
                linked.push("storage", storage_fields(connections, placements))
        for job in self._jobs.at_work_with(stopped):
            self._ledger.expect(job.child, EndReason.CUT_OFF)
            self._later(job.stop(seconds=CUT_SECONDS))
        if stopped:
            self._end_draining("media", EndReason.CUT_OFF)  # it holds segments and keys
        if (stopped or keyless) and not self._closing:
            self._later(self._restart("media", EndReason.CUT_OFF if stopped else EndReason.RENEWED))

    @property
    def _is_cut_off(self) -> bool:
        states = {connection.state for connection in self._connections.values()}
        return bool(states & _CUT_OFF) and ConnectionState.ACTIVE not in states

    async def _restart(self, role: str, why: EndReason) -> None:
        """Start a web process anew; one after the other, since each has to see the newest state."""
        async with self._renewing[role]:
            kept = await self._settled(role)
            if not self._closing:
                if (linked := self._web.get(role)) is not None:
                    self._ledger.expect(linked.child, why)
                await kept.restart()

    async def _settled(self, role: str) -> Kept:
        """Wait until a web process runs or rests: one that starts just now does so with what was known before."""
        kept = self._kept[role]
        while not (self._closing or kept.is_running or kept.is_resting):
            await asyncio.sleep(_START_LOOK_SECONDS)
        return kept

    async def roll_over(self) -> None:
        """Have every web process make place for a successor, and return when these serve.

        No request is dropped. The former ones drain, and jobs end by themselves. One whose successor does not become
        ready stays, and one that rests has a successor anyhow.
        """
        if not self._closing:
            await asyncio.wait([self._later(self._roll_over(role)) for role in _WEB_ROLES])

    async def _roll_over(self, role: str) -> None:
        async with self._renewing[role]:
            kept = await self._settled(role)
            if self._closing:
                return
            try:
                former = await kept.roll_over()
            except ReelkeepError as error:
                print(f"supervisor: {kept.name} did not roll over: {error.message}", file=sys.stderr)
                return
        if isinstance(former, Linked):
            self._later(self._drain(former))

    async def _drain(self, former: Linked) -> None:
        """Let a process that has a successor come to its end; it is killed if it does not know when to stop."""
        self._ledger.expect(former.child, EndReason.UPGRADED)
        former.push("drain", {})
        try:
            async with asyncio.timeout(LONGEST_DRAIN_SECONDS):
                await former.ended()
        except TimeoutError:
            await former.stop()
        finally:
            self._draining.pop(former, None)

    def _end_draining(self, role: str, why: EndReason) -> None:
        for linked, whose in self._draining.items():
            if whose == role:
                self._ledger.expect(linked.child, why)
                self._later(linked.stop(seconds=CUT_SECONDS))

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def begin(self, *, wait: bool) -> None:
        """Start the company's web processes; with ``wait``, return when they take connections or failed once."""
        if wait:
            await asyncio.gather(*(kept.begin(needed=False) for kept in self._kept.values()))
        else:
            for kept in self._kept.values():
                kept.begin_later()

    async def end(self, reason: EndReason) -> None:
        """End the company's jobs and web processes; ``reason`` goes into its ledger."""
        self._closing = True
        self._jobs.close(reason)
        ending = list(self._ending)
        for task in ending:
            task.cancel()
        others = [*self._jobs, *self._draining]
        for linked in (*self._web.values(), *others):
            self._ledger.expect(linked.child, reason)
        await asyncio.gather(*(one.stop() for one in others), *(kept.end() for kept in self._kept.values()))
        await asyncio.gather(*ending, return_exceptions=True)  # a successor that was just being started is killed
        self._around.way_out.forget(self.row.id)
        self._berths.close()
        self._sessions.close()

    def end_large(self) -> None:
        """End web processes that have more memory than they may; others take their place."""
        for role, linked in self._web.items():
            if self._renewing[role].locked() or not self._kept[role].is_running:
                continue
            if private_bytes(linked.child.pid) > self._around.web.max_bytes:
                self._later(self._restart(role, EndReason.MEMORY))

    async def work(self, kind: JobKind) -> str:
        """Do as ``CompanyJobs.work``; a closed site has nothing to do."""
        return await self._jobs.work(kind) if self.closure is None else "nothing"

    def _job_birth(self, kind: JobKind) -> dict[str, Any]:
        is_open = self._around.insecure_no_sandbox
        return {
            **self._birth("job"),
            "job_kind": kind.value,
            "media_limits": asdict(self._around.media_limits),
            "insecure_no_sandbox": is_open,
            "covered": [] if is_open else [str(path) for path in covered(self._around.run)],
        }

    def _keep(self, role: str) -> Kept:
        return Kept(f"{self.row.slug} {role}", self._starter(role), lambda: self._berths.needed(role))

    def _starter(self, role: str) -> Callable[[], Awaitable[Linked]]:
        async def start() -> Linked:
            former = self._web.get(role)
            is_successor = former is not None and former.child.returncode is None
            answerer = self._answers.of(role, self._sessions.of_process(role))

            async def answer(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
                if kind != "idle":
                    return await answerer(kind, fields)
                self._let_rest(role, linked)
                return {}

            unborn = await self._berths.unborn(role, self._kind(role).value, beside=is_successor)
            linked = await Linked.of(unborn, lambda: self._web_birth(role), answer)
            self._let_out(linked)
            self._ledger.follow(self._kind(role), linked.child)
            self._web[role] = linked
            if former is None or not is_successor:
                await linked.ready()
            else:
                await self._succeed(role, former, linked)
            self._push_seen()
            return linked

        return start

    def _kind(self, role: str) -> ProcessKind:
        return ProcessKind.CLOSED if self.closure is not None else ProcessKind(role)

    def _web_birth(self, role: str) -> dict[str, Any]:
        """Return what a web process begins with; what the one before it saw of the storage is forgotten."""
        serving = {"network": self._network, "tls": self._tls(role), "idle_seconds": self._around.web.idle_seconds}
        if self.closure is not None:
            return {"role": role, "company": {"slug": self.row.slug}, "closure": asdict(self.closure), **serving}
        birth = {**self._birth(role), **serving}
        if role == "media":
            birth["cache_bytes"] = self._around.media_cache_bytes
            self._media_has_key = bool(birth["company_key"] or birth["wrapped_company_key"])
            self._seen.clear()
            self._push_seen()
        return birth

    async def _succeed(self, role: str, former: Linked, linked: Linked) -> None:
        """Let a process take the place of one that runs, once it is ready; if it is not, all stays as it was."""
        self._draining[former] = role
        try:
            await linked.ready()
            self._berths.succeed(role)
        except BaseException:
            self._web[role] = former
            del self._draining[former]
            raise

    def _let_out(self, linked: Linked) -> None:
        """Open the one way out of a process without a network; with --insecure-no-sandbox it has the machine's."""
        if linked.brought:
            self._around.way_out.open(self.row.id, linked)

    def _list_destinations(self) -> None:
        """Have the company's processes reach its storage and its database, and those of a closed site nothing."""
        if self.closure is not None:
            return self._around.way_out.allow(self.row.id, (), None)
        dsn = self._secrets.dsn
        self._around.way_out.allow(self.row.id, destinations_of(self._connections.values(), dsn), database_of(dsn))
        return None

    def _birth(self, role: str) -> dict[str, Any]:
        row = self.row
        company = {"id": row.id, "slug": row.slug, "name": row.name}
        is_keyless = role == "app" or self._is_cut_off
        return {
            "role": role,
            "company": {**company, "app_origin": self.app_origin, "media_origin": self.media_origin},
            "dsn": self._secrets.dsn if self._around.insecure_no_sandbox else forwarded(self._secrets.dsn),
            "company_key": None if is_keyless else self._secrets.company_key_hex,
            "wrapped_company_key": None if is_keyless else self._secrets.wrapped_company_key_hex,
            **storage_fields(self._connections, self._placements),
        }

    def _let_rest(self, role: str, linked: Linked) -> None:
        """A process has stopped taking connections and ends: the next one that comes starts another.

        One that has a successor, or gets one just now, ends without more ado.
        """
        if self._closing or self._renewing[role].locked() or self._web[role] is not linked:
            return
        if self._kept[role].is_running and not self._kept[role].is_resting:
            self._ledger.expect(linked.child, EndReason.IDLE)
            self._berths.hold(role)
            self._kept[role].let_rest()

    def _note_seen(self, connection_id: ConnectionId, answer: object) -> None:
        if answer is None:
            self._seen.pop(connection_id, None)
        elif connection_id in self._connections:
            self._seen[connection_id] = seen_of(answer)
        self._push_seen()

    def _push_seen(self) -> None:
        if (app := self._web.get("app")) is not None and self.closure is None:
            app.push("seen", seen_fields(self._seen))


def _in_use(connections: Connections) -> set[ConnectionId]:
    return {one.id for one in connections.values() if one.state is ConnectionState.ACTIVE}
