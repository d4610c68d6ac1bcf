"""What a check is, what it comes to, and what a report holds. Pure; no I/O."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelkeep.acceptance.bench import Bench


class Result(enum.Enum):
    PASS = "pass"  # noqa: S105 - a word of reports
    FAIL = "fail"
    UNSUPPORTED = "unsupported by this store"
    NOT_VERIFIABLE = "not verifiable"


class Group(enum.Enum):
    """Where a report tells of a check."""

    ACCESS = "Who is let in"
    BUCKET = "The bucket"
    OBJECTS = "Objects"
    BROWSERS = "Browsers"
    SETTINGS = "Settings, compared with the contract"
    END = "Speed, and what is left behind"


@dataclass(frozen=True)
class Outcome:
    """What one check came to.

    Args:
        found: what was seen, one sentence or clause; holds no secret and no message of the store's own.
        advice: what to do, where it is not as it must be.
    """

    result: Result
    found: str
    advice: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


class NotVerifiable(Exception):
    """A check cannot be made: what it needs is not there."""


class Unsupported(Exception):
    """A check cannot be made: the store does not know what it asks for."""


@dataclass(frozen=True)
class Check:
    """One independent check.

    Args:
        id: stable; the key of the contract's row where it is one.
        proves: what is so if it passes.
        tried: how it is tried, in words for a security team.
        run: raises NotVerifiable where it lacks something; anything else that it raises is a failed check.
        is_required: the connection is not used without it; else a failure is advice.
        note: stands in the report whatever comes of it.
    """

    id: str
    group: Group
    proves: str
    tried: str
    run: Callable[[Bench], Outcome]
    is_required: bool = True
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """A check's line in a report."""

    id: str
    group: Group
    proves: str
    tried: str
    result: Result
    found: str
    advice: str
    note: str
    is_required: bool
    seconds: float
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        return self.is_required and self.result is Result.FAIL


@dataclass(frozen=True)
class Report:
    """Everything that one acceptance test found."""

    company: str  # its name
    connection: str
    connection_id: str
    bucket: str
    prefix: str
    region: str
    store: str  # "AWS", or the address of another store
    role_arn: str
    audit_role_arn: str
    contract: int | None  # as the stack reported
    release_contract: int  # as this release knows it
    made_at: datetime  # aware UTC
    seconds: float
    findings: Sequence[Finding]

    @property
    def passed(self) -> bool:
        return not any(one.blocks for one in self.findings)

    @property
    def failed(self) -> list[Finding]:
        """What holds the connection back."""
        return [one for one in self.findings if one.blocks]

    def finding(self, check_id: str) -> Finding | None:
        return next((one for one in self.findings if one.id == check_id), None)

    def counts(self) -> dict[Result, int]:
        return {result: sum(one.result is result for one in self.findings) for result in Result}


def passed(found: str, **figures: float) -> Outcome:
    return Outcome(Result.PASS, found, figures=figures)


def failed(found: str, advice: str) -> Outcome:
    return Outcome(Result.FAIL, found, advice)


def unsupported(found: str, advice: str = "") -> Outcome:
    return Outcome(Result.UNSUPPORTED, found, advice)
