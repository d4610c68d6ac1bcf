"""Brings the databases of many companies to this release, several at a time, each for itself (promise I9).

Whoever is killed in the middle calls it again: what is done is done, database by database and step by step. One
company's failure is told and stops nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from reelkeep.companies import provisioning, registry
from reelkeep.companies.databases import DATABASE_AWAY, DatabaseServer
from reelkeep.companies.migrating import Migrations
from reelkeep.companies.provisioning import COMPANY_MIGRATIONS
from reelkeep.companies.registry import Company
from reelkeep.companies.schema import Schema
from reelkeep.encryption.keyring import Keyring
from reelkeep.errors import DependencyError, ReelkeepError

AT_A_TIME: Final = 4  # each holds a connection and, mostly, waits for its server

_AGAIN: Final = "Its processes serve on as they are. Mend what is said, then run `reelkeep upgrade` again."


class UpgradeFailed(DependencyError):
    """A company's database could not be upgraded."""

    code = "upgrade"
    default_advice = _AGAIN


@dataclass(frozen=True)
class Outcome:
    """What became of one company.

    Args:
        schema: what its database is now; None: as before, since there is a problem.
    """

    company: Company
    schema: Schema | None
    problem: ReelkeepError | None = None

    @property
    def is_changed(self) -> bool:
        return self.schema is not None and self.schema.revision != self.company.schema_revision


def upgrade_companies(
    server: DatabaseServer,
    keyring: Keyring,
    companies: Sequence[Company],
    *,
    on_done: Callable[[Outcome], None] = lambda _: None,
    at_a_time: int = AT_A_TIME,
    migrations: Migrations = COMPANY_MIGRATIONS,
) -> list[Outcome]:
    """Migrate each company's database and write down how far it is; return the outcomes in the order given.

    Args:
        on_done: called in this thread after each company.
    """
    stop = threading.Event()
    engine = registry.engine(server)

    def one(company: Company) -> Outcome:
        if stop.is_set():
            return Outcome(company, None, DependencyError("the upgrade was stopped", advice=_AGAIN))
        return _upgrade(server, engine, keyring, company, migrations)

    try:
        with ThreadPoolExecutor(at_a_time, thread_name_prefix="upgrade") as threads:
            tasks = [threads.submit(one, company) for company in companies]
            try:
                for task in as_completed(tasks):
                    on_done(task.result())
            except BaseException:  # Ctrl-C: those under way end, the others do not begin
                stop.set()
                raise
        return [task.result() for task in tasks]
    finally:
        engine.dispose()


def _upgrade(
    server: DatabaseServer, engine: Engine, keyring: Keyring, company: Company, migrations: Migrations
) -> Outcome:
    try:
        schema = provisioning.migrate_company(server, keyring, company, migrations)
        if schema != company.schema:
            with engine.begin() as conn:
                registry.note_schema(conn, company.id, schema)
    except ReelkeepError as error:
        return Outcome(company, None, error)
    except (*DATABASE_AWAY, psycopg.OperationalError):
        away = DependencyError(f"the database of {company.slug} does not answer", advice=_AGAIN)
        return Outcome(company, None, away)
    except (SQLAlchemyError, psycopg.Error) as error:
        return Outcome(company, None, UpgradeFailed(_said(company, error)))
    return Outcome(company, schema)


def _said(company: Company, error: Exception) -> str:
    """Return what PostgreSQL said, by its code (PostgreSQL 15, appendix A): its words could hold values of a row."""
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None)
    what = type(cause).__name__ + (f", SQLSTATE {state}" if state else "")
    return f"a migration of the database of {company.slug} failed: {what}"
