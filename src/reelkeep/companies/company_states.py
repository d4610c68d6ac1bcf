"""The states of a company, as a table, and why its site may be closed although its processes run. Pure; no I/O.

A closed site has processes in reduced mode: they have the site's certificates, and neither database nor key nor
sessions, and say what is the matter.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.companies.schema import Release, Schema


class CompanyState(enum.Enum):
    ACTIVE = "active"
    SUSPENDED = "suspended"  # switched off by the operator; everything stays
    RETIRED = "retired"  # given up


_S = CompanyState
COMPANY_STEPS: Final[Mapping[CompanyState, frozenset[CompanyState]]] = {
    _S.ACTIVE: frozenset({_S.SUSPENDED}),
    _S.SUSPENDED: frozenset({_S.ACTIVE, _S.RETIRED}),
    _S.RETIRED: frozenset(),
}


@dataclass(frozen=True)
class Closure:
    """Why a site is closed, in words for its visitors.

    Args:
        code: for programs.
        retry_seconds: after which it may be worth a try.
    """

    code: str
    message: str
    advice: str
    retry_seconds: int


_SUSPENDED: Final = Closure(
    "company_suspended", "This site is suspended", "Nothing is lost. Ask the operator of this installation.", 300
)
_RETIRED: Final = Closure(
    "company_retired",
    "This site is closed for good",
    "Ask the company's own people where its work has gone; originals lie in its own buckets.",
    86_400,
)
_UPGRADE: Final = Closure(
    "company_upgrade", "This site is being upgraded", "Nothing is lost. The page comes back by itself.", 10
)
_NEWER: Final = Closure(
    "company_newer",
    "This site was upgraded further than this machine",
    "Nothing is lost. The operator has to start the newer release.",
    60,
)


def closure_of(state: CompanyState, schema: Schema | None, release: Release, oldest: str) -> Closure | None:
    """Return why a company's site is closed; None: it is served.

    Args:
        schema: of its database, as somebody last saw it; None: nobody has yet.
        release: what this one knows.
        oldest: the revision from which on this release's code serves a database.
    """
    if state is not CompanyState.ACTIVE:
        return _SUSPENDED if state is CompanyState.SUSPENDED else _RETIRED
    if schema is None:
        return _UPGRADE
    if release.serves(schema, oldest):
        return None
    return _UPGRADE if release.knows(schema.revision) else _NEWER
