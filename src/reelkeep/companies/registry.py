"""Questions to the registry and changes of it. Every change is announced, so that the supervisor takes it up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from reelkeep.companies import tables
from reelkeep.companies.databases import DatabaseServer
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.interface import Capability, StorageConnection

DATABASE: Final = "reelkeep_registry"
_EXTERNAL_ID_BYTES: Final = 32


@dataclass(frozen=True)
class Company:
    """A company's row. The wrapped secrets open with the operator's keyring only."""

    id: CompanyId
    slug: str
    name: str
    app_host: str
    media_host: str
    state: str
    database_name: str
    owner_role: str
    app_role: str
    wrapped_owner_password: bytes = field(repr=False)
    wrapped_app_password: bytes = field(repr=False)
    wrapped_company_key: bytes = field(repr=False)


def engine(server: DatabaseServer) -> Engine:
    """Return an engine of the registry, as the admin role."""
    return server.engine(DATABASE)


def announce(conn: Connection) -> None:
    """Tell the supervisor, once this transaction commits, that something has changed."""
    conn.execute(select(func.pg_notify(tables.REGISTRY_CHANGED_CHANNEL, "")))


def add_company(conn: Connection, company: Company) -> None:
    """Write a company's row; raise Conflict if its slug or host names are taken."""
    try:
        with conn.begin_nested():
            conn.execute(insert(tables.companies).values(vars(company)))
    except IntegrityError:
        raise Conflict(f"there is a company {company.slug} already", advice="Choose another short name.") from None
    announce(conn)


def companies(conn: Connection) -> list[Company]:
    """Return the active companies, the oldest first."""
    query = select(tables.companies).where(tables.companies.c.state == "active").order_by(tables.companies.c.id)
    return [_company(row) for row in conn.execute(query).mappings()]


def find_company(conn: Connection, slug: str) -> Company:
    """Return the company with this slug; raise NotFound."""
    row = conn.execute(select(tables.companies).where(tables.companies.c.slug == slug)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no company {slug}", advice="Create it with `reelkeep company create`.")
    return _company(row)


def connections(conn: Connection, company_id: CompanyId) -> dict[ConnectionId, StorageConnection]:
    """Return every connection of the company, also those that only old versions use."""
    table = tables.storage_connections
    rows = conn.execute(select(table).where(table.c.company_id == company_id, table.c.state == "active")).mappings()
    return {ConnectionId(row["id"]): _connection(row) for row in rows}


def placements(conn: Connection, company_id: CompanyId) -> dict[str, ConnectionId]:
    """Return production id, or "" for the company's default, to the connection of new versions."""
    table = tables.placements
    rows = conn.execute(select(table).where(table.c.company_id == company_id)).mappings()
    return {row["production_id"]: ConnectionId(row["connection_id"]) for row in rows}


def add_connection(
    conn: Connection,
    company_id: CompanyId,
    *,
    bucket: str,
    region: str,
    prefix: str,
    role_arn: str,
    endpoint_url: str | None,
    sts_endpoint_url: str | None,
    path_style: bool,
    capabilities: frozenset[Capability] = frozenset(),
) -> StorageConnection:
    """Write a storage connection. Its external id is made here, random, and never typed in (facts: storage, lesson 1).

    Raises:
        Conflict: another company has this role; nothing was written.
    """
    table = tables.storage_connections
    others = select(table.c.id).where(table.c.role_arn == role_arn, table.c.company_id != company_id)
    if conn.execute(others).first() is not None:
        raise Conflict("this role belongs to another company", advice="Make a role of its own for this company.")
    row = {
        "id": new_id(),
        "company_id": company_id,
        "bucket": bucket,
        "region": region,
        "prefix": prefix.strip("/"),
        "role_arn": role_arn,
        "external_id": secrets.token_urlsafe(_EXTERNAL_ID_BYTES),
        "endpoint_url": endpoint_url,
        "sts_endpoint_url": sts_endpoint_url,
        "addressing": "path" if path_style else "virtual",
        "capabilities": _join(capabilities),
        "state": "active",
    }
    conn.execute(insert(table).values(row))
    announce(conn)
    return _connection(row)


def set_capabilities(conn: Connection, connection_id: ConnectionId, capabilities: frozenset[Capability]) -> None:
    """Write down what a probe found the store to be able to do."""
    table = tables.storage_connections
    conn.execute(update(table).where(table.c.id == connection_id).values(capabilities=_join(capabilities)))
    announce(conn)


def place(conn: Connection, company_id: CompanyId, production_id: str, connection_id: ConnectionId) -> None:
    """Have new versions of a production, or of the company (""), stored at a connection of the same company.

    Raises:
        NotFound: the company has no such connection; nothing was changed.
    """
    if connection_id not in connections(conn, company_id):
        raise NotFound("the company has no such storage connection")
    table = tables.placements
    conn.execute(delete(table).where(table.c.company_id == company_id, table.c.production_id == production_id))
    row = {"company_id": company_id, "production_id": production_id, "connection_id": connection_id}
    conn.execute(insert(table).values(row))
    announce(conn)


def _company(row: RowMapping) -> Company:
    return Company(**{name: row[name] for name in Company.__dataclass_fields__})


def _connection(row: RowMapping | Mapping[str, object]) -> StorageConnection:
    same = ("bucket", "region", "prefix", "role_arn", "external_id", "endpoint_url", "sts_endpoint_url")
    return StorageConnection(
        id=ConnectionId(str(row["id"])),
        path_style=row["addressing"] == "path",
        capabilities=frozenset(Capability(name) for name in str(row["capabilities"]).split(",") if name),
        **{name: row[name] for name in same},  # type: ignore[arg-type]
    )


def _join(capabilities: frozenset[Capability]) -> str:
    return ",".join(sorted(capability.value for capability in capabilities))
