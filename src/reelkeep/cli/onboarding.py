"""What is so of a company's onboarding, gathered from the registry, its database and what people noted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from reelkeep.acceptance.onboarding import Line, Noted, Seen, Step, StepState, lines
from reelkeep.catalog import audit
from reelkeep.catalog.tables import audit_events, versions
from reelkeep.cli.installation import Installation
from reelkeep.companies import registry, stacks
from reelkeep.companies.registry import Company
from reelkeep.errors import RequestError
from reelkeep.ids import ConnectionId
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.placement import COMPANY

MAX_TEXT = 500


class Onboarding:
    """The onboarding of one company, by the operator."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company

    def lines(self) -> list[Line]:
        """Return the seven steps as they stand."""
        with self._installation.on_registry() as conn:
            own = [one for one in registry.connections(conn, self._company.id).values() if not one.is_hosted]
            placed = registry.placements(conn, self._company.id)
            told = {one.id: stacks.stack_of(conn, one.id) is not None for one in own}
            passed = {one.id: self._passed(conn, one) for one in own}
            noted = {
                Step(one.step): Noted(StepState(one.state), one.owner, one.evidence, one.noted_at)
                for one in stacks.noted_steps(conn, self._company.id)
            }
        seen: dict[Step, Seen] = {}
        for one in own:
            if told[one.id] or one.endpoint_url is not None:
                what = "the stack's outputs were pasted back" if told[one.id] else "a store of its own was connected"
                seen.setdefault(Step.DEPLOY, Seen(f"{what} ({one.name}: {one.bucket})", None))
        with self._installation.on_company(self._company) as conn:
            self._look_at_company(conn, own, seen, passed)
        if (default := placed.get(COMPANY)) in {one.id for one in own}:
            name = next(one.name for one in own if one.id == default)
            seen[Step.COMPANY] = Seen(f"new versions go to {name}", None)
        return lines(seen, noted)

    def note(self, step: Step, state: StepState, owner: str, evidence: str) -> None:
        """Note what is so of a step; it stands in the company's audit record, too.

        Raises:
            RequestError: no name or no evidence is given; nothing was noted.
        """
        owner, evidence = owner.strip(), evidence.strip()
        if not owner or not evidence:
            raise RequestError("a step needs a name and evidence", advice="Give --owner and --evidence.")
        if max(len(owner), len(evidence)) > MAX_TEXT or not (owner + evidence).isprintable():
            raise RequestError(f"a name and evidence have at most {MAX_TEXT} characters on one line")
        with self._installation.on_registry() as conn:
            stacks.note_step(conn, self._company.id, step.value, state.value, owner, evidence)
        with self._installation.on_company(self._company) as conn:
            audit.record(conn, "onboarding.noted", None, None, step=step.value, state=state.value, owner=owner)

    def _passed(self, conn: Connection, connection: StorageConnection) -> datetime | None:
        kept = stacks.reports(conn, self._company.id, connection.id, limit=1)
        return kept[0].made_at if kept and kept[0].passed else None

    def _look_at_company(
        self,
        conn: Connection,
        own: list[StorageConnection],
        seen: dict[Step, Seen],
        passed: dict[ConnectionId, datetime | None],
    ) -> None:
        names = {one.id: one.name for one in own}
        query = select(audit_events.c.subject_id, audit_events.c.created_at, audit_events.c.details).where(
            audit_events.c.what.in_(("storage.activated", "storage.placed")), audit_events.c.subject_id.in_(names)
        )
        for subject, at, details in conn.execute(query.order_by(audit_events.c.id)):
            if details.get("production"):
                seen.setdefault(Step.TRIAL, Seen(f"a production's new versions went to {names[subject]}", at))
        stored = select(versions.c.connection_id, versions.c.stored_at).where(
            versions.c.connection_id.in_(names), versions.c.stored_at.is_not(None)
        )
        first = conn.execute(stored.order_by(versions.c.stored_at).limit(1)).first()
        if first is not None and (when := passed.get(ConnectionId(first[0]))) is not None:
            evidence = f"the last report of {names[first[0]]} passed ({when:%Y-%m-%d}), and a version was stored there"
            seen[Step.ACCEPTANCE] = Seen(evidence, max(when, first[1]), settles=False)
