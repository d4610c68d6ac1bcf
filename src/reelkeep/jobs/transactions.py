"""Transactions of job processes: a database that is away is an error of the tree, and waits are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reelkeep.errors import DependencyError


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that commits at the end of the block.

    Raises:
        DependencyError: the database did not answer or went away; the transaction did not happen, except that a
            connection lost during the commit itself leaves this unknown, so blocks are written to be repeated.
    """
    try:
        with engine.begin() as conn:
            yield conn
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise DependencyError("the company's database does not answer") from error
