"""Companies in the registry. Every change is announced, so that the supervisor takes it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from reelkeep.catalog.lifecycle import step
from reelkeep.companies import tables
from reelkeep.companies.company_states import COMPANY_STEPS, CompanyState
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.network_policy import NetworkPolicy, policy_from_fields
from reelkeep.companies.schema import Schema
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.interface import WrappingKey

DATABASE: Final = "reelkeep_registry"
_PROXY_FORMAT: Final = 1  # packaging.bundle_index.FORMAT_VERSION
_INSTALLATION_LOCK: Final = 7_235_419_002  # two operators at once make one id


_DATABASE_FIELDS: Final = (
    "database_name", "owner_role", "app_role", "wrapped_owner_password", "wrapped_app_password", "wrapped_server",
)  # fmt: skip


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
    key_connection_id: ConnectionId | None = None  # set: the company's own key wraps the company key, too
    key_arn: str | None = None
    key_probe: bytes | None = field(repr=False, default=None)
    network: Mapping[str, Any] | None = None  # companies.network_policy; None: the site is open to everybody
    wrapped_server: bytes | None = field(repr=False, default=None)  # None: the installation's own
    schema_revision: str | None = None  # that its database had when this release or another last looked
    schema_floor: str | None = None  # companies.schema.Schema
    roll_overs: int = 0  # so often its processes were told to make place for new ones

    @property
    def schema(self) -> Schema | None:
        """What its database is, as somebody last saw it; None: nobody has yet."""
        if self.schema_revision is None or self.schema_floor is None:
            return None
        return Schema(self.schema_revision, self.schema_floor)

    def has_same_database(self, other: Company) -> bool:
        """Tell whether processes that know this row's database know the other's."""
        return all(getattr(self, name) == getattr(other, name) for name in _DATABASE_FIELDS)


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


def change_passwords(conn: Connection, company: Company) -> None:
    """Write the wrapped passwords of a company's row; raise NotFound if there is no such company."""
    wrapped = {name: getattr(company, name) for name in ("wrapped_owner_password", "wrapped_app_password")}
    statement = update(tables.companies).where(tables.companies.c.id == company.id).values(wrapped)
    if conn.execute(statement).rowcount != 1:
        raise NotFound("there is no such company")
    announce(conn)


def change_database(conn: Connection, company: Company) -> None:
    """Let a company have another database of the same server; raise NotFound if there is no such company."""
    fields = ("database_name", "schema_revision", "schema_floor")
    values = {name: getattr(company, name) for name in fields}
    if conn.execute(update(tables.companies).where(tables.companies.c.id == company.id).values(values)).rowcount != 1:
        raise NotFound("there is no such company")
    announce(conn)


def note_schema(conn: Connection, company_id: CompanyId, schema: Schema) -> None:
    """Write down how far a company's database is."""
    values = {"schema_revision": schema.revision, "schema_floor": schema.floor}
    conn.execute(update(tables.companies).where(tables.companies.c.id == company_id).values(values))
    announce(conn)


def roll_over(conn: Connection, company_id: CompanyId) -> None:
    """Have the company's processes make place for new ones, of the release that is installed by now."""
    table = tables.companies
    conn.execute(update(table).where(table.c.id == company_id).values(roll_overs=table.c.roll_overs + 1))
    announce(conn)


def move_company(conn: Connection, company_id: CompanyId, state: CompanyState) -> None:
    """Take one step of ``COMPANY_STEPS``; raise Conflict if the table does not allow it, with nothing changed."""
    old = CompanyState(lock_company(conn, company_id).state)
    values = {"state": step(COMPANY_STEPS, old, state).value}
    conn.execute(update(tables.companies).where(tables.companies.c.id == company_id).values(values))
    announce(conn)


def all_companies(conn: Connection) -> list[Company]:
    """Return every company, in whatever state, the oldest first."""
    return [_company(row) for row in conn.execute(select(tables.companies).order_by(tables.companies.c.id)).mappings()]


def companies(conn: Connection) -> list[Company]:
    """Return the active companies, the oldest first."""
    query = select(tables.companies).where(tables.companies.c.state == "active").order_by(tables.companies.c.id)
    return [_company(row) for row in conn.execute(query).mappings()]


def company_of(conn: Connection, company_id: CompanyId) -> Company | None:
    """Return the company with this id, in whatever state; None if there is none."""
    query = select(tables.companies).where(tables.companies.c.id == company_id)
    row = conn.execute(query).mappings().one_or_none()
    return _company(row) if row is not None else None


def find_company(conn: Connection, slug: str) -> Company:
    """Return the company with this slug; raise NotFound."""
    row = conn.execute(select(tables.companies).where(tables.companies.c.slug == slug)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no company {slug}", advice="Create it with `reelkeep company create`.")
    return _company(row)


def set_network(conn: Connection, company_id: CompanyId, policy: NetworkPolicy | None) -> None:
    """Close a company's site to all but these networks and endpoints, or open it to everybody (None)."""
    fields = policy.as_fields() if policy is not None else None
    conn.execute(update(tables.companies).where(tables.companies.c.id == company_id).values(network=fields))
    announce(conn)


def network(conn: Connection, company_id: CompanyId) -> NetworkPolicy | None:
    """Return what a company's site is open to; None: to everybody."""
    query = select(tables.companies.c.network).where(tables.companies.c.id == company_id)
    return policy_from_fields(conn.execute(query).scalar_one())


def lock_company(conn: Connection, company_id: CompanyId) -> Company:
    """Return a company as it is now, and keep others from changing its row until this transaction ends."""
    query = select(tables.companies).where(tables.companies.c.id == company_id).with_for_update()
    return _company(conn.execute(query).mappings().one())


def set_company_key(
    conn: Connection, company_id: CompanyId, wrapped: bytes, key: WrappingKey | None, connection_id: ConnectionId | None
) -> None:
    """Write the company key down as it is wrapped from now on; the former form is overwritten.

    Args:
        wrapped: under the operator's keyring; within, under ``key`` if there is one.
        connection_id: with whose role ``key`` is used.
    """
    values = {
        "wrapped_company_key": wrapped,
        "key_connection_id": connection_id,
        "key_arn": key.arn if key else None,
        "key_probe": key.probe if key else None,
    }
    conn.execute(update(tables.companies).where(tables.companies.c.id == company_id).values(values))
    announce(conn)


def forget_former_rows(registry: Engine) -> None:
    """Write the companies' table anew, so that its file holds no former form of a wrapped key.

    The write-ahead log and backups keep it until they go.
    """
    with registry.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql(f"VACUUM (FULL) {tables.companies.name}")


def installation_id(conn: Connection) -> str:
    """Return the id of this installation; made when it is first asked for."""
    table = tables.installation
    conn.execute(select(func.pg_advisory_xact_lock(_INSTALLATION_LOCK)))
    found = conn.execute(select(table.c.id)).scalar_one_or_none()
    if found is None:
        found = new_id()
        conn.execute(insert(table).values(id=found, proxy_format_version=_PROXY_FORMAT))
    return str(found)


def _company(row: RowMapping) -> Company:
    return Company(**{name: row[name] for name in Company.__dataclass_fields__})
