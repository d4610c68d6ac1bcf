"""The registry and the companies' databases: roles, rights, migrations, on a real PostgreSQL."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from tests.services.databases import MakeCompany
from tests.services.installation import ask, installation, wait_until

import reelkeep.catalog.tables
import reelkeep.companies.tables
from reelkeep.cli import main
from reelkeep.companies import provisioning, storage_registry
from reelkeep.companies import registry as queries
from reelkeep.companies.databases import ADMIN_ROLE, DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.companies.role_limits import APP_LIMITS, OWNER_LIMITS
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.errors import Conflict, NotFound, RequestError
from reelkeep.ids import CompanyId, ConnectionId, new_id
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.supervisor.folder import DataFolder


def _differences(engine: Engine, metadata: MetaData) -> list[object]:
    def ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
        return kind != "table" or name in metadata.tables

    with engine.connect() as conn:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"include_object": ours}), metadata))


def _conninfo(server: DatabaseServer, keyring: LocalKeyring, company: Company, role: str) -> str:
    """Return the way to a company's database as its "app" or "owner" role."""
    password = keyring.unwrap(getattr(company, f"wrapped_{role}_password"), f"{role}-password:{company.id}").decode()
    return server.conninfo(company.database_name, getattr(company, f"{role}_role"), password)


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
    log = (postgres_server.host.parents[1] / "postgres.log").read_text()
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
    conninfo = _conninfo(postgres_server, keyring, ours, role)
    psycopg.connect(conninfo).close()
    for database in (theirs.database_name, "postgres", "template1", queries.DATABASE):
        with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
            psycopg.connect(conninfo, dbname=database)


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


def test_the_app_role_may_only_add_to_grants_audit_events_and_the_process_ledger(company_database: Engine) -> None:
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
    return storage_registry.add_connection(
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
        assert storage_registry.connections(conn, ours.id) == {first.id: first, second.id: second}
        assert first.prefix == "a/b"
        with pytest.raises(Conflict):
            _connect(conn, theirs.id, arn)


def test_a_company_cannot_be_placed_at_another_companys_connection(registry: Engine, make_company: MakeCompany) -> None:
    ours, theirs = make_company(), make_company()
    with registry.begin() as conn:
        connection = _connect(conn, ours.id, f"arn:aws:iam::1:role/{new_id()}")
        storage_registry.place(conn, ours.id, "", connection.id)
        assert storage_registry.placements(conn, ours.id) == {"": connection.id}
        with pytest.raises(NotFound):
            storage_registry.place(conn, theirs.id, "", connection.id)
        with pytest.raises(NotFound):
            storage_registry.place(conn, ours.id, "", ConnectionId(new_id()))


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


def _setting(engine: Engine, name: str) -> str:
    with engine.connect() as conn:
        return str(conn.execute(text(f"SHOW {name}")).scalar_one())


def test_a_companys_roles_are_limited_in_what_they_use_of_the_server(
    company: Company, company_database: Engine, company_owner: Engine, registry: Engine
) -> None:
    for name, value in APP_LIMITS.settings.items():
        assert _setting(company_database, name) == {"300s": "5min", "600s": "10min", "60s": "1min"}.get(value, value)
    assert _setting(company_owner, "temp_file_limit") == "1GB"
    with company_database.connect() as conn, pytest.raises(ProgrammingError, match="permission denied"):
        conn.execute(text("SET temp_file_limit = -1"))
    query = text("SELECT rolconnlimit, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = :name")
    with registry.connect() as conn:
        found = [tuple(conn.execute(query, {"name": role}).one()) for role in (company.app_role, company.owner_role)]
    assert found == [(APP_LIMITS.connections, False, False, False), (OWNER_LIMITS.connections, False, False, False)]


def test_a_company_gets_no_more_connections_than_its_limit_and_another_one_still_gets_its(
    postgres_server: DatabaseServer, keyring: LocalKeyring, make_company: MakeCompany
) -> None:
    greedy, other = make_company(), make_company()
    with contextlib.ExitStack() as stack:
        for _ in range(OWNER_LIMITS.connections):
            stack.enter_context(psycopg.connect(_conninfo(postgres_server, keyring, greedy, "owner")))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(_conninfo(postgres_server, keyring, greedy, "owner"))
        psycopg.connect(_conninfo(postgres_server, keyring, other, "owner")).close()


def test_a_pool_holds_three_connections_at_most_and_an_idle_company_none(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, registry: Engine
) -> None:
    def backends() -> int:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE usename = :name")
        with registry.connect() as conn:
            return int(conn.execute(query, {"name": company.app_role}).scalar_one())

    with registry.begin() as conn:  # a minute is too long for a test
        conn.execute(text(f"ALTER ROLE \"{company.app_role}\" SET idle_session_timeout = '200ms'"))
    engine = provisioning.app_engine(postgres_server, keyring, company)
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(engine.connect())
            assert engine.pool.checkedout() == backends() == 3
        wait_until(lambda: backends() == 0)
        with engine.connect() as conn:  # whoever comes back does not notice
            assert conn.execute(select(1)).scalar_one() == 1
    finally:
        engine.dispose()


def test_passwords_are_rotated_for_both_roles_at_once(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, registry: Engine
) -> None:
    changed = provisioning.rotate_passwords(postgres_server, keyring, company)
    with registry.connect() as conn:
        assert queries.find_company(conn, company.slug) == changed
    for role in ("app", "owner"):
        psycopg.connect(_conninfo(postgres_server, keyring, changed, role)).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(_conninfo(postgres_server, keyring, company, role))


def test_a_rotation_that_fails_leaves_the_passwords_as_they_were(
    postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company
) -> None:
    gone = replace(company, app_role="c_nobody_app")
    with pytest.raises(psycopg.errors.UndefinedObject):
        provisioning.rotate_passwords(postgres_server, keyring, gone)
    for role in ("app", "owner"):
        psycopg.connect(_conninfo(postgres_server, keyring, company, role)).close()


def test_the_supervisors_role_reads_the_registry_and_changes_connections_alone(
    postgres_server: DatabaseServer, registry: Engine, company: Company
) -> None:
    provisioning.open_registry(postgres_server, "a password of this test")
    engine = postgres_server.engine(queries.DATABASE, provisioning.REGISTRY_ROLE, "a password of this test")
    try:
        with engine.connect() as conn:
            assert company in queries.companies(conn)
        for statement in (
            "UPDATE companies SET state = 'suspended'",
            "DELETE FROM storage_connections",
            "INSERT INTO installation (id, proxy_format_version) VALUES ('x', 1)",
            "SELECT count(*) FROM procrastinate_jobs",
            "CREATE TABLE x ()",
        ):
            with engine.connect() as conn, pytest.raises(ProgrammingError, match="permission denied"):
                conn.execute(text(statement))
        with engine.begin() as conn:
            conn.execute(text("UPDATE storage_connections SET state = state"))
    finally:
        engine.dispose()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(
            postgres_server.conninfo(company.database_name, provisioning.REGISTRY_ROLE, "a password of this test")
        )


def test_while_it_runs_nobody_is_a_superuser_and_rotated_passwords_reach_the_processes() -> None:
    with installation() as one:
        company = one.create_company("acme")
        folder = DataFolder.open(one.data)
        before = wait_until(lambda: ask(one, "acme.localhost"))["pid"]
        query = "SELECT usename FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        with psycopg.connect(folder.server().conninfo("postgres"), autocommit=True) as conn:

            def roles() -> set[str]:
                return {row[0] for row in conn.execute(query)}

            wait_until(lambda: ADMIN_ROLE not in roles())  # the company was made by it a moment ago
            assert provisioning.REGISTRY_ROLE in roles()
        assert main(["company", "rotate-passwords", "acme", "--data", str(one.data)]) == 0
        wait_until(lambda: ask(one, "acme.localhost")["pid"] != before)
        registry = queries.engine(folder.server())
        with registry.connect() as conn:
            changed = queries.find_company(conn, "acme")
        registry.dispose()
        assert changed.wrapped_app_password != company.wrapped_app_password
        assert wait_until(lambda: one.ended_process(changed, before)).reason == "renewed"
