"""A company whose database is on a PostgreSQL server of its own."""

from __future__ import annotations

import io
import secrets
import shutil
import signal
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, select, text
from tests.services.databases import open_folder

from reelkeep.catalog import audit
from reelkeep.catalog.tables import audit_events
from reelkeep.companies import backups, provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.errors import RequestError
from reelkeep.supervisor.postgres import STOP_SECONDS, EmbeddedPostgres


@pytest.fixture(scope="module")
def own_server() -> Iterator[DatabaseServer]:
    folder = open_folder("rk-own-")
    postgres = EmbeddedPostgres(folder / "db", folder / "run", folder / "postgres.log", secrets.token_urlsafe(24))
    postgres.prepare()
    child = postgres.start()
    try:
        postgres.wait_ready(child)
        yield postgres.server
    finally:
        child.stop(seconds=STOP_SECONDS, first=signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def apart(
    postgres_server: DatabaseServer, registry: Engine, keyring: LocalKeyring, own_server: DatabaseServer
) -> Company:
    """A company on its own server."""
    address = DatabaseServer.at(own_server.conninfo("postgres"))
    assert address == own_server
    slug = f"t-{secrets.token_hex(6)}"
    return provisioning.create_company(postgres_server, keyring, slug=slug, name="Apart", own_server=address)


def names_at(server: DatabaseServer) -> set[str]:
    with psycopg.connect(server.conninfo("postgres")) as conn:
        return {row[0] for row in conn.execute("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles")}


def test_its_rows_and_roles_are_there_and_nowhere_else(
    postgres_server: DatabaseServer, own_server: DatabaseServer, registry: Engine, keyring: LocalKeyring, apart: Company
) -> None:
    ours = {apart.database_name, apart.app_role, apart.owner_role}
    assert ours <= names_at(own_server)
    assert not ours & names_at(postgres_server)
    with registry.connect() as conn:
        row = queries.find_company(conn, apart.slug)
        stored = conn.execute(
            text("SELECT wrapped_server FROM companies WHERE id = :id"), {"id": apart.id}
        ).scalar_one()
    assert row == apart
    assert own_server.admin_password.encode() not in stored
    provisioning.migrate_company(postgres_server, keyring, apart)
    provisioning.limit_company(postgres_server, keyring, apart)
    engine = provisioning.app_engine(postgres_server, keyring, row)
    try:
        with engine.begin() as conn:
            audit.record(conn, "test.happened", None, None)
    finally:
        engine.dispose()


def test_its_passwords_rotate_and_its_backup_is_restored_there(
    postgres_server: DatabaseServer, own_server: DatabaseServer, keyring: LocalKeyring, apart: Company
) -> None:
    changed = provisioning.rotate_passwords(postgres_server, keyring, apart)
    sink = io.BytesIO()
    key = provisioning.company_key(keyring, changed)
    backups.write_backup(postgres_server, keyring, changed, key, sink)
    _, fresh = backups.restore_backup(postgres_server, keyring, changed, key, io.BytesIO(sink.getvalue()))
    assert fresh.database_name in names_at(own_server) - names_at(postgres_server)
    engine = provisioning.app_engine(postgres_server, keyring, fresh)
    try:
        with engine.connect() as conn:
            assert conn.execute(select(audit_events.c.what)).scalars().all() == ["database.restored"]
    finally:
        engine.dispose()
    password = keyring.unwrap(apart.wrapped_app_password, f"app-password:{apart.id}").decode()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(own_server.conninfo(apart.database_name, apart.app_role, password))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "host=db.example user=admin",
        "host=db.example user=admin password=x",
        "host=db.example user=admin password=x sslmode=require",
        "host=/run/postgresql user=admin password=x options=-cfsync=off",
        "host=/run/postgresql user=admin password=x port=many",
        "no address",
    ],
)
def test_an_address_that_would_send_the_password_in_plain_or_says_something_else_is_refused(address: str) -> None:
    with pytest.raises(RequestError) as refused:
        DatabaseServer.at(address)
    assert "password=x" not in refused.value.message
