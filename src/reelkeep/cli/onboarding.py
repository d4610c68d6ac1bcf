"""The onboarding of one company, by the operator."""

from __future__ import annotations

from reelkeep.catalog import audit
from reelkeep.cli.installation import Installation
from reelkeep.companies import onboarding, stacks
from reelkeep.companies.onboarding_steps import Line, Step, StepState
from reelkeep.companies.registry import Company
from reelkeep.errors import RequestError

MAX_TEXT = 500


class Onboarding:
    """Shows how far it is, and notes what people say of it."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company

    def lines(self) -> list[Line]:
        """Return the seven steps as they stand."""
        with self._installation.on_registry() as conn:
            known = onboarding.known(conn, self._company.id)
        with self._installation.on_company(self._company) as conn:
            return onboarding.seen_lines(conn, known)

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
