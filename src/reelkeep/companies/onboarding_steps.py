"""The seven steps by which a company's own bucket comes into use, and what is so of each. Pure; no I/O.

What can be seen is seen: a template that was printed, a report that passed, a version that was stored. What only people
know is noted by them, with a name and evidence. A step that is left out is noted as left out and never passed over.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from reelkeep.errors import RequestError

MAX_TEXT: Final = 500  # characters of a name, or of evidence


class StepState(enum.Enum):
    OPEN = "open"
    DONE = "done"
    LEFT_OUT = "left out"


class Step(enum.Enum):
    """In the order in which they are done."""

    CONTACTS = "contacts"
    REVIEW = "review"
    DEPLOY = "deploy"
    TRIAL = "trial"
    ACCEPTANCE = "acceptance"
    COMPANY = "company"
    MIGRATION = "migration"


# What only people know: an admin of the company may note these on its page, the operator may note any.
BY_PEOPLE: Final = frozenset({Step.CONTACTS, Step.REVIEW, Step.ACCEPTANCE, Step.MIGRATION})


@dataclass(frozen=True)
class Told:
    """What a step is, for people."""

    title: str
    owner: str  # who usually does it
    how: str  # what to do next


STEPS: Final[Mapping[Step, Told]] = {
    Step.CONTACTS: Told(
        "Name the technical contact and the security contact",
        "operator and company",
        "Note both on the page Storage, or with `reelkeep storage onboarding --done contacts`.",
    ),
    Step.REVIEW: Told(
        "The security team reviews the template and signs it off",
        "the company's security team",
        "Hand over `reelkeep storage template` and docs/security-review.md, and note who signed and when.",
    ),
    Step.DEPLOY: Told(
        "The stack is deployed and its outputs are pasted back",
        "the company's cloud team",
        "Run `reelkeep storage connect --stack FILE` with what the stack gives back.",
    ),
    Step.TRIAL: Told(
        "The bucket serves a test production",
        "operator",
        "Run `reelkeep storage verify CONNECTION`, then `reelkeep storage activate CONNECTION --production NAME`.",
    ),
    Step.ACCEPTANCE: Told(
        "The company tries it out: upload, play, take back",
        "the company's reviewers",
        "Upload and play a film in the test production, file the report (`storage verify --html`), and note who is "
        "content with it.",
    ),
    Step.COMPANY: Told(
        "The whole company stores its new versions there",
        "operator",
        "Run `reelkeep storage activate CONNECTION`.",
    ),
    Step.MIGRATION: Told(
        "What lies elsewhere is moved, if that was agreed",
        "operator and company",
        "Note it as left out if nothing is to be moved; moving is not part of this release.",
    ),
}


@dataclass(frozen=True)
class Seen:
    """Something that the platform knows of a step by itself.

    Args:
        settles: the step is done by it; else it is evidence, and people say whether they are content.
    """

    evidence: str
    at: datetime | None  # aware UTC
    settles: bool = True


@dataclass(frozen=True)
class Noted:
    """Something that somebody has noted of a step."""

    state: StepState
    owner: str
    evidence: str
    at: datetime  # aware UTC
    contract: int = 1  # version of the bucket contract when it was noted


@dataclass(frozen=True)
class Note:
    """Something that somebody is about to note of a step. To note *open* takes back what was noted before."""

    step: Step
    state: StepState
    owner: str
    evidence: str

    def as_fields(self) -> dict[str, str]:
        """Return it as JSON."""
        return {
            "step": self.step.value,
            "state": self.state.value,
            "owner": self.owner,
            "evidence": self.evidence,
        }

    @staticmethod
    def of(fields: Mapping[str, Any]) -> Note:
        """Return what outside fields say; raise RequestError if that cannot be noted."""
        try:
            step, state = Step(fields.get("step")), StepState(fields.get("state"))
        except ValueError:
            names = ", ".join(one.value for one in Step)
            raise RequestError("there is no such step or state", advice=f"The steps are {names}.") from None
        return Note(step, state, _text(fields.get("owner")), _text(fields.get("evidence")))


def _text(given: object) -> str:
    text = given.strip() if isinstance(given, str) else ""
    if not text:
        raise RequestError("a step needs a name and evidence", advice="Say who did it, and what shows it.")
    if len(text) > MAX_TEXT or not text.isprintable():
        raise RequestError(f"a name and evidence have at most {MAX_TEXT} characters on one line")
    return text


@dataclass(frozen=True)
class Line:
    """One step as it stands."""

    step: Step
    state: StepState
    title: str
    owner: str
    evidence: str
    at: datetime | None
    how: str  # "" where nothing is left to do

    @property
    def is_for_people(self) -> bool:
        return self.step in BY_PEOPLE


def lines(seen: Mapping[Step, Seen], noted: Mapping[Step, Noted], *, offered: int = 0) -> list[Line]:
    """Return the seven steps as they stand. What was noted comes before what was seen; both stand as evidence.

    Args:
        offered: version of the contract that is offered to the company's stack; 0: it has none. A review that signed
            an older one is open again, for what has changed.
    """
    found = [_line(step, seen.get(step), noted.get(step)) for step in Step]
    return [_afresh(one, offered) if is_outgrown(noted.get(one.step), one.step, offered) else one for one in found]


def is_outgrown(noted: Noted | None, step: Step, offered: int) -> bool:
    """Tell whether what was signed is an older version of the contract than the one that is offered."""
    return step is Step.REVIEW and noted is not None and noted.state is StepState.DONE and noted.contract < offered


def _afresh(line: Line, offered: int) -> Line:
    how = (
        f"Version {offered} of the contract is offered, and what was signed is older. Hand over what has changed "
        "(`reelkeep storage contract CONNECTION`) and note who signed it, or that it was left out."
    )
    return replace(line, state=StepState.OPEN, how=how)


def _line(step: Step, seen: Seen | None, noted: Noted | None) -> Line:
    told = STEPS[step]
    settled = seen is not None and seen.settles
    state = noted.state if noted is not None else StepState.DONE if settled else StepState.OPEN
    evidence = "; ".join(filter(None, (noted.evidence if noted else "", seen.evidence if seen else "")))
    at = noted.at if noted else seen.at if seen else None
    owner = noted.owner if noted and noted.state is not StepState.OPEN else told.owner
    return Line(step, state, told.title, owner, evidence, at, told.how if state is StepState.OPEN else "")


def next_step(found: Sequence[Line]) -> Line | None:
    """Return the first step that is open, or None."""
    return next((one for one in found if one.state is StepState.OPEN), None)


def skipped(found: Sequence[Line]) -> list[Line]:
    """Return the open steps that come before one that is done: somebody must do them, or note them as left out."""
    last = max((number for number, one in enumerate(found) if one.state is StepState.DONE), default=-1)
    return [one for one in found[:last] if one.state is StepState.OPEN]
