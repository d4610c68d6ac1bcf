"""The whole contract: its version, its rows, what they come to in one account, and what changed. Pure; no I/O.

A release works with the current version and with the one before. A row that is new has a higher ``since``; features
that need it stay off until a connection's stack reports that version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reelkeep.contract import bucket_settings, bucket_statements, role_statements, wrapping_statements
from reelkeep.contract.expressions import Facts, Value, resolve
from reelkeep.contract.interface import Document, Holder, Kind, Setting, Statement

VERSION: Final = 2
SUPPORTED: Final = frozenset(version for version in (VERSION, VERSION - 1) if version > 0)
POLICY_LANGUAGE: Final = "2012-10-17"  # IAM's own version of the policy language

STATEMENTS: Final[tuple[Statement, ...]] = (
    *role_statements.TRUST,
    *role_statements.MEDIA,
    *wrapping_statements.MEDIA,
    *role_statements.AUDIT,
    *wrapping_statements.AUDIT,
    *role_statements.PURGE,
    *bucket_statements.MEDIA_BUCKET,
    *bucket_statements.LOG_BUCKET,
    *bucket_statements.KEY,
    *wrapping_statements.WRAPPING_KEY,
)
ROWS: Final[tuple[Setting | Statement, ...]] = (*bucket_settings.SETTINGS, *STATEMENTS)

# The condition under which a document's resource exists at all.
EXISTS: Final[Mapping[Document | Holder, str]] = {
    Document.PURGE: "HasPurge",
    Document.KEY: "MakesKey",
    Document.WRAPPING_KEY: "WrapsCompanyKey",
    Holder.PURGE_ROLE: "HasPurge",
    Holder.KEY: "MakesKey",
    Holder.TRAIL: "HasTrail",
}


def key(row: Setting | Statement) -> str:
    """Return the row's name in reports, unique in the table: ``media_bucket/RefusePlainHttp``, ``versioning``."""
    return f"{row.document.value}/{row.id}" if isinstance(row, Statement) else row.id


def conditions_of(row: Setting | Statement) -> tuple[str, ...]:
    """Return the conditions under which a row is part of a stack: its own, and its resource's."""
    found = (row.when, EXISTS.get(row.document if isinstance(row, Statement) else row.holder))
    return tuple(dict.fromkeys(one for one in found if one is not None))


def rows_of(version: int, rows: Iterable[Setting | Statement] = ROWS) -> tuple[Setting | Statement, ...]:
    """Return the rows of a version of the contract."""
    return tuple(row for row in rows if row.since <= version)


def settings_of(rows: Iterable[Setting | Statement], holder: Holder) -> dict[Kind, list[Setting]]:
    """Return the settings of one bucket or role, by kind, in the table's order."""
    found: dict[Kind, list[Setting]] = {}
    for row in rows:
        if isinstance(row, Setting) and row.holder is holder:
            found.setdefault(row.kind, []).append(row)
    return found


def statements_of(rows: Iterable[Setting | Statement], document: Document) -> list[Statement]:
    return [row for row in rows if isinstance(row, Statement) and row.document is document]


def assembled(kind: Kind, values: Sequence[Mapping[str, Value]]) -> Value:
    """Return one setting from the parts that its rows hold, in the form in which S3's API reads and writes it."""
    match kind:
        case Kind.LIFECYCLE:
            return {"Rules": list(values)}
        case Kind.CORS:
            return {"CORSRules": list(values)}
        case Kind.LOGGING:
            return {"LoggingEnabled": _merged(values)}
        case Kind.ENCRYPTION:
            return {"Rules": [_merged(values)]}
        case _:
            return _merged(values)


def _merged(values: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    return {name: item for value in values for name, item in value.items()}


def setting(rows: Iterable[Setting | Statement], holder: Holder, kind: Kind, facts: Facts) -> Any:
    """Return a whole setting as it stands in one account, or None if the contract has none of this kind."""
    parts = settings_of(rows, holder).get(kind)
    return resolve(assembled(kind, [part.value for part in parts]), facts) if parts else None


def policy(rows: Iterable[Setting | Statement], document: Document, facts: Facts) -> dict[str, Any]:
    """Return a policy document as it stands in one account."""
    statements = [
        statement(row, facts)
        for row in statements_of(rows, document)
        if row.when is None or row.when in facts.conditions
    ]
    return {"Version": POLICY_LANGUAGE, "Statement": statements}


def statement(row: Statement, facts: Facts) -> dict[str, Any]:
    """Return one statement as plain data."""
    found: dict[str, Any] = {"Sid": row.id, "Effect": resolve(row.effect, facts)}
    if row.principal is not None:
        found["Principal"] = resolve(row.principal, facts)
    found["Action"] = list(row.actions)
    if row.resources:
        found["Resource"] = resolve(row.resources, facts)
    if row.conditions:
        found["Condition"] = resolve(row.conditions, facts)
    return found


@dataclass(frozen=True)
class Difference:
    """What a company signs anew when it moves to a newer version of the contract."""

    added: tuple[Setting | Statement, ...]
    removed: tuple[Setting | Statement, ...]
    changed: tuple[tuple[Setting | Statement, Setting | Statement], ...]


def difference(old: Iterable[Setting | Statement], new: Iterable[Setting | Statement]) -> Difference:
    """Return the rows that came, went and changed between two versions, in the order of the newer one."""
    before, after = ({key(row): row for row in rows} for rows in (old, new))
    return Difference(
        tuple(row for name, row in after.items() if name not in before),
        tuple(row for name, row in before.items() if name not in after),
        tuple((before[name], row) for name, row in after.items() if name in before and before[name] != row),
    )
