"""What the roles of one company may use of the PostgreSQL server that they share with other companies'.

A role may lift for itself what is marked "own": those limits are against defects. The others hold against anybody who
has its password. Parameters: PostgreSQL 15, chapters 20.4 and 20.11.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from reelkeep.companies.connections import COMPANY, JOB


@dataclass(frozen=True)
class RoleLimits:
    connections: int  # at once; more are refused
    settings: Mapping[str, str]  # the defaults of the role's sessions


_TEMP_FILE_LIMIT: Final = "1GB"  # of each session's sorts and joins; only a superuser may lift it
APP_LIMITS: Final = RoleLimits(
    COMPANY + 6 + 6 * JOB,  # its processes, operator and supervisor, and 6 jobs: companies.connections
    {
        "statement_timeout": "300s",  # own; an audit of a bucket reads by cursor, each fetch is a statement
        "idle_in_transaction_session_timeout": "600s",  # own
        "idle_session_timeout": "60s",  # own; who is idle holds no backend: 2.7 MB each (measured)
        "temp_file_limit": _TEMP_FILE_LIMIT,
    },
)
OWNER_LIMITS: Final = RoleLimits(4, {"temp_file_limit": _TEMP_FILE_LIMIT})  # migrations take their time


def limit_role(conn: psycopg.Connection, role: str, limits: RoleLimits) -> None:
    """Set a role's limits, as an admin of the server; sessions that are open keep theirs.

    An admin who is no superuser, as on a hosted server, cannot limit temporary files: the server's own limit holds.
    """
    name = sql.Identifier(role)
    conn.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(name, sql.Literal(limits.connections)))
    for setting, value in limits.settings.items():
        parts = name, sql.Identifier(setting), sql.Literal(value)
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            conn.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(*parts))
