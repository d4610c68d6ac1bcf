"""One chain of Alembic migrations, run by code: there is no alembic.ini, no env.py and no command line.

Alembic's ``op`` is one for the whole process, so two threads cannot run migrations at once. Here a migration is turned
into its SQL once, one at a time, and the SQL runs on as many databases at once as one likes. So what a migration does
cannot depend on what it finds in a database.

What a migration may do so that two releases serve at the same time stands in docs/upgrades.md. One that does more than
expand is named as *contracting*, and the newest of these that a database has is its *floor*: whoever does not know the
floor must not serve that database, whoever knows it may, also if the database is newer than he is.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import psycopg
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection

from reelkeep.companies.schema import Schema

_ALONE: Final = threading.Lock()  # around Alembic's ``op``


class Migrations:
    """A chain without branches.

    Args:
        folder: with ``versions``.
        contracting: revisions after which the release before them can serve no more.
        further: folders with migrations that continue the chain: a later release's.
    """

    def __init__(self, folder: Path, contracting: Iterable[str], *, further: Sequence[Path] = ()) -> None:
        self._folder, self._contracting = folder, frozenset(contracting)
        self._places = [folder / "versions", *further]
        self._sql: dict[str, str] = {}

    @property
    def contracting(self) -> frozenset[str]:
        return self._contracting

    @property
    def head(self) -> str:
        """The newest revision of this release."""
        return self.revisions[-1]

    def scripts(self) -> list[Script]:
        """Return the migrations, the oldest first."""
        return list(self._directory.walk_revisions())[::-1]

    @functools.cached_property
    def revisions(self) -> Sequence[str]:
        """What the migrations are called, the oldest first; as they were when this was first asked."""
        return [script.revision for script in self.scripts()]

    def knows(self, revision: str) -> bool:
        """Tell whether this release can bring a database to ``revision``."""
        return revision in self.revisions

    def revision_of(self, connection: Connection) -> str | None:
        """Return the revision that a database has; None: it is empty."""
        return MigrationContext.configure(connection).get_current_revision()

    def schema_at(self, revision: str) -> Schema:
        """Return what a database with this revision is; the revision must be a known one."""
        known = self.revisions
        upto = known[: known.index(revision) + 1]
        return Schema(revision, next((one for one in reversed(upto) if one in self._contracting), upto[0]))

    def serves(self, schema: Schema, oldest: str) -> bool:
        """Tell whether this release's code works with a database: not too old, and if newer, then expanded only.

        Args:
            oldest: the revision from which on this release's code serves a database.
        """
        known = self.revisions
        if schema.revision in known:
            return known.index(schema.revision) >= known.index(oldest)
        return schema.floor in known

    def steps_from(self, revision: str | None) -> list[str]:
        """Return the revisions that a database with ``revision``, a known one, does not have, in order."""
        known = self.revisions
        return list(known if revision is None else known[known.index(revision) + 1 :])

    def sql_of(self, revision: str) -> str:
        """Return the SQL of one migration."""
        with _ALONE:
            if revision not in self._sql:
                self._sql[revision] = _written(self._directory.get_revision(revision))
            return self._sql[revision]

    def upgrade(self, connection: Connection, revision: str | None = None) -> None:
        """Bring a database to ``revision``, or to the head, within the connection's transaction; as its owner role."""
        known, target = self.revisions, revision or self.head
        context = MigrationContext.configure(connection)
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        for step in self.steps_from(context.get_current_revision()):
            if known.index(step) <= known.index(target):
                raw.execute(self.sql_of(step).encode())
                context.stamp(self._directory, step)

    @functools.cached_property
    def _directory(self) -> ScriptDirectory:
        return ScriptDirectory(str(self._folder), version_locations=list(map(str, self._places)))


def _written(script: Script) -> str:
    sql = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sql})
    with Operations.context(context):
        script.module.upgrade()
    return sql.getvalue()
