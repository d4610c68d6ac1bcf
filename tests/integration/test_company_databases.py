"""The registry and the companies' databases: roles, rights, migrations, on a real PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from tests.services.databases import MakeCompany

import reelkeep.catalog.tables
import reelkeep.companies.tables
from reelkeep.companies import provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.errors import Conflict, NotFound, RequestError
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.connection_states import ConnectionState


def _differences(engine: Engine, metadata: MetaData) -> list[object]:
    def ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
        return kind != "table" or name in metadata.tables

    with engine.connect() as conn:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"include_object": ours}), metadata))


def test_the_servers_log_tells_no_value_of_a_row(postgres_server: DatabaseServer, company_database: Engine) -> None:
    """A refused row is a line in the log, and the log is the operator's, not the company's."""
    address = f"ada-{new_id()}@example.org"
    values = {"email": address, "name": "Ada", "password_hash": "x"}
    with company_database.begin() as conn:
        conn.execute(insert(reelkeep.catalog.tables.users).values(id=new_id(), **values))
    with pytest.raises(IntegrityError), company_database.begin() as conn:
        conn.execute(insert(reelkeep.catalog.tables.users).values(id=new_id(), **values))
    with pytest.raises(ProgrammingError), company_database.begin() as conn:
        conn.execute(text(f"SELECT '{address}' FROM nowhere"))
    log = (postgres_server.host.parent / "postgres.log").read_text()
    assert "uq_users_email" in log
    assert address not in log


def test_the_registrys_migrations_make_exactly_its_tables(registry: Engine) -> None:
    assert _differences(registry, reelkeep.companies.tables.metadata) == []


def test_the_company_databases_migrations_make_exactly_its_tables(company_owner: Engine) -> None:
    assert _differences(company_owner, reelkeep.catalog.tables.metadata) == []


def test_migrating_again_changes_nothing(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, company_owner: Engine
) -> None:
    provisioning.migrate_company(postgres_server, keyring, company)
    provisioning.prepare_registry(postgres_server)
    assert _differences(company_owner, reelkeep.catalog.tables.metadata) == []


@pytest.mark.parametrize("role", ["app", "owner"])
def test_a_companys_role_cannot_connect_to_another_companys_database(
    role: str, postgres_server: DatabaseServer, keyring: LocalKeyring, make_company: MakeCompany
) -> None:
    ours, theirs = make_company(), make_company()
    wrapped = ours.wrapped_app_password if role == "app" else ours.wrapped_owner_password
    password = keyring.unwrap(wrapped, f"{role}-password:{ours.id}").decode()
    name = ours.app_role if role == "app" else ours.owner_role
    psycopg.connect(postgres_server.conninfo(ours.database_name, name, password)).close()
    for database in (theirs.database_name, "postgres", "template1", queries.DATABASE):
        with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
            psycopg.connect(postgres_server.conninfo(database, name, password))


def test_the_doorbell_role_reaches_procrastinates_tables_only(
    postgres_server: DatabaseServer, registry: Engine, company: Company
) -> None:
    conninfo = provisioning.open_doorbell(postgres_server)
    with psycopg.connect(conninfo) as conn:
        conn.execute("SELECT count(*) FROM procrastinate_jobs")
        for table in reelkeep.companies.tables.metadata.tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"SELECT count(*) FROM {table}")
            conn.rollback()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(conninfo, dbname=company.database_name)


def test_no_database_lets_everybody_connect_or_make_temporary_tables(registry: Engine, company: Company) -> None:
    query = text(
        "SELECT datname FROM pg_database WHERE datallowconn AND (has_database_privilege('public', oid, 'CONNECT') "
        "OR has_database_privilege('public', oid, 'TEMP'))"
    )
    with registry.connect() as conn:
        assert conn.execute(query).scalars().all() == []


def test_the_app_role_may_only_add_to_grants_and_audit_events(company_database: Engine) -> None:
    for table in reelkeep.catalog.tables.APPEND_ONLY:
        for statement in (f"UPDATE {table.name} SET id = id", f"DELETE FROM {table.name}", f"TRUNCATE {table.name}"):
            with company_database.connect() as conn, pytest.raises(ProgrammingError, match="permission denied"):
                conn.execute(text(statement))
    with company_database.begin() as conn:
        events = reelkeep.catalog.tables.audit_events
        conn.execute(insert(events).values(id=new_id(), what="test.happened"))
        assert conn.execute(select(func.count()).select_from(events)).scalar_one() == 1


def test_the_app_role_may_change_rows_but_not_tables(company_database: Engine) -> None:
    with company_database.begin() as conn:
        conn.execute(text("INSERT INTO productions (id, slug, name) VALUES ('p', 'p', 'P')"))
        conn.execute(text("UPDATE productions SET name = 'Q'"))
        conn.execute(text("DELETE FROM productions"))
    refused = r"permission denied|must be owner"
    for statement in ("CREATE TABLE x ()", "DROP TABLE users", "ALTER TABLE users ADD x int", "CREATE TEMP TABLE x ()"):
        with (
            company_database.connect() as conn,
            pytest.raises(ProgrammingError, match=refused),
        ):
            conn.execute(text(statement))


def test_a_taken_slug_is_refused_and_leaves_nothing_behind(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, registry: Engine
) -> None:
    count = text("SELECT (SELECT count(*) FROM pg_database) + (SELECT count(*) FROM pg_roles)")
    with registry.connect() as conn:
        before = conn.execute(count).scalar_one()
    with pytest.raises(Conflict):
        provisioning.create_company(postgres_server, keyring, slug=company.slug, name="Another")
    with registry.connect() as conn:
        assert conn.execute(count).scalar_one() == before


@pytest.mark.parametrize("slug", ["", "Acme", "a b", "-a", "a-", "a.b", "ä", "a" * 41, "acme-media"])
def test_a_slug_that_is_no_host_name_is_refused(
    slug: str, postgres_server: DatabaseServer, keyring: LocalKeyring, registry: Engine
) -> None:
    with pytest.raises((RequestError, Conflict)):
        provisioning.create_company(postgres_server, keyring, slug=slug, name="X")


def test_names_of_databases_and_roles_do_not_tell_whose_they_are(company: Company) -> None:
    for name in (company.database_name, company.owner_role, company.app_role):
        assert company.slug not in name
        assert company.id not in name


def _connect(conn, company_id: CompanyId, role_arn: str):
    return queries.add_connection(
        conn,
        company_id,
        bucket="b",
        region="us-east-1",
        prefix="/a/b/",
        role_arn=role_arn,
        endpoint_url=None,
        sts_endpoint_url=None,
        path_style=False,
        state=ConnectionState.ACTIVE,
    )


def test_a_role_belongs_to_one_company_and_gets_a_fresh_external_id_each_time(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours, theirs, arn = make_company(), make_company(), f"arn:aws:iam::1:role/{new_id()}"
    with registry.begin() as conn:
        first, second = _connect(conn, ours.id, arn), _connect(conn, ours.id, arn)
        assert first.external_id != second.external_id
        assert len(first.external_id) >= 40
        assert queries.connections(conn, ours.id) == {first.id: first, second.id: second}
        assert first.prefix == "a/b"
        with pytest.raises(Conflict):
            _connect(conn, theirs.id, arn)


def test_a_company_cannot_be_placed_at_another_companys_connection(registry: Engine, make_company: MakeCompany) -> None:
    ours, theirs = make_company(), make_company()
    with registry.begin() as conn:
        connection = _connect(conn, ours.id, f"arn:aws:iam::1:role/{new_id()}")
        queries.place(conn, ours.id, "", connection.id)
        assert queries.placements(conn, ours.id) == {"": connection.id}
        with pytest.raises(NotFound):
            queries.place(conn, theirs.id, "", connection.id)
        with pytest.raises(NotFound):
            queries.place(conn, ours.id, "", ConnectionId(new_id()))


def test_a_change_of_the_registry_is_announced(
    postgres_server: DatabaseServer, registry: Engine, company: Company
) -> None:
    with psycopg.connect(postgres_server.conninfo(queries.DATABASE), autocommit=True) as listener:
        listener.execute("LISTEN reelkeep_registry")
        with registry.begin() as conn:
            _connect(conn, company.id, f"arn:aws:iam::1:role/{new_id()}")
        assert next(listener.notifies(timeout=5, stop_after=1)).channel == "reelkeep_registry"


def test_a_wrong_password_is_refused_on_the_unix_socket(postgres_server: DatabaseServer, company: Company) -> None:
    engine = postgres_server.engine(company.database_name, company.app_role, "wrong")
    with pytest.raises(OperationalError, match="password authentication failed"), engine.connect():
        pass
