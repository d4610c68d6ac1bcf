"""Fixtures of the registry and of companies' databases, on one PostgreSQL server a run."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from reelkeep.companies import provisioning
from reelkeep.companies import registry as registry_queries
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.supervisor.postgres import STOP_SECONDS, EmbeddedPostgres

MakeCompany = Callable[..., Company]


def open_folder(prefix: str) -> Path:
    """Return a fresh folder that services with another user may pass; pytest's own folders let nobody pass."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    os.chmod(folder, 0o711)
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DatabaseServer]:
    """A PostgreSQL server of this test run."""
    folder = open_folder("rk-pg-")
    postgres = EmbeddedPostgres(folder / "db", folder / "run", folder / "postgres.log", secrets.token_urlsafe(24))
    postgres.prepare()
    child = postgres.start()
    try:
        postgres.wait_ready(child)
        yield postgres.server
    finally:
        child.stop(seconds=STOP_SECONDS, first=signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def keyring() -> Iterator[LocalKeyring]:
    """The operator's keyring of this test run."""
    with tempfile.TemporaryDirectory(prefix="rk-keyring-") as folder:
        yield LocalKeyring(Path(folder) / "keyring.json")


@pytest.fixture(scope="session")
def registry(postgres_server: DatabaseServer) -> Iterator[Engine]:
    """The registry's database, prepared, as the admin role."""
    provisioning.prepare_registry(postgres_server)
    engine = registry_queries.engine(postgres_server)
    yield engine
    engine.dispose()


@pytest.fixture
def make_company(postgres_server: DatabaseServer, registry: Engine, keyring: LocalKeyring) -> MakeCompany:
    """Returns a function that makes a fresh company with its migrated database."""

    def make(name: str = "Acme Pictures") -> Company:
        slug = f"t-{secrets.token_hex(6)}"
        return provisioning.create_company(postgres_server, keyring, slug=slug, name=name)

    return make


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A fresh company."""
    return make_company()


@pytest.fixture
def company_database(postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company) -> Iterator[Engine]:
    """The database of ``company`` as its app role."""
    engine = provisioning.app_engine(postgres_server, keyring, company)
    yield engine
    engine.dispose()


@pytest.fixture
def company_owner(postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company) -> Iterator[Engine]:
    """The database of ``company`` as its owner role."""
    password = keyring.unwrap(company.wrapped_owner_password, f"owner-password:{company.id}").decode()
    engine = postgres_server.engine(company.database_name, company.owner_role, password)
    yield engine
    engine.dispose()
