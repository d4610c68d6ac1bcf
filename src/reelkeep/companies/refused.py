"""Whom a company's network policy turned away: how often, since when, last when. Bounded for each company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from reelkeep.companies import tables
from reelkeep.companies.network_policy import is_endpoint_id, plain_address
from reelkeep.ids import CompanyId

MAX_SOURCES: Final = 100  # of one company; whoever comes after them is counted as OTHERS
OTHERS: Final = "others"


@dataclass(frozen=True)
class RefusedSource:
    source: str  # an address, the id of a PrivateLink endpoint, or OTHERS
    connections: int
    first_at: datetime
    last_at: datetime

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "first_at": self.first_at.isoformat(), "last_at": self.last_at.isoformat()}


def note(conn: Connection, company_id: CompanyId, sources: Mapping[str, int]) -> None:
    """Add connections that were turned away to the company's counts."""
    table = tables.refused_sources
    known = set(conn.scalars(select(table.c.source).where(table.c.company_id == company_id)))
    for source, connections in sources.items():
        row = {"company_id": company_id, "source": _counted_as(source, known), "connections": connections}
        added = insert(table).values(row)
        more = {"connections": table.c.connections + added.excluded.connections, "last_at": func.now()}
        conn.execute(added.on_conflict_do_update(index_elements=["company_id", "source"], set_=more))


def refused(conn: Connection, company_id: CompanyId) -> list[RefusedSource]:
    """Return who was turned away, the last first."""
    table = tables.refused_sources
    query = select(table).where(table.c.company_id == company_id).order_by(table.c.last_at.desc(), table.c.source)
    rows = conn.execute(query).mappings()
    return [RefusedSource(row["source"], row["connections"], row["first_at"], row["last_at"]) for row in rows]


def is_source(name: object, connections: object) -> bool:
    """Tell whether the gateway may say this: an address, an endpoint id or OTHERS, and how often.

    >>> is_source("192.0.2.1", 3), is_source("<b>", 3)
    (True, False)
    """
    if not isinstance(name, str) or type(connections) is not int or connections < 1:
        return False
    return name == OTHERS or is_endpoint_id(name) or str(plain_address(name)) == name


def _counted_as(source: str, known: set[str]) -> str:
    if source not in known and len(known) >= MAX_SOURCES:
        source = OTHERS
    known.add(source)
    return source
