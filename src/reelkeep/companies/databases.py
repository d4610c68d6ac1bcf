"""Where the PostgreSQL server is, and how to reach one database of it as one role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reelkeep.errors import DependencyError

ADMIN_ROLE: Final = "reelkeep_admin"
POOL_SIZE: Final = 3  # connections that one process may hold to one database; facts: an idle backend costs 2.7 MB
_CONNECT_SECONDS: Final = 10
DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)  # it is down, starting, or dropped us


@dataclass(frozen=True)
class DatabaseServer:
    """The server, with its admin role: for provisioning and operator commands, never for a company's process."""

    host: Path  # the folder of the Unix socket
    port: int
    admin_role: str
    admin_password: str = field(repr=False)

    def url(self, database: str, role: str | None = None, password: str | None = None) -> URL:
        """Return the address of ``database`` for ``role``, or for the admin role."""
        return URL.create(
            "postgresql+psycopg",
            username=role or self.admin_role,
            password=password if role else self.admin_password,
            database=database,
            query={"host": str(self.host), "port": str(self.port)},
        )

    def conninfo(self, database: str, role: str | None = None, password: str | None = None) -> str:
        """Return the same as libpq's connection string."""
        return make_conninfo(
            host=str(self.host),
            port=self.port,
            user=role or self.admin_role,
            password=password if role else self.admin_password,
            dbname=database,
        )

    def engine(
        self, database: str, role: str | None = None, password: str | None = None, *, pool_size: int = POOL_SIZE
    ) -> Engine:
        return open_engine(self.url(database, role, password), pool_size=pool_size)


def open_engine(url: URL | str, *, pool_size: int = POOL_SIZE) -> Engine:
    """Return an engine that holds at most ``pool_size`` connections and checks each before use.

    The check matters: PostgreSQL may have been restarted since, and the first request after that must not fail.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,  # no file name and no address of a person in a log
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise what a database that is away makes SQLAlchemy raise as DependencyError."""
    try:
        yield
    except DATABASE_AWAY as error:
        raise DependencyError("the company's database does not answer") from error
