"""What the processes of one company may ask the supervisor for, by their role; those of a closed site for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reelkeep.companies.onboarding_steps import Note
from reelkeep.errors import IsolationError
from reelkeep.ids import ConnectionId
from reelkeep.supervisor.company_jobs import Ring
from reelkeep.supervisor.linked import Answer
from reelkeep.supervisor.requests import connection_id_of, job_kind, policy_of, revocation_of
from reelkeep.supervisor.sessions import ProcessSessions
from reelkeep.supervisor.switch import RegistrySwitch


@dataclass(frozen=True)
class CompanyAnswers:
    """Answers one company's processes.

    Args:
        is_closed: whether the company's site is closed.
        ring: asks for a job process.
        note_seen: is told how a store answers, as a media process says it, which is not believed yet.
    """

    is_closed: bool
    switch: RegistrySwitch
    ring: Ring
    note_seen: Callable[[ConnectionId, object], None]

    def of(self, role: str, sessions: ProcessSessions) -> Answer:
        """Return what answers one process, which has these sessions; it raises IsolationError for what is not its."""

        async def answer(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
            if self.is_closed:
                raise IsolationError("a process of a closed site may not ask for anything")
            match role, kind:
                case _, "session":
                    return await sessions.answer(fields)
                case _, "ring":
                    await self.ring(job_kind(fields))
                case _, "refused":
                    return {"revoked": await self.switch.revoke(connection_id_of(fields), revocation_of(fields))}
                case "media", "seen":
                    self.note_seen(connection_id_of(fields), fields.get("answer"))
                case "app", "resume":
                    await self.switch.resume(connection_id_of(fields))
                case "app", "onboarding":
                    return await self.switch.onboarding()
                case "app", "network":
                    return await self.switch.network()
                case "app", "set_network":
                    await self.switch.set_network(policy_of(fields.get("network")))
                case "app", "note_step":
                    await self.switch.note_step(Note.of(fields))
                case _:
                    raise IsolationError(f"a process of role {role} may not ask for {kind[:40]}")
            return {}

        return answer
