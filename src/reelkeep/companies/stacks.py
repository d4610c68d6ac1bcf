"""What the registry knows of companies' stacks, of who else uses a role or a bucket, and of past acceptance tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from reelkeep.companies import tables
from reelkeep.contract import pasted
from reelkeep.contract.pasted import Stack
from reelkeep.contract.table import VERSION
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection


@dataclass(frozen=True)
class KeptReport:
    """A report of an acceptance test as it was kept; ``body`` is what ``acceptance.report`` wrote."""

    id: str
    connection_id: ConnectionId
    made_at: datetime  # aware UTC
    passed: bool
    body: Mapping[str, Any]
    stack_number: int  # of the stack that was tried out


@dataclass(frozen=True)
class NotedStep:
    """What was noted of one step of a company's onboarding."""

    step: str
    state: str
    owner: str
    evidence: str
    noted_at: datetime  # aware UTC
    contract_version: int  # of the bucket contract, as the release knew it


def set_stack(conn: Connection, connection_id: ConnectionId, stack: Stack) -> None:
    """Write down what the company told of the connection's stack: its roles and the contract's version.

    If it differs from what was told before, its number goes up, and reports of the one before count no more.
    """
    table = tables.storage_connections
    known = conn.execute(
        select(table.c.stack).where(table.c.id == connection_id).with_for_update()
    ).scalar_one_or_none()
    if known == stack.as_fields():
        return
    values = {
        "audit_role_arn": stack.audit_role,
        "purge_role_arn": stack.purge_role or None,
        "contract_version": stack.contract,
        "stack": stack.as_fields(),
        "stack_number": table.c.stack_number + 1,
    }
    conn.execute(update(table).where(table.c.id == connection_id).values(values))


def stack_of(conn: Connection, connection_id: ConnectionId) -> Stack | None:
    """Return what the company told of the connection's stack; None if it told nothing."""
    table = tables.storage_connections
    found = conn.execute(select(table.c.stack).where(table.c.id == connection_id)).scalar_one_or_none()
    return pasted.from_fields(found) if found else None


def stack_number(conn: Connection, connection_id: ConnectionId) -> int:
    """Return the number of the connection's present stack; 0 if none was told of since there are numbers."""
    table = tables.storage_connections
    return int(conn.execute(select(table.c.stack_number).where(table.c.id == connection_id)).scalar_one())


def others_have_role(conn: Connection, connection: StorageConnection, role_arn: str) -> bool:
    """Tell whether somebody else's connection, or an earlier one of the same company elsewhere, has this role."""
    table = tables.storage_connections
    owner = select(table.c.company_id).where(table.c.id == connection.id).scalar_subquery()
    others = select(table.c.id).where(
        or_(table.c.role_arn == role_arn, table.c.audit_role_arn == role_arn, table.c.purge_role_arn == role_arn),
        table.c.company_id.is_distinct_from(owner),
        table.c.state != ConnectionState.RETIRED.value,
    )
    return conn.execute(others).first() is not None


def others_have_bucket(conn: Connection, connection: StorageConnection) -> bool:
    """Tell whether somebody else's connection reaches what this one reaches: the same bucket, one prefix in the other.

    A hosted bucket is the operator's, and its companies have prefixes of their own below it.
    """
    table = tables.storage_connections
    owner = select(table.c.company_id).where(table.c.id == connection.id).scalar_subquery()
    query = select(table.c.prefix).where(
        table.c.bucket == connection.bucket,
        table.c.endpoint_url.is_not_distinct_from(connection.endpoint_url),
        table.c.company_id.is_distinct_from(owner),
        table.c.state != ConnectionState.RETIRED.value,
    )
    ours = f"{connection.prefix}/".lstrip("/")
    others = [f"{prefix}/".lstrip("/") for prefix in conn.scalars(query)]
    return any(ours.startswith(other) or other.startswith(ours) for other in others)


def keep_report(
    conn: Connection,
    company_id: CompanyId,
    connection_id: ConnectionId,
    *,
    passed: bool,
    body: Mapping[str, Any],
    stack_number: int,
) -> str:
    """Keep a report; return its id.

    Args:
        stack_number: of the stack that it was made of, as read before the test began.
    """
    row = {
        "id": new_id(),
        "connection_id": connection_id,
        "company_id": company_id,
        "made_at": datetime.now(UTC),
        "passed": passed,
        "body": body,
        "stack_number": stack_number,
    }
    conn.execute(insert(tables.acceptance_reports).values(row))
    return str(row["id"])


def reports(conn: Connection, company_id: CompanyId, connection_id: ConnectionId, *, limit: int) -> list[KeptReport]:
    """Return the newest reports of a connection that were made for this company, the newest first."""
    table = tables.acceptance_reports
    query = select(table).where(table.c.connection_id == connection_id, table.c.company_id == company_id)
    rows = conn.execute(query.order_by(table.c.made_at.desc(), table.c.id.desc()).limit(limit)).mappings()
    names = KeptReport.__dataclass_fields__
    return [KeptReport(**{name: row[name] for name in names}) for row in rows]


def note_step(conn: Connection, company_id: CompanyId, step: str, state: str, owner: str, evidence: str) -> None:
    """Note what is so of a step now; what was noted before stays in the record."""
    row = {
        "id": new_id(),
        "company_id": company_id,
        "step": step,
        "state": state,
        "owner": owner,
        "evidence": evidence,
        "noted_at": datetime.now(UTC),
        "contract_version": VERSION,
    }
    conn.execute(insert(tables.onboarding_steps).values(row))


def count_noted(conn: Connection, company_id: CompanyId) -> int:
    """Return how many notes are kept of a company's steps."""
    table = tables.onboarding_steps
    query = select(func.count()).select_from(table).where(table.c.company_id == company_id)
    return int(conn.execute(query).scalar_one())


def noted_steps(conn: Connection, company_id: CompanyId) -> list[NotedStep]:
    """Return everything that was noted, the oldest first: the last of a step is what is so."""
    table = tables.onboarding_steps
    rows = conn.execute(select(table).where(table.c.company_id == company_id).order_by(table.c.noted_at)).mappings()
    names = NotedStep.__dataclass_fields__
    return [NotedStep(**{name: row[name] for name in names}) for row in rows]
