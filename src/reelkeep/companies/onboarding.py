"""How far a company's own bucket is: what the registry knows, what the company's database shows, what people noted.

The registry is the operator's and the database the company's, so the two are asked apart: the supervisor, or the
operator's command, tells the one; the company's processes read the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from reelkeep.catalog.tables import audit_events, versions
from reelkeep.companies import stacks, storage_registry
from reelkeep.companies.onboarding_steps import Line, Note, Noted, Seen, Step, StepState, lines
from reelkeep.contract.table import VERSION
from reelkeep.errors import Conflict
from reelkeep.ids import CompanyId, ConnectionId
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.placement import COMPANY

MAX_NOTES: Final = 500  # of one company, all steps together: its processes may write into the operator's registry


@dataclass(frozen=True)
class Own:
    """A connection of the company's own, as far as onboarding goes."""

    id: ConnectionId
    name: str
    bucket: str
    is_told: bool  # what its stack gives back was pasted
    is_elsewhere: bool  # on another store than AWS, where there is no stack
    is_default: bool  # new versions of the whole company go there
    passed_at: datetime | None  # aware UTC: of its last report, if that passed


@dataclass(frozen=True)
class Known:
    """What the registry knows of a company's onboarding."""

    own: list[Own]
    noted: dict[Step, Noted]

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON for a company's process."""
        return {
            "own": [{**vars(one), "passed_at": _text(one.passed_at)} for one in self.own],
            "noted": {
                step.value: {**vars(one), "state": one.state.value, "at": one.at.isoformat()}
                for step, one in self.noted.items()
            },
        }

    @staticmethod
    def of(fields: Mapping[str, Any]) -> Known:
        """Return what ``as_fields`` was made of."""
        return Known(
            [Own(**{**one, "passed_at": _moment(one["passed_at"])}) for one in fields["own"]],
            {
                Step(step): Noted(
                    StepState(one["state"]),
                    one["owner"],
                    one["evidence"],
                    datetime.fromisoformat(one["at"]),
                    one["contract"],
                )
                for step, one in fields["noted"].items()
            },
        )


def known(conn: Connection, company_id: CompanyId) -> Known:
    """Return what the registry knows."""
    default = storage_registry.placements(conn, company_id).get(COMPANY)
    own = [
        Own(
            one.id,
            one.name,
            one.bucket,
            is_told=stacks.stack_of(conn, one.id) is not None,
            is_elsewhere=one.endpoint_url is not None,
            is_default=one.id == default,
            passed_at=_passed(conn, company_id, one),
        )
        for one in storage_registry.connections(conn, company_id).values()
        if not one.is_hosted
    ]
    noted = {
        Step(one.step): Noted(StepState(one.state), one.owner, one.evidence, one.noted_at, one.contract_version)
        for one in stacks.noted_steps(conn, company_id)
    }
    return Known(own, noted)


def note(conn: Connection, company_id: CompanyId, given: Note) -> None:
    """Note what is so of a step; what was noted before stays in the record.

    Raises:
        Conflict: there are too many notes already; nothing was noted.
    """
    if stacks.count_noted(conn, company_id) >= MAX_NOTES:
        raise Conflict("more was noted of these steps than is kept", advice="Tell the operator.")
    stacks.note_step(conn, company_id, given.step.value, given.state.value, given.owner, given.evidence)


def seen_lines(conn: Connection, found: Known) -> list[Line]:
    """Return the seven steps as they stand.

    Args:
        conn: on the company's database.
    """
    seen: dict[Step, Seen] = {}
    for one in found.own:
        if one.is_told or one.is_elsewhere:
            what = "the stack's outputs were pasted back" if one.is_told else "a store of its own was connected"
            seen.setdefault(Step.DEPLOY, Seen(f"{what} ({one.name}: {one.bucket})", None))
        if one.is_default:
            seen[Step.COMPANY] = Seen(f"new versions go to {one.name}", None)
    _look_at_company(conn, found.own, seen)
    offered = VERSION if any(one.is_told for one in found.own) else 0
    return lines(seen, found.noted, offered=offered)


def _look_at_company(conn: Connection, own: list[Own], seen: dict[Step, Seen]) -> None:
    names = {one.id: one.name for one in own}
    query = select(audit_events.c.subject_id, audit_events.c.created_at, audit_events.c.details).where(
        audit_events.c.what.in_(("storage.activated", "storage.placed")), audit_events.c.subject_id.in_(names)
    )
    for subject, at, details in conn.execute(query.order_by(audit_events.c.id)):
        if details.get("production"):
            seen.setdefault(Step.TRIAL, Seen(f"a production's new versions went to {names[subject]}", at))
    passed = {one.id: one.passed_at for one in own}
    stored = select(versions.c.connection_id, versions.c.stored_at).where(
        versions.c.connection_id.in_(names), versions.c.stored_at.is_not(None)
    )
    first = conn.execute(stored.order_by(versions.c.stored_at).limit(1)).first()
    if first is not None and (when := passed.get(ConnectionId(first[0]))) is not None:
        evidence = f"the last report of {names[first[0]]} passed ({when:%Y-%m-%d}), and a version was stored there"
        seen[Step.ACCEPTANCE] = Seen(evidence, max(when, first[1]), settles=False)


def _passed(conn: Connection, company_id: CompanyId, connection: StorageConnection) -> datetime | None:
    kept = stacks.reports(conn, company_id, connection.id, limit=1)
    return kept[0].made_at if kept and kept[0].passed else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
