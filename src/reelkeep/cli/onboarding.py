"""The onboarding of one company, by the operator."""

from __future__ import annotations

from reelkeep.catalog import audit
from reelkeep.cli.installation import Installation
from reelkeep.companies import onboarding
from reelkeep.companies.onboarding_steps import Line, Note
from reelkeep.companies.registry import Company


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

    def note(self, given: Note) -> None:
        """Note what is so of a step; it stands in the company's audit record, too.

        Raises:
            Conflict: there are too many notes already; nothing was noted.
        """
        with self._installation.on_registry() as conn:
            onboarding.note(conn, self._company.id, given)
        with self._installation.on_company(self._company) as conn:
            audit.record(conn, "onboarding.noted", None, None, **given.as_fields())
