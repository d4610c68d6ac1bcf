"""A job process's standing in its company's database: a session-level advisory lock that ends when the process does.

Whoever holds a lease holds this lock too, on a connection that is used for nothing but the lease. PostgreSQL drops it
with the connection, at once when the process is killed, so the next one need not wait for the lease to run out.
Source: PostgreSQL manual, "Advisory Locks" and "pg_locks" (a bigint key stands there in two halves, objsubid 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Boolean, ColumnElement, Connection, Engine, func, literal_column, select

from reelkeep.companies.databases import database_errors

# A server that was started a moment ago knows of no lock yet: its holders need a heartbeat to come back.
RETURN: Final = timedelta(seconds=5)
_SEED: Final = 7  # keeps these keys apart from other advisory locks that hash a text
_PRESENT: Final = (
    "EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE pg_database.datname = current_database() AND locktype = 'advisory' AND objsubid = 1"
    f" AND (classid::bigint << 32 | objid::bigint) = hashtextextended(jobs.leased_by, {_SEED}))"
)


def holder_is_gone() -> ColumnElement[bool]:
    """Return the condition on a row of ``jobs`` that the process named in ``leased_by`` has no connection any more."""
    settled: ColumnElement[bool] = func.pg_postmaster_start_time() < func.now() - RETURN
    return settled & ~literal_column(_PRESENT, Boolean())


class Presence:
    """One worker's connection with its lock, made when it is first needed and again when it was lost.

    Used by one thread at a time. It takes no place in the engine's pool.

    Args:
        worker: the name that stands in ``jobs.leased_by``.
    """

    def __init__(self, engine: Engine, worker: str) -> None:
        self.worker = worker
        self._engine = engine
        self._conn: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction of this worker, present by its lock; it commits at the end of the block.

        Raises:
            DependencyError: the database did not answer or went away; the transaction did not happen, except that a
                connection lost during the commit itself leaves this unknown.
        """
        with database_errors():
            conn = self._conn or self._connect()
            try:
                with conn.begin():
                    yield conn
            finally:
                if conn.invalidated:
                    self.close()

    def close(self) -> None:
        """Give the lock up: a lease that is still held may be taken over from now on."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> Connection:
        conn = self._engine.connect()
        try:
            conn.detach()
            conn.execute(select(func.pg_advisory_lock(func.hashtextextended(self.worker, _SEED))))
            conn.commit()
        except BaseException:
            conn.close()
            raise
        self._conn = conn
        return conn
