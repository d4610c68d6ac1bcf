"""Makes the registry and the companies' databases, with their roles and rights.

Every company has a database with an opaque name, an owner role for migrations and an app role. PostgreSQL grants
CONNECT and TEMPORARY on every database to PUBLIC by default; here they are taken back everywhere.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql
from sqlalchemy import URL, Connection, Engine, inspect
from sqlalchemy.exc import OperationalError

import reelkeep.catalog.migrations
import reelkeep.companies.migrations
import reelkeep.companies.tables
from reelkeep.catalog.tables import APPEND_ONLY
from reelkeep.companies import registry
from reelkeep.companies.databases import DatabaseServer, open_engine
from reelkeep.companies.migrating import Migrations
from reelkeep.companies.registry import Company
from reelkeep.companies.role_limits import APP_LIMITS, OWNER_LIMITS, limit_role
from reelkeep.companies.schema import Schema
from reelkeep.companies.scram import verifier_of
from reelkeep.encryption.keyring import Keyring, KeyringBroken
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import Conflict, DependencyError, RequestError
from reelkeep.ids import CompanyId, new_id

REGISTRY_ROLE: Final = "reelkeep_supervisor"  # reads the registry, and notes how its connections stand
DOORBELL_ROLE: Final = "reelkeep_doorbell"  # the runner's: procrastinate's tables and nothing else
_PROVISIONING_LOCK: Final = 7_235_419_001  # pg_advisory_lock: two operators at once wait for each other
_MIGRATION_LOCK: Final = 7_235_419_003  # pg_advisory_lock, in a company's database: one migration at a time
STEP_SECONDS: Final = 60.0  # for one migration to get its locks
_LOCK_MILLISECONDS: Final = 300  # below deadlock_timeout, 1 s: who migrates gives way before anybody else is made to
_LOCK_PAUSE_SECONDS: Final = 0.5
_MAX_SLUG_CHARACTERS: Final = 40
COMPANY_MIGRATIONS: Final = reelkeep.catalog.migrations.MIGRATIONS


class NewerDatabase(RequestError):
    """This database belongs to a newer release."""

    default_advice = "Run that release; this one cannot serve the database any more. Nothing was changed."


def prepare_registry(server: DatabaseServer) -> None:
    """Make or upgrade the registry, its doorbell, and the rights on the databases that every server has."""
    with _admin(server, "postgres") as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", (_PROVISIONING_LOCK,))
        _create_database(conn, registry.DATABASE, server.admin_role)
        _create_role(conn, DOORBELL_ROLE)
        _create_role(conn, REGISTRY_ROLE)
        for database in ("postgres", "template1", registry.DATABASE):
            _close_to_public(conn, database)
        engine = registry.engine(server)
        try:
            with engine.begin() as connection:
                _upgrade_registry(connection)
        finally:
            engine.dispose()
        _prepare_doorbell(server)
        _prepare_registry_role(server)


def open_doorbell(server: DatabaseServer) -> str:
    """Give the doorbell role a fresh password and return the connection string for it. The old one ends."""
    password = secrets.token_urlsafe(32)
    with _admin(server, "postgres") as conn:
        _set_password(conn, DOORBELL_ROLE, password)
    return server.conninfo(registry.DATABASE, DOORBELL_ROLE, password)


def open_registry(server: DatabaseServer, password: str) -> None:
    """Give the supervisor's role a fresh password. The old one ends."""
    with _admin(server, "postgres") as conn:
        _set_password(conn, REGISTRY_ROLE, password)


def create_company(
    server: DatabaseServer,
    keyring: Keyring,
    *,
    slug: str,
    name: str,
    domain: str = "localhost",
    own_server: DatabaseServer | None = None,
) -> Company:
    """Make a company: its keys, roles and database, and last its row, so that nobody sees half a company.

    Args:
        server: with the registry.
        own_server: gets the company's database; None: it is on the same one.

    Raises:
        Conflict: the slug is taken. RequestError: it is not a host name's label. Nothing was left behind.
    """
    _check_slug(slug)
    company_id, opaque = CompanyId(new_id()), new_database_name()
    owner_password, app_password = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    company = Company(
        id=company_id,
        slug=slug,
        name=name,
        app_host=f"{slug}.{domain}",
        media_host=f"{slug}-media.{domain}",
        state="active",
        database_name=opaque,
        owner_role=f"{opaque}_owner",
        app_role=f"{opaque}_app",
        wrapped_owner_password=keyring.wrap(owner_password.encode(), f"owner-password:{company_id}"),
        wrapped_app_password=keyring.wrap(app_password.encode(), f"app-password:{company_id}"),
        wrapped_company_key=wrap_company_key(keyring, company_id, CompanyKey.new()),
        wrapped_server=_wrapped_server(keyring, company_id, own_server),
    )
    at = server_of(server, keyring, company)
    engine = registry.engine(server)
    with contextlib.ExitStack() as undo:
        undo.callback(engine.dispose)
        with engine.begin() as connection, contextlib.ExitStack() as undo_database:
            registry.add_company(connection, company)
            undo_database.callback(_drop_company_database, at, company)
            _create_company_database(at, company, owner_password, app_password)
            schema = migrate_company(server, keyring, company)
            registry.note_schema(connection, company.id, schema)
            undo_database.pop_all()
    return replace(company, schema_revision=schema.revision, schema_floor=schema.floor)


def server_of(server: DatabaseServer, keyring: Keyring, company: Company) -> DatabaseServer:
    """Return the server with a company's database: ``server``, or one of the company's own."""
    if company.wrapped_server is None:
        return server
    return DatabaseServer.at(keyring.unwrap(company.wrapped_server, f"database-server:{company.id}").decode())


def migrate_company(
    server: DatabaseServer, keyring: Keyring, company: Company, migrations: Migrations = COMPANY_MIGRATIONS
) -> Schema:
    """Bring a company's database to the newest revision, as its owner role, and grant the app role what it may do.

    Each migration is a transaction of its own, so that whoever is killed in the middle goes on where he stopped, and so
    that tables are locked for as short as can be. One that waits for a lock makes everybody behind it wait too: it
    gives up soon, lets them pass, and tries again.

    Returns:
        What the database is now; one that a newer release has upgraded is left as it is.

    Raises:
        NewerDatabase: a newer release has changed it so that this one must not serve it.
        DependencyError: it was so busy that no lock could be had. What is done so far is done.
    """
    engine = owner_engine(server, keyring, company)
    try:
        with engine.begin() as connection:
            revision = migrations.revision_of(connection)
            if revision is None:  # nobody uses it yet
                migrations.upgrade(connection)
                _restrict(connection, company)
                return migrations.schema_at(migrations.head)
        if not migrations.knows(revision):
            return _newer(company, revision, migrations)
        for step in migrations.steps_from(revision):
            _take_step(engine, company, migrations, step)
        with engine.begin() as connection:
            _restrict(connection, company)
    finally:
        engine.dispose()
    return migrations.schema_at(migrations.head)


def _newer(company: Company, revision: str, migrations: Migrations) -> Schema:
    if company.schema_floor is None or not migrations.knows(company.schema_floor):
        raise NewerDatabase(f"a newer release has changed the database of {company.name} for good")
    return Schema(revision, company.schema_floor)


def _take_step(engine: Engine, company: Company, migrations: Migrations, step: str) -> None:
    """Take one migration, unless somebody else has taken it meanwhile."""
    until = time.monotonic() + STEP_SECONDS
    while True:
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_MILLISECONDS}ms'")
                found = migrations.revision_of(connection)
                if found is not None and step in migrations.steps_from(found):
                    migrations.upgrade(connection, step)
                    _restrict(connection, company)
                return
        except (OperationalError, psycopg.errors.LockNotAvailable) as error:
            if not isinstance(getattr(error, "orig", error), psycopg.errors.LockNotAvailable):
                raise
            if time.monotonic() > until:
                raise DependencyError(f"the database of {company.name} is too busy to be upgraded") from None
        time.sleep(_LOCK_PAUSE_SECONDS)


def _restrict(connection: Connection, company: Company) -> None:
    """Take from the app role what new tables give it by default, and what is none of its business."""
    there = set(inspect(connection).get_table_names())
    for table in APPEND_ONLY:
        if table.name in there:
            connection.exec_driver_sql(f'REVOKE UPDATE, DELETE ON "{table.name}" FROM "{company.app_role}"')
    connection.exec_driver_sql(f'REVOKE ALL ON alembic_version FROM "{company.app_role}"')


def _upgrade_registry(connection: Connection) -> None:
    migrations = reelkeep.companies.migrations.MIGRATIONS
    revision = migrations.revision_of(connection)
    if revision is not None and not migrations.knows(revision):
        return  # a newer release's: expanded, or its supervisor would not have let this one run beside it
    migrations.upgrade(connection)


def owner_engine(server: DatabaseServer, keyring: Keyring, company: Company) -> Engine:
    """Return an engine of a company's database as its owner role: for migrations, backups and restores."""
    password = keyring.unwrap(company.wrapped_owner_password, f"owner-password:{company.id}").decode()
    at = server_of(server, keyring, company)
    return at.engine(company.database_name, company.owner_role, password, pool_size=1)


def new_database_name() -> str:
    """Return a fresh name that does not tell whose database it is."""
    return "c_" + secrets.token_hex(10)


def limit_company(server: DatabaseServer, keyring: Keyring, company: Company) -> None:
    """Set what a company's roles may use of their server."""
    with _admin(server_of(server, keyring, company), "postgres") as conn:
        limit_role(conn, company.owner_role, OWNER_LIMITS)
        limit_role(conn, company.app_role, APP_LIMITS)


def rotate_passwords(server: DatabaseServer, keyring: Keyring, company: Company) -> Company:
    """Give both roles of a company fresh random passwords; return its row as it is now.

    Roles belong to the server, not to a database, so the registry's row and the roles change in one transaction: at no
    moment does one hold a password that the other does not know. Where the company has a server of its own the roles
    come first, and the row a moment later; if that fails, repeat it. Sessions that are open stay; the supervisor hears
    of it and starts the company's processes anew.
    """
    owner_password, app_password = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    changed = replace(
        company,
        wrapped_owner_password=keyring.wrap(owner_password.encode(), f"owner-password:{company.id}"),
        wrapped_app_password=keyring.wrap(app_password.encode(), f"app-password:{company.id}"),
    )
    engine = registry.engine(server)
    try:
        with engine.begin() as connection:
            registry.change_passwords(connection, changed)
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            with _roles_of(server_of(server, keyring, company), raw, is_same=company.wrapped_server is None) as roles:
                _set_password(roles, company.owner_role, owner_password)
                _set_password(roles, company.app_role, app_password)
    finally:
        engine.dispose()
    return changed


def app_url(server: DatabaseServer, keyring: Keyring, company: Company) -> URL:
    """Return the address of a company's database for its app role. It holds the password."""
    password = keyring.unwrap(company.wrapped_app_password, f"app-password:{company.id}").decode()
    return server_of(server, keyring, company).url(company.database_name, company.app_role, password)


def app_engine(server: DatabaseServer, keyring: Keyring, company: Company) -> Engine:
    """Return an engine of a company's database as its app role."""
    return open_engine(app_url(server, keyring, company))


def company_key(keyring: Keyring, company: Company) -> CompanyKey:
    """Return the company's key.

    Raises:
        KeyringBroken: the company's own key wraps it, too, and the operator's alone does not open it.
    """
    if company.key_connection_id is not None:
        raise KeyringBroken(
            f"the company key of {company.slug} opens with the company's own key, too",
            advice="Take the wrapping off first: `reelkeep company unwrap`.",
        )
    return CompanyKey(keyring.unwrap(company.wrapped_company_key, f"company-key:{company.id}"))


def wrap_company_key(keyring: Keyring, company_id: CompanyId, key: CompanyKey) -> bytes:
    """Return the company's key wrapped by the operator's keyring alone."""
    return keyring.wrap(key.reveal(), f"company-key:{company_id}")


def inner_key(keyring: Keyring, company: Company) -> bytes:
    """Return the company's key as the company's own key has wrapped it: the operator's half is off, the other on."""
    return keyring.unwrap(company.wrapped_company_key, f"own-wrapped-company-key:{company.id}")


def wrap_inner_key(keyring: Keyring, company_id: CompanyId, wrapped: bytes) -> bytes:
    """Return a company key that the company's own key has wrapped, wrapped by the operator's keyring besides."""
    return keyring.wrap(wrapped, f"own-wrapped-company-key:{company_id}")


def _wrapped_server(keyring: Keyring, company_id: CompanyId, own_server: DatabaseServer | None) -> bytes | None:
    if own_server is None:
        return None
    return keyring.wrap(own_server.conninfo("postgres").encode(), f"database-server:{company_id}")


@contextlib.contextmanager
def _roles_of(at: DatabaseServer, registry_conn: psycopg.Connection, *, is_same: bool) -> Iterator[psycopg.Connection]:
    """Give a transaction in which roles can be changed: the registry's own where they are on the same server."""
    if is_same:
        yield registry_conn
        return
    with psycopg.connect(at.conninfo("postgres")) as conn:
        yield conn


def _check_slug(slug: str) -> None:
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
    if not 1 <= len(slug) <= _MAX_SLUG_CHARACTERS or set(slug) - set(allowed) or slug.strip("-") != slug:
        raise RequestError(
            "this name cannot be a host name", advice="Use a to z, 0 to 9 and inner hyphens, at most 40."
        )
    if slug.endswith("-media"):
        raise Conflict("names that end in -media stand for the media hosts", advice="Choose another short name.")


def _create_company_database(server: DatabaseServer, company: Company, owner_password: str, app_password: str) -> None:
    with _admin(server, "postgres") as conn:
        roles = (company.owner_role, owner_password, OWNER_LIMITS), (company.app_role, app_password, APP_LIMITS)
        for role, password, limits in roles:
            _create_role(conn, role)
            _set_password(conn, role, password)
            limit_role(conn, role, limits)
    create_database(server, company)


def create_database(server: DatabaseServer, company: Company) -> None:
    """Make an empty database for a company whose roles are there: theirs, and closed to everybody else."""
    with _admin(server, "postgres") as conn:
        _create_database(conn, company.database_name, company.owner_role)
        _close_to_public(conn, company.database_name)
        for role in (company.owner_role, company.app_role):
            conn.execute(_sql("GRANT CONNECT ON DATABASE {} TO {}", company.database_name, role))
    with _admin(server, company.database_name) as conn:
        conn.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        conn.execute(_sql("GRANT USAGE, CREATE ON SCHEMA public TO {}", company.owner_role))
        conn.execute(_sql("GRANT USAGE ON SCHEMA public TO {}", company.app_role))
        defaults = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT "
        rights = ("SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}", "USAGE, SELECT ON SEQUENCES TO {}")
        for right in rights:
            conn.execute(_sql(defaults + right, company.owner_role, company.app_role))


def drop_database(server: DatabaseServer, database: str) -> None:
    """Drop a database with every session in it; one that is not there is dropped already."""
    with _admin(server, "postgres") as conn:
        conn.execute(_sql("DROP DATABASE IF EXISTS {} WITH (FORCE)", database))


def _drop_company_database(server: DatabaseServer, company: Company) -> None:
    drop_database(server, company.database_name)
    with _admin(server, "postgres") as conn:
        for role in (company.owner_role, company.app_role):
            conn.execute(_sql("DROP ROLE IF EXISTS {}", role))


def _prepare_doorbell(server: DatabaseServer) -> None:
    with _admin(server, registry.DATABASE) as conn:
        if conn.execute("SELECT to_regclass('public.procrastinate_jobs')").fetchone() == (None,):
            conn.execute(SchemaManager.get_schema())
        names = conn.execute(
            "SELECT quote_ident(relname), relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relname LIKE 'procrastinate%' AND relkind IN ('r', 'S')"
        ).fetchall()
        conn.execute(_sql("GRANT CONNECT ON DATABASE {} TO {}", registry.DATABASE, DOORBELL_ROLE))
        conn.execute(_sql("GRANT USAGE ON SCHEMA public TO {}", DOORBELL_ROLE))
        for name, kind in names:
            right = "SELECT, INSERT, UPDATE, DELETE ON TABLE" if kind == "r" else "USAGE, SELECT ON SEQUENCE"
            conn.execute(f"GRANT {right} {name} TO {DOORBELL_ROLE}".encode())


_SUPERVISOR_WRITES: Final = (  # while it runs; all else is written by commands of the operator
    ("UPDATE", "storage_connections"),  # their states, when the watch sees a refusal or its end
    ("INSERT, UPDATE", "certificates"),  # those it makes itself
    ("UPDATE (network)", "companies"),  # a site closed or opened on its page
    ("INSERT, UPDATE", "refused_sources"),
    ("INSERT", "onboarding_steps"),  # noted on a company's page
)


def _prepare_registry_role(server: DatabaseServer) -> None:
    with _admin(server, registry.DATABASE) as conn:
        conn.execute(_sql("GRANT CONNECT ON DATABASE {} TO {}", registry.DATABASE, REGISTRY_ROLE))
        conn.execute(_sql("GRANT USAGE ON SCHEMA public TO {}", REGISTRY_ROLE))
        for table in reelkeep.companies.tables.metadata.tables:
            conn.execute(_sql("GRANT SELECT ON {} TO {}", table, REGISTRY_ROLE))
        for right, table in _SUPERVISOR_WRITES:
            conn.execute(_sql(f"GRANT {right} ON {{}} TO {{}}", table, REGISTRY_ROLE))


def _create_role(conn: psycopg.Connection, role: str) -> None:
    if conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        conn.execute(_sql("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT", role))


def _set_password(conn: psycopg.Connection, role: str, password: str) -> None:
    """Set a password of random characters; no log of the server gets it."""
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
    conn.execute(statement.format(sql.Identifier(role), sql.Literal(verifier_of(password))))


def _create_database(conn: psycopg.Connection, database: str, owner: str) -> None:
    if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
        conn.execute(_sql("CREATE DATABASE {} OWNER {} TEMPLATE template0", database, owner))


def _close_to_public(conn: psycopg.Connection, database: str) -> None:
    conn.execute(_sql("REVOKE ALL ON DATABASE {} FROM PUBLIC", database))


def _admin(server: DatabaseServer, database: str) -> psycopg.Connection:
    return psycopg.connect(server.conninfo(database), autocommit=True)


def _sql(statement: str, *identifiers: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, identifiers))
