"""Transactions of job processes: a database that is away is an error of the tree, and waits are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from reelkeep.companies.databases import database_errors


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that commits at the end of the block.

    Raises:
        DependencyError: the database did not answer or went away; the transaction did not happen, except that a
            connection lost during the commit itself leaves this unknown, so blocks are written to be repeated.
    """
    with database_errors(), engine.begin() as conn:
        yield conn
