"""Writes many rows in one statement with one parameter: PostgreSQL takes a batch of files apart faster than the driver.

The rows travel as one JSON array, and ``jsonb_populate_recordset`` gives them the types of the table's columns
(PostgreSQL 16, 9.16.3). Names in the statement are the table's own; what a user sent is in the parameter alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql

_quoted = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


def add_rows(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, skip_known: bool = False) -> None:
    """Insert rows that all have the same columns; the other columns get their defaults. No rows: nothing is done.

    Args:
        rows: values that JSON holds, times, and bytes.
        skip_known: leave out what another row of the table stands against.
    """
    if not rows:
        return
    columns = ", ".join(_quoted(name) for name in rows[0])
    known = " ON CONFLICT DO NOTHING" if skip_known else ""
    into = _quoted(table.name)
    values = f"SELECT {columns} FROM jsonb_populate_recordset(NULL::{into}, CAST(:rows AS jsonb))"  # noqa: S608
    statement = text(f"INSERT INTO {into} ({columns}) {values}{known}")
    conn.execute(statement, {"rows": json.dumps([dict(row) for row in rows], default=_as_text)})


def _as_text(value: object) -> str:
    """Return bytes and times as PostgreSQL reads them."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise TypeError(f"{type(value).__name__} is no value of a column that is written in bulk")
