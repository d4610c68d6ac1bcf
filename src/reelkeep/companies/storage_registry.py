"""Storage connections in the registry, and where new versions go. Every change is announced."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, or_, select, update

from reelkeep.catalog.lifecycle import step
from reelkeep.companies import tables
from reelkeep.companies.registry import Company, announce, company_of, lock_company
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.connection_states import CONNECTION_STEPS, ConnectionState, Revocation
from reelkeep.storage.interface import Capability, StorageConnection, WrappingKey
from reelkeep.storage.layout import SLUG_CHARACTERS, check_prefix, slug
from reelkeep.storage.placement import HOSTED
from reelkeep.storage.private_endpoints import PrivateEndpoints

_EXTERNAL_ID_BYTES: Final = 32
_NAME_TRIES: Final = 50
_HOSTED_ROW: Final = "hosted"


def connections(conn: Connection, company_id: CompanyId) -> dict[ConnectionId, StorageConnection]:
    """Return every connection of the company that is not retired, also those that only old versions use.

    The operator's hosted connections are among them, each below a prefix that is this company's alone.
    """
    table = tables.storage_connections
    query = select(table).where(_reaches(company_id), table.c.state != ConnectionState.RETIRED.value)
    rows = conn.execute(query.order_by(table.c.id)).mappings()
    found = {ConnectionId(row["id"]): _connection(row, company_id) for row in rows}
    company = company_of(conn, company_id)
    return found if company is None else _under_wrapping_key(found, company)


def _under_wrapping_key(
    found: dict[ConnectionId, StorageConnection], company: Company
) -> dict[ConnectionId, StorageConnection]:
    """Return connections as they are while the company key opens with one of them alone.

    Where that one is not in use, none is: their proxies could not be opened, nor any be made.
    """
    key_id = company.key_connection_id
    if key_id is None or key_id not in found:
        return found
    key = WrappingKey(company.key_arn or "", company.id, company.key_probe or b"")
    opener = found[key_id] = replace(found[key_id], wrapping_key=key)
    if opener.state is ConnectionState.ACTIVE:
        return found
    is_revoked = opener.state is ConnectionState.REVOKED
    state = ConnectionState.REVOKED if is_revoked else ConnectionState.SUSPENDED
    by = Revocation.WRAPPING_KEY if is_revoked else None
    return {
        one.id: replace(one, state=state, revoked_by=by) if one.state is ConnectionState.ACTIVE else one
        for one in found.values()
    }


def hosted_connections(conn: Connection) -> dict[ConnectionId, StorageConnection]:
    """Return the operator's own connections that are not retired, as they were written down."""
    table = tables.storage_connections
    query = select(table).where(table.c.company_id.is_(None), table.c.state != ConnectionState.RETIRED.value)
    rows = conn.execute(query.order_by(table.c.id)).mappings()
    return {ConnectionId(row["id"]): _connection(row, None) for row in rows}


def placements(conn: Connection, company_id: CompanyId) -> dict[str, ConnectionId]:
    """Return production id, ``storage.placement.COMPANY`` or ``HOSTED`` to the connection of new versions."""
    table = tables.placements
    rows = conn.execute(select(table).where(table.c.company_id == company_id)).mappings()
    found = {row["production_id"]: ConnectionId(row["connection_id"]) for row in rows}
    hosted = conn.execute(select(tables.hosted_placement.c.connection_id)).scalar_one_or_none()
    return found if hosted is None else {**found, HOSTED: ConnectionId(hosted)}


def add_connection(
    conn: Connection,
    company_id: CompanyId | None,
    *,
    bucket: str,
    region: str,
    prefix: str,
    role_arn: str,
    endpoint_url: str | None,
    sts_endpoint_url: str | None,
    path_style: bool,
    capabilities: frozenset[Capability] = frozenset(),
    name: str = "",
    state: ConnectionState = ConnectionState.DRAFT,
) -> StorageConnection:
    """Write a storage connection. Its external id is made here, random, and never typed in.

    Args:
        company_id: None for the operator's hosted storage, which every company may use.
        name: as people will call it; made from the bucket's if not given.

    Raises:
        Conflict: another company has this role, or the name is taken; nothing was written.
        StorageSetupError: hosted, and the prefix leaves no room for a company's own below it; nothing was written.
    """
    table = tables.storage_connections
    others = select(table.c.id).where(table.c.role_arn == role_arn, table.c.company_id.is_distinct_from(company_id))
    if conn.execute(others).first() is not None:
        raise Conflict("this role cannot be used for this connection", advice="Make roles of its own for this company.")
    if company_id is None:
        check_prefix(_company_prefix(prefix.strip("/"), new_id()))
    row = {
        "id": new_id(),
        "company_id": company_id,
        "name": _free_name(conn, company_id, name, bucket),
        "bucket": bucket,
        "region": region,
        "prefix": prefix.strip("/"),
        "role_arn": role_arn,
        "external_id": secrets.token_urlsafe(_EXTERNAL_ID_BYTES),
        "endpoint_url": endpoint_url,
        "sts_endpoint_url": sts_endpoint_url,
        "addressing": "path" if path_style else "virtual",
        "capabilities": _join(capabilities),
        "state": state.value,
    }
    conn.execute(insert(table).values(row))
    announce(conn)
    return _connection(row, company_id)


def set_capabilities(conn: Connection, connection_id: ConnectionId, capabilities: frozenset[Capability]) -> None:
    """Write down what a probe found the store to be able to do."""
    table = tables.storage_connections
    conn.execute(update(table).where(table.c.id == connection_id).values(capabilities=_join(capabilities)))
    announce(conn)


def set_endpoint(
    conn: Connection, connection_id: ConnectionId, endpoint_url: str, sts_endpoint_url: str, *, path_style: bool
) -> None:
    """Say where a draft's store is, if it is not AWS.

    Raises:
        Conflict: it is no draft any more; nothing was changed.
    """
    table = tables.storage_connections
    same = (table.c.id == connection_id, table.c.endpoint_url == endpoint_url)
    if conn.execute(select(table.c.id).where(*same)).first() is not None:
        return
    values = {
        "endpoint_url": endpoint_url,
        "sts_endpoint_url": sts_endpoint_url,
        "addressing": "path" if path_style else "virtual",
    }
    draft = (table.c.id == connection_id, table.c.state == ConnectionState.DRAFT.value)
    if conn.execute(update(table).where(*draft).values(values)).rowcount != 1:
        raise Conflict("a connection that has been used keeps its store", advice="Connect the other store anew.")
    announce(conn)


def set_private(conn: Connection, connection_id: ConnectionId, private: PrivateEndpoints | None) -> None:
    """Make a connection isolated, or direct (None); raise NotFound if there is none of that id."""
    table = tables.storage_connections
    values = {
        "client_endpoint_url": private.clients if private else None,
        "platform_endpoint_url": private.platform if private else None,
    }
    if conn.execute(update(table).where(table.c.id == connection_id).values(values)).rowcount != 1:
        raise NotFound("there is no such storage connection")
    announce(conn)


def move_connection(conn: Connection, connection_id: ConnectionId, state: ConnectionState) -> ConnectionState:
    """Take one step of ``CONNECTION_STEPS``, lock the row, tell the supervisor; return the state before.

    Raises:
        NotFound: no such connection. Conflict: the table does not allow the step, or a company key opens with this
            connection and it is to be retired. Nothing was changed.
    """
    table = tables.storage_connections
    query = select(table.c.state).where(table.c.id == connection_id).with_for_update()
    found = conn.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("there is no such storage connection")
    old = ConnectionState(found)
    if state is ConnectionState.RETIRED:
        _check_opens_no_key(conn, connection_id)
    values = {"state": step(CONNECTION_STEPS, old, state).value, "state_since": func.now(), "revoked_by": None}
    conn.execute(update(table).where(table.c.id == connection_id).values(values))
    announce(conn)
    return old


def _check_opens_no_key(conn: Connection, connection_id: ConnectionId) -> None:
    query = select(tables.companies.c.slug).where(tables.companies.c.key_connection_id == connection_id)
    slug = conn.execute(query).scalar_one_or_none()
    if slug is not None:
        raise Conflict(
            "the company key opens with the wrapping key of this storage connection",
            advice=f"Take the wrapping off first: `reelkeep company unwrap --company {slug}`.",
        )


def revoke_connection(conn: Connection, company_id: CompanyId, connection_id: ConnectionId, by: Revocation) -> bool:
    """Note that a company's own connection in use refuses the platform; return False if it was not in use.

    Args:
        by: what refused it; another connection's company, or the operator's hosted storage, is never changed. A
            wrapping key that wraps the company key no more, as a process may still think, revokes nothing.
    """
    table = tables.storage_connections
    if by is Revocation.WRAPPING_KEY and lock_company(conn, company_id).key_connection_id != connection_id:
        return False
    mine = (table.c.id == connection_id, table.c.company_id == company_id)
    query = select(table.c.state).where(*mine).with_for_update()
    if conn.execute(query).scalar_one_or_none() != ConnectionState.ACTIVE.value:
        return False
    move_connection(conn, connection_id, ConnectionState.REVOKED)
    conn.execute(update(table).where(table.c.id == connection_id).values(revoked_by=by.value))
    return True


def resume_revoked(conn: Connection, company_id: CompanyId, connection_id: ConnectionId) -> None:
    """Put a company's own revoked connection into use again; one in use stays so.

    Raises:
        NotFound: the company has none of this id. Conflict: it is neither revoked nor in use. Nothing was changed.
    """
    table = tables.storage_connections
    mine = (table.c.id == connection_id, table.c.company_id == company_id)
    state = conn.execute(select(table.c.state).where(*mine).with_for_update()).scalar_one_or_none()
    if state is None:
        raise NotFound("the company has no such storage connection")
    if state == ConnectionState.ACTIVE.value:
        return
    if state != ConnectionState.REVOKED.value:
        raise Conflict(
            f"this storage connection is {state}, not revoked",
            advice="The operator resumes it with `reelkeep storage resume`.",
        )
    move_connection(conn, connection_id, ConnectionState.VERIFIED)
    move_connection(conn, connection_id, ConnectionState.ACTIVE)


def note_marker(conn: Connection, connection_id: ConnectionId) -> None:
    """Write down that the connection's marker is in its bucket: from now on its absence is a refusal."""
    table = tables.storage_connections
    conn.execute(update(table).where(table.c.id == connection_id).values(has_marker=True))
    announce(conn)


def verify_connection(conn: Connection, connection_id: ConnectionId, capabilities: frozenset[Capability]) -> None:
    """Record a check that passed: the connection is *verified*, or stays what it is if it is in use.

    Raises:
        NotFound: no such connection. Conflict: it is retired. Nothing was changed.
    """
    table = tables.storage_connections
    query = select(table.c.state).where(table.c.id == connection_id).with_for_update()
    found = conn.execute(query).scalar_one_or_none()
    if found not in (ConnectionState.VERIFIED.value, ConnectionState.ACTIVE.value):
        move_connection(conn, connection_id, ConnectionState.VERIFIED)
    set_capabilities(conn, connection_id, capabilities)


def activate_connection(conn: Connection, connection_id: ConnectionId) -> None:
    """Put a verified connection into use; one in use stays so. The only way to *active*.

    Raises:
        NotFound: no such connection. Conflict: its last check did not pass. Nothing was changed.
    """
    table = tables.storage_connections
    query = select(table.c.state).where(table.c.id == connection_id).with_for_update()
    if conn.execute(query).scalar_one_or_none() != ConnectionState.ACTIVE.value:
        move_connection(conn, connection_id, ConnectionState.ACTIVE)


def place(conn: Connection, company_id: CompanyId, production_id: str, connection_id: ConnectionId) -> None:
    """Have new versions of a production, or of the company (""), stored at one of its connections, or a hosted one.

    Raises:
        NotFound: the company has no such connection. Conflict: it is not in use. Nothing was changed.
    """
    _check_in_use(connections(conn, company_id).get(connection_id))
    unplace(conn, company_id, production_id)
    row = {"company_id": company_id, "production_id": production_id, "connection_id": connection_id}
    conn.execute(insert(tables.placements).values(row))


def place_hosted(conn: Connection, connection_id: ConnectionId) -> None:
    """Have new versions of every company without a place of its own stored at a connection of the operator's.

    Raises:
        NotFound: it is none of the operator's. Conflict: it is not in use. Nothing was changed.
    """
    _check_in_use(hosted_connections(conn).get(connection_id))
    conn.execute(delete(tables.hosted_placement))
    conn.execute(insert(tables.hosted_placement).values(id=_HOSTED_ROW, connection_id=connection_id))
    announce(conn)


def unplace(conn: Connection, company_id: CompanyId, production_id: str) -> bool:
    """Let a production, or the company (""), inherit its place again; return whether it had one of its own."""
    table = tables.placements
    this = (table.c.company_id == company_id, table.c.production_id == production_id)
    announce(conn)
    return conn.execute(delete(table).where(*this)).rowcount == 1


def placed_at(conn: Connection, connection_id: ConnectionId) -> list[tuple[CompanyId | None, str]]:
    """Return for whom new versions go to a connection: company and production id, (None, HOSTED) for everybody."""
    table, hosted = tables.placements, tables.hosted_placement
    query = select(table.c.company_id, table.c.production_id).where(table.c.connection_id == connection_id)
    found: list[tuple[CompanyId | None, str]] = [(CompanyId(row[0]), row[1]) for row in conn.execute(query)]
    if conn.execute(select(hosted.c.id).where(hosted.c.connection_id == connection_id)).first() is not None:
        found.append((None, HOSTED))
    return found


def _reaches(company_id: CompanyId) -> ColumnElement[bool]:
    table = tables.storage_connections
    return or_(table.c.company_id == company_id, table.c.company_id.is_(None))


def _check_in_use(connection: StorageConnection | None) -> None:
    if connection is None:
        raise NotFound("the company has no such storage connection")
    if connection.state is not ConnectionState.ACTIVE:
        raise Conflict(
            f"the storage connection {connection.name} is {connection.state.value}",
            advice=f"Try it out with `reelkeep storage verify {connection.name}`, then `reelkeep storage activate`.",
        )


def _company_prefix(prefix: str, company_id: str) -> str:
    return "/".join(filter(None, (prefix, company_id)))


def _free_name(conn: Connection, company_id: CompanyId | None, wanted: str, bucket: str) -> str:
    """Return the name of a new connection; hosted ones share no name with any company's."""
    table = tables.storage_connections
    query = select(table.c.name)
    if company_id is not None:
        query = query.where(_reaches(company_id))
    taken = set(conn.scalars(query))
    if wanted and (wanted in taken or slug(wanted) != wanted):
        if wanted in taken:
            raise Conflict(f"there is a storage connection {wanted} already", advice="Choose another name.")
        raise Conflict("this name does not do", advice=f"Use a to z, 0 to 9 and inner hyphens, as {slug(wanted)}.")
    base = wanted or slug(bucket)
    for number in range(1, _NAME_TRIES + 1):
        tail = "" if number == 1 else f"-{number}"
        if (candidate := base[: SLUG_CHARACTERS - len(tail)] + tail) not in taken:
            return candidate
    raise Conflict("there are too many connections to this bucket", advice="Choose a name with --name.")


def _connection(row: RowMapping | Mapping[str, object], company_id: CompanyId | None) -> StorageConnection:
    """Return a row as a connection; a hosted one, for a company, reaches a prefix of that company alone."""
    same = ("bucket", "region", "role_arn", "external_id", "endpoint_url", "sts_endpoint_url", "name")
    prefix, is_hosted = str(row["prefix"]), row["company_id"] is None
    if is_hosted and company_id is not None:
        prefix = _company_prefix(prefix, company_id)
    return StorageConnection(
        id=ConnectionId(str(row["id"])),
        prefix=prefix,
        path_style=row["addressing"] == "path",
        state=ConnectionState(str(row["state"])),
        revoked_by=Revocation(str(row["revoked_by"])) if row.get("revoked_by") else None,
        has_marker=bool(row.get("has_marker")),
        private=_private(row.get("client_endpoint_url"), row.get("platform_endpoint_url")),
        is_hosted=is_hosted,
        capabilities=frozenset(Capability(name) for name in str(row["capabilities"]).split(",") if name),
        **{name: row[name] for name in same},  # type: ignore[arg-type]
    )


def _private(clients: object, platform: object) -> PrivateEndpoints | None:
    return PrivateEndpoints(str(clients), str(platform)) if clients is not None else None


def _join(capabilities: frozenset[Capability]) -> str:
    return ",".join(sorted(capability.value for capability in capabilities))
