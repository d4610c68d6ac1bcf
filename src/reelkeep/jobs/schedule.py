"""When a company is swept: by the hour, asked for by the supervisor beside its look for due jobs.

A sweep is a job like others, a row of the company's database, so that it survives a crash and is retried.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, delete, func

from reelkeep.catalog.lifecycle import JobState
from reelkeep.catalog.tables import jobs
from reelkeep.ids import new_id
from reelkeep.jobs.interface import JobKind

SWEEP_EVERY: Final = timedelta(hours=1)  # what is swept is a day old at least
KEEP_FINISHED: Final = timedelta(days=30)
# A company in its first hour has nothing to sweep, and its first upload need not wait for that.
_ASK: Final = b"""
    INSERT INTO jobs (id, kind, state) SELECT %(id)s, %(kind)s, 'waiting'
    WHERE EXISTS (SELECT FROM users WHERE created_at < now() - %(every)s)
    AND NOT EXISTS (SELECT FROM jobs WHERE kind = %(kind)s
        AND (created_at > now() - %(every)s OR state IN ('waiting', 'running')))
"""


def ask_for_sweep() -> tuple[bytes, dict[str, object]]:
    """Return the SQL, for psycopg, that adds a sweep if the company's last one is an hour old and has ended.

    Two supervisors at the same moment may add two: the second then finds nothing to do.
    """
    return _ASK, {"id": new_id(), "kind": JobKind.SWEEP.value, "every": SWEEP_EVERY}


def forget_finished(conn: Connection) -> int:
    """Remove rows of sweeps, and of cleanings that failed, a month after their end; return how many there were.

    A cleaning that was done stays: it says that this version need not be cleaned again.
    """
    old = jobs.c.finished_at < func.now() - KEEP_FINISHED
    failed = (jobs.c.kind == JobKind.CLEAN.value) & (jobs.c.state != JobState.DONE.value)
    return conn.execute(delete(jobs).where(old, (jobs.c.kind == JobKind.SWEEP.value) | failed)).rowcount
