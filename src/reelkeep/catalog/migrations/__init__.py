"""Alembic's environment of the company database, run by code: there is no alembic.ini and no command line."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def revision_of(connection: Connection) -> str:
    """Return the revision that a company database has."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        raise ValueError("this is no company database")
    return found


def knows(revision: str) -> bool:
    """Tell whether this release can bring a database to ``revision``."""
    scripts = ScriptDirectory(str(Path(__file__).parent))
    return revision in {script.revision for script in scripts.walk_revisions()}


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring a company database to ``revision`` within the connection's transaction; run as its owner role."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
