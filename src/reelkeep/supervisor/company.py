"""One company in the supervisor: its app and media processes, its jobs, its sessions. Knows no other company."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from reelkeep.companies.birth import Connections, Placements, storage_fields
from reelkeep.companies.registry import Company
from reelkeep.errors import IsolationError
from reelkeep.isolation.channel import BadFrame
from reelkeep.jobs.interface import JobKind
from reelkeep.media import MediaLimits
from reelkeep.supervisor.kept import Kept
from reelkeep.supervisor.linked import Answer, Linked
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.sessions import CompanySessions

JOB_WORKED, JOB_FOUND_NOTHING = 0, 3  # exit statuses of runner.job_process
_OUTCOMES: Final = {JOB_WORKED: "worked", JOB_FOUND_NOTHING: "nothing"}
MAX_DEATHS: Final = 3  # in a row that are answered at once; then the sweep finds the job, 20 seconds later at most
_WEB_ROLES: Final = ("app", "media")

Ring = Callable[[JobKind], Awaitable[None]]


@dataclass(frozen=True)
class CompanySecrets:
    """What the company's processes are born with. ``repr`` tells nothing."""

    dsn: str
    company_key_hex: str

    def __repr__(self) -> str:
        return "CompanySecrets()"


@dataclass(frozen=True)
class Surroundings:
    """What all companies of the installation share."""

    programs: Programs
    run: Path  # folder of the hand-over sockets
    port: int
    insecure_no_sandbox: bool
    media_limits: MediaLimits


class SupervisedCompany:
    """Births and keeps the processes of one company, and answers what they ask."""

    def __init__(
        self, row: Company, secrets: CompanySecrets, sessions: CompanySessions, around: Surroundings, ring: Ring
    ) -> None:
        self.row = row
        self._secrets, self._sessions, self._around, self._ring = secrets, sessions, around, ring
        self._connections: Connections = {}
        self._placements: Placements = {}
        self._web: dict[str, Linked] = {}
        self._kept = [Kept(f"{row.slug} {role}", self._starter(role)) for role in _WEB_ROLES]
        self._jobs: set[Linked] = set()
        self._working: set[asyncio.Task[str]] = set()
        self._deaths = 0  # of job processes, in a row
        self._closing = False

    @property
    def app_origin(self) -> str:
        return f"http://{self.row.app_host}:{self._around.port}"

    @property
    def media_origin(self) -> str:
        return f"http://{self.row.media_host}:{self._around.port}"

    def routes(self) -> dict[str, str]:
        """Return host name to hand-over socket."""
        return {self.row.app_host: self._path("app"), self.row.media_host: self._path("media")}

    def update(self, connections: Connections, placements: Placements) -> None:
        """Take over the company's storage from the registry; its processes are told if it changed."""
        if (connections, placements) == (self._connections, self._placements):
            return
        self._connections, self._placements = connections, placements
        self._sessions.update(connections)
        for linked in (*self._web.values(), *self._jobs):
            linked.push("storage", storage_fields(connections, placements))

    async def begin(self, *, wait: bool) -> None:
        """Start the company's web processes; with ``wait``, return when they take connections or failed once."""
        if wait:
            await asyncio.gather(*(kept.begin(needed=False) for kept in self._kept))
        else:
            for kept in self._kept:
                kept.begin_later()

    async def end(self) -> None:
        """End the company's jobs and web processes."""
        self._closing = True
        jobs = list(self._jobs)
        await asyncio.gather(*(job.stop() for job in jobs), *(kept.end() for kept in self._kept))
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
        job = await Linked.born(f"{self.row.slug} job", self._around.programs.job, birth, self._answerer("job"))
        self._jobs.add(job)
        try:
            return _OUTCOMES.get(await job.ended(), "died")
        finally:
            self._jobs.discard(job)

    def _starter(self, role: str) -> Callable[[], Awaitable[Linked]]:
        async def start() -> Linked:
            program = self._around.programs.app if role == "app" else self._around.programs.media
            birth = {**self._birth(role), "handover_path": self._path(role)}
            linked = await Linked.born(f"{self.row.slug} {role}", program, birth, self._answerer(role))
            self._web[role] = linked
            await linked.ready()
            return linked

        return start

    def _birth(self, role: str) -> dict[str, Any]:
        row = self.row
        company = {"id": row.id, "slug": row.slug, "name": row.name}
        return {
            "role": role,
            "company": {**company, "app_origin": self.app_origin, "media_origin": self.media_origin},
            "dsn": self._secrets.dsn,
            "company_key": None if role == "app" else self._secrets.company_key_hex,
            **storage_fields(self._connections, self._placements),
        }

    def _answerer(self, role: str) -> Answer:
        sessions = self._sessions.of_process(role)

        async def answer(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
            if kind == "session":
                return await sessions.answer(fields)
            if kind == "ring":
                await self._ring(job_kind(fields))
                return {}
            raise IsolationError(f"a process of role {role} may not ask for {kind[:40]}")

        return answer

    def _path(self, role: str) -> str:
        return str(self._around.run / f"{self.row.id}-{role}")


def job_kind(fields: Mapping[str, Any]) -> JobKind:
    """Return the job kind of a request; raise BadFrame if it names none."""
    try:
        return JobKind(fields.get("kind"))
    except ValueError:
        raise BadFrame("a request names no job kind") from None
