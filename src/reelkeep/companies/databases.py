"""Where the PostgreSQL server is, and how to reach one database of it as one role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reelkeep.errors import DependencyError, RequestError

ADMIN_ROLE: Final = "reelkeep_admin"
POOL_SIZE: Final = 3  # connections that one process may hold to one database; an idle backend costs 2.7 MB (measured)
_CONNECT_SECONDS: Final = 10
_ADDRESS: Final = "Write it as host=db.example user=admin password=... sslmode=verify-full sslrootcert=system."
DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)  # it is down, starting, or dropped us


_OPTIONS: Final = frozenset({"sslmode", "sslrootcert", "channel_binding"})  # of libpq, that an address may say
_PROVEN: Final = "verify-full"  # libpq, 34.19.1: the certificate is checked, and that it is this host's


@dataclass(frozen=True)
class DatabaseServer:
    """The server, with its admin role: for provisioning and operator commands, never for a company's process."""

    host: Path | str  # the folder of the Unix socket, or a host name
    port: int
    admin_role: str
    admin_password: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)  # of _OPTIONS

    @classmethod
    def at(cls, address: str) -> DatabaseServer:
        """Return the server of a libpq connection string with an admin role and its password.

        Raises:
            RequestError: it says too little, something that is not taken, or would send the password in plain.
        """
        try:
            found = {name: str(value) for name, value in conninfo_to_dict(address).items()}
            host, user, password = found.pop("host"), found.pop("user"), found.pop("password")
            port = int(found.pop("port", "5432"))
        except (ProgrammingError, KeyError, ValueError):
            raise RequestError("the address of a server names host, user and password", advice=_ADDRESS) from None
        found.pop("dbname", None)
        if set(found) - _OPTIONS:
            raise RequestError(f"the address of a server may not say {min(set(found) - _OPTIONS)}", advice=_ADDRESS)
        if not host.startswith("/") and found.get("sslmode") != _PROVEN:
            raise RequestError("a server that is reached by a network needs sslmode=verify-full", advice=_ADDRESS)
        return cls(Path(host) if host.startswith("/") else host, port, user, password, found)

    def url(self, database: str, role: str | None = None, password: str | None = None) -> URL:
        """Return the address of ``database`` for ``role``, or for the admin role."""
        return URL.create(
            "postgresql+psycopg",
            username=role or self.admin_role,
            password=password if role else self.admin_password,
            database=database,
            query={"host": str(self.host), "port": str(self.port), **self.options},
        )

    def conninfo(self, database: str, role: str | None = None, password: str | None = None) -> str:
        """Return the same as libpq's connection string."""
        return make_conninfo(
            host=str(self.host),
            port=self.port,
            user=role or self.admin_role,
            password=password if role else self.admin_password,
            dbname=database,
            **self.options,
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
        use_native_hstore=False,  # there is none; asking for its type is a question more for each first connection
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise what a database that is away makes SQLAlchemy raise as DependencyError."""
    try:
        yield
    except DATABASE_AWAY as error:
        raise DependencyError("the company's database does not answer") from error
