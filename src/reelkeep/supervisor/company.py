"""One company in the supervisor: its app and media processes, its jobs, its sessions. Knows no other company.

A connection that goes out of use (revoked, suspended) is cut in this order: every process is told, so that nothing more
is given out; jobs at work there are ended; the media process is ended and another one started, so that what it had in
memory, segments and keys, goes back to the kernel. A company none of whose connections is in use any more has media
processes without its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from reelkeep.catalog.processes import EndReason, ProcessKind
from reelkeep.companies.birth import Connections, Placements, seen_fields, storage_fields
from reelkeep.companies.certificates import KeptCertificate
from reelkeep.companies.hosts import origin
from reelkeep.companies.network_policy import NetworkPolicy, policy_from_fields
from reelkeep.companies.onboarding_steps import Note
from reelkeep.companies.registry import Company
from reelkeep.errors import IsolationError
from reelkeep.ids import ConnectionId
from reelkeep.isolation.channel import BadFrame
from reelkeep.jobs.interface import JobKind
from reelkeep.media import MediaLimits
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.refusals import Answer as Seen
from reelkeep.supervisor.kept import Kept
from reelkeep.supervisor.ledger import Ledger
from reelkeep.supervisor.linked import Answer, Linked
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.sessions import CompanySessions, ProcessSessions

JOB_WORKED, JOB_FOUND_NOTHING = 0, 3  # exit statuses of runner.job_process
_OUTCOMES: Final = {JOB_WORKED: "worked", JOB_FOUND_NOTHING: "nothing"}
_JOB_ENDS: Final = {JOB_WORKED: EndReason.DONE, JOB_FOUND_NOTHING: EndReason.NOTHING}
MAX_DEATHS: Final = 3  # in a row that are answered at once; then the sweep finds the job, 20 seconds later at most
_WEB_ROLES: Final = ("app", "media")
_START_LOOK_SECONDS: Final = 0.1
_CUT_SECONDS: Final = 2.0  # for a job whose connection was cut; one that is killed is taken up again like any other

Ring = Callable[[JobKind], Awaitable[None]]
_CUT_OFF: Final = frozenset({ConnectionState.REVOKED, ConnectionState.SUSPENDED})


class Switch(Protocol):
    """What a company's processes may ask of the registry: the state of its own connections, and its onboarding."""

    async def revoke(self, connection_id: ConnectionId, by: Revocation) -> bool:
        """Note that a connection refuses; return False if it was not in use."""

    async def resume(self, connection_id: ConnectionId) -> None:
        """Put a revoked connection into use again; raise Conflict or NotFound, with nothing changed."""

    async def onboarding(self) -> Mapping[str, Any]:
        """Return what the registry knows of the company's onboarding: ``companies.onboarding.Known`` as JSON."""

    async def network(self) -> Mapping[str, Any]:
        """Return the company's network policy and whom it turned away, as JSON."""

    async def set_network(self, policy: NetworkPolicy | None) -> None:
        """Close the company's site to all but these, or open it to everybody."""

    async def note_step(self, given: Note) -> None:
        """Note what is so of a step of the onboarding; raise Forbidden for one that is not for the company to note."""


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

    programs: Programs
    run: Path  # folder of the hand-over sockets
    scheme: str  # of the companies' addresses
    port: int  # in the companies' addresses
    insecure_no_sandbox: bool
    media_limits: MediaLimits


class SupervisedCompany:
    """Births and keeps the processes of one company, and answers what they ask."""

    def __init__(
        self,
        row: Company,
        secrets: CompanySecrets,
        sessions: CompanySessions,
        around: Surroundings,
        ring: Ring,
        switch: Switch,
        ledger: Ledger,
    ) -> None:
        self.row = row
        self._secrets, self._sessions, self._around, self._ring = secrets, sessions, around, ring
        self._switch, self._ledger = switch, ledger
        self._connections: Connections = {}
        self._placements: Placements = {}
        self._network: Mapping[str, Any] | None = row.network
        self._certificates: Mapping[str, KeptCertificate] = {}
        self._web: dict[str, Linked] = {}
        self._kept = {role: Kept(f"{row.slug} {role}", self._starter(role)) for role in _WEB_ROLES}
        self._jobs: dict[Linked, ProcessSessions] = {}
        self._seen: dict[ConnectionId, Seen] = {}  # by the watch in the media process
        self._media_has_key = True
        self._renewing: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._working: set[asyncio.Task[str]] = set()
        self._deaths = 0  # of job processes, in a row
        self._closing = False

    @property
    def app_origin(self) -> str:
        return origin(self._around.scheme, self.row.app_host, self._around.port)

    @property
    def media_origin(self) -> str:
        return origin(self._around.scheme, self.row.media_host, self._around.port)

    def routes(self) -> dict[str, Mapping[str, Any]]:
        """Return host name to what the gateway is told of it: the hand-over socket and who may come in."""
        return {self._host(role): {"path": self._path(role), "network": self._network} for role in _WEB_ROLES}

    def update_network(self, network: Mapping[str, Any] | None) -> None:
        """Take over from where the company may be reached: its processes close what is open and may not be any more."""
        if network == self._network:
            return
        self._network = network
        for linked in self._web.values():
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
        is_wrapped_otherwise = row.wrapped_company_key != self.row.wrapped_company_key
        self.row, self._secrets = row, secrets
        if is_wrapped_otherwise and not self._closing:
            self._later(self._renew_media(EndReason.RENEWED))

    def update(self, connections: Connections, placements: Placements) -> None:
        """Take over the company's storage from the registry; its processes are told if it changed."""
        if (connections, placements) == (self._connections, self._placements):
            return
        stopped = _in_use(self._connections) - _in_use(connections)
        self._connections, self._placements = connections, placements
        self._sessions.update(connections)
        keyless = self._web.get("media") if not self._media_has_key and not self._is_cut_off else None
        for linked in (*self._web.values(), *self._jobs):
            if linked is not keyless:  # it cannot serve what is in use again; its successor can
                linked.push("storage", storage_fields(connections, placements))
        for job, sessions in self._jobs.items():
            if sessions.connection_id in stopped:
                self._ledger.expect(job.child, EndReason.CUT_OFF)
                self._later(job.stop(seconds=_CUT_SECONDS))
        if (stopped or keyless) and not self._closing:
            self._later(self._renew_media(EndReason.CUT_OFF if stopped else EndReason.RENEWED))

    @property
    def _is_cut_off(self) -> bool:
        states = {connection.state for connection in self._connections.values()}
        return bool(states & _CUT_OFF) and ConnectionState.ACTIVE not in states

    async def _renew_media(self, why: EndReason) -> None:
        """Start the media process anew; one after the other, since each has to see the newest state."""
        before = self._renewing
        self._renewing = asyncio.current_task()
        if before is not None:
            await asyncio.wait({before})
        media = self._kept["media"]
        while not self._closing and not media.is_running:  # it starts just now, with what it knew before
            await asyncio.sleep(_START_LOOK_SECONDS)
        if not self._closing:
            if (linked := self._web.get("media")) is not None:
                self._ledger.expect(linked.child, why)
            await media.restart()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

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
        for task in self._ending:
            task.cancel()
        jobs = list(self._jobs)
        for linked in (*self._web.values(), *jobs):
            self._ledger.expect(linked.child, reason)
        await asyncio.gather(*(job.stop() for job in jobs), *(kept.end() for kept in self._kept.values()))
        self._sessions.close()

    async def work(self, kind: JobKind) -> str:
        """Run a fresh job process to its end; return "worked", "nothing" or "died".

        The process lives on if nobody waits any more, because the runner was killed, and what follows it does too.
        """
        working = asyncio.create_task(self._work(kind))
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        return await asyncio.shield(working)

    async def _work(self, kind: JobKind) -> str:
        if self._closing:
            return "died"
        outcome = await self._run_job(kind)
        self._deaths = self._deaths + 1 if outcome == "died" else 0
        if not self._closing and (outcome == "worked" or 0 < self._deaths <= MAX_DEATHS):
            await self._ring(kind)  # there may be another job, or the same one, whose process was killed
        return outcome

    async def _run_job(self, kind: JobKind) -> str:
        around = self._around
        birth = {
            **self._birth("job"), "job_kind": kind.value, "insecure_no_sandbox": around.insecure_no_sandbox,
            "media_limits": asdict(around.media_limits),
        }  # fmt: skip
        sessions = self._sessions.of_process("job")
        answerer = self._answerer("job", sessions)
        job = await Linked.born(f"{self.row.slug} job", self._around.programs.job, birth, answerer)
        self._ledger.follow(ProcessKind.JOB, job.child, lambda status: _JOB_ENDS.get(status, EndReason.FAILED))
        self._jobs[job] = sessions
        try:
            return _OUTCOMES.get(await job.ended(), "died")
        finally:
            del self._jobs[job]

    def _starter(self, role: str) -> Callable[[], Awaitable[Linked]]:
        async def start() -> Linked:
            program = self._around.programs.app if role == "app" else self._around.programs.media
            serving = {"handover_path": self._path(role), "network": self._network, "tls": self._tls(role)}
            birth = {**self._birth(role), **serving}
            if role == "media":
                self._media_has_key = bool(birth["company_key"] or birth["wrapped_company_key"])
                self._seen.clear()
                self._push_seen()
            answerer = self._answerer(role, self._sessions.of_process(role))
            linked = await Linked.born(f"{self.row.slug} {role}", program, birth, answerer)
            self._ledger.follow(ProcessKind(role), linked.child)
            self._web[role] = linked
            await linked.ready()
            self._push_seen()
            return linked

        return start

    def _birth(self, role: str) -> dict[str, Any]:
        row = self.row
        company = {"id": row.id, "slug": row.slug, "name": row.name}
        is_keyless = role == "app" or self._is_cut_off
        return {
            "role": role,
            "company": {**company, "app_origin": self.app_origin, "media_origin": self.media_origin},
            "dsn": self._secrets.dsn,
            "company_key": None if is_keyless else self._secrets.company_key_hex,
            "wrapped_company_key": None if is_keyless else self._secrets.wrapped_company_key_hex,
            **storage_fields(self._connections, self._placements),
        }

    def _answerer(self, role: str, sessions: ProcessSessions) -> Answer:
        async def answer(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
            if kind == "session":
                return await sessions.answer(fields)
            if kind == "ring":
                await self._ring(job_kind(fields))
                return {}
            if kind == "refused":
                return {"revoked": await self._switch.revoke(connection_id_of(fields), _revocation(fields))}
            if kind == "seen" and role == "media":
                self._note_seen(connection_id_of(fields), fields.get("answer"))
                return {}
            if kind == "resume" and role == "app":
                await self._switch.resume(connection_id_of(fields))
                return {}
            if kind == "onboarding" and role == "app":
                return await self._switch.onboarding()
            if kind == "network" and role == "app":
                return await self._switch.network()
            if kind == "set_network" and role == "app":
                await self._switch.set_network(_policy(fields.get("network")))
                return {}
            if kind == "note_step" and role == "app":
                await self._switch.note_step(Note.of(fields))
                return {}
            raise IsolationError(f"a process of role {role} may not ask for {kind[:40]}")

        return answer

    def _note_seen(self, connection_id: ConnectionId, answer: object) -> None:
        if answer is None:
            self._seen.pop(connection_id, None)
        elif connection_id in self._connections:
            self._seen[connection_id] = _seen(answer)
        self._push_seen()

    def _push_seen(self) -> None:
        if (app := self._web.get("app")) is not None:
            app.push("seen", seen_fields(self._seen))

    def _path(self, role: str) -> str:
        return str(self._around.run / f"{self.row.id}-{role}")


def _in_use(connections: Connections) -> set[ConnectionId]:
    return {one.id for one in connections.values() if one.state is ConnectionState.ACTIVE}


def connection_id_of(fields: Mapping[str, Any]) -> ConnectionId:
    """Return the connection that a request names; raise BadFrame if it names none."""
    if not isinstance(found := fields.get("connection_id"), str):
        raise BadFrame("a request names no connection")
    return ConnectionId(found)


def _revocation(fields: Mapping[str, Any]) -> Revocation:
    try:
        return Revocation(fields.get("by"))
    except ValueError:
        raise BadFrame("a request names nothing that can refuse") from None


def _policy(fields: object) -> NetworkPolicy | None:
    """Return the network policy that a request asks for; raise BadFrame or RequestError if it is none."""
    if fields is None:
        return None
    lists = [fields.get(name) for name in ("networks", "endpoints")] if isinstance(fields, dict) else [None]
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists):
        raise BadFrame("a request holds no network policy")
    return policy_from_fields(fields)  # type: ignore[arg-type]


def _seen(answer: object) -> Seen:
    try:
        return Seen(answer)
    except ValueError:
        raise BadFrame("a request says nothing that can be seen") from None


def job_kind(fields: Mapping[str, Any]) -> JobKind:
    """Return the job kind of a request; raise BadFrame if it names none."""
    try:
        return JobKind(fields.get("kind"))
    except ValueError:
        raise BadFrame("a request names no job kind") from None
