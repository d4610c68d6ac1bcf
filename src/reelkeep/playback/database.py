"""The company's database from an event loop: the same synchronous queries, run without blocking it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reelkeep.companies.databases import database_errors

T = TypeVar("T")
POOL_SIZE = 2
POOL_WAIT_SECONDS = 5.0


class AsyncDatabase:
    """A small pool that opens connections when they are first needed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._at_once = engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool

    @classmethod
    def at(cls, dsn: str) -> AsyncDatabase:
        """Return the database of a SQLAlchemy address with the app role in it. Nothing is connected yet."""
        engine = create_async_engine(
            dsn,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        return cls(engine)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one transaction and return what it returns; an exception rolls back.

        Raises:
            DependencyError: PostgreSQL does not answer; nothing was changed.
        """
        with database_errors():
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do as ``run`` with statements that each stand for itself, a grant's among them: without a transaction around
        them, which takes two more ways to the server and back.

        Raises:
            DependencyError: PostgreSQL does not answer; what was written before is written.
        """
        with database_errors():
            async with self._at_once.connect() as connection:
                return await connection.run_sync(work)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
