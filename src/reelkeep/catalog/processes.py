"""The process ledger: every process that served this company, from when to when, and why it ended (promise P6).

The supervisor writes two rows for each process, one when it starts and one when it has ended. The database role may add
and read rows, never change them, so an end is a row of its own. A codec is not listed: it lives within its job.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, select
from sqlalchemy.dialects.postgresql import insert

from reelkeep.catalog.tables import process_events as table
from reelkeep.ids import ProcessId, new_id


class ProcessKind(enum.Enum):
    APP = "app"
    MEDIA = "media"
    JOB = "job"
    CLOSED = "closed"  # tells visitors why the site is closed, and reads nothing of the company


class Event(enum.Enum):
    STARTED = "started"
    ENDED = "ended"


class EndReason(enum.Enum):
    DONE = "done"  # a job's work was done
    NOTHING = "nothing"  # a job's process found no work
    STOPPED = "stopped"  # the installation was stopped
    SUSPENDED = "suspended"  # the company was
    CUT_OFF = "cut_off"  # a storage connection went out of use, and what was in memory with it
    IDLE = "idle"  # nobody had asked it for anything for a while
    MEMORY = "memory"  # it had more memory than it may
    FAILED = "failed"  # by itself or by somebody's signal: its status tells which
    RENEWED = "renewed"  # something that it was born with has changed, such as the database's password
    UPGRADED = "upgraded"  # it made place for a successor, mostly of a newer release
    RESTORED = "restored"  # its end is not in the backup that the database was made of
    SUPERVISOR_GONE = "supervisor_gone"  # nobody saw it end: the kernel ended it with its supervisor


@dataclass(frozen=True)
class Supervision:
    """Who starts and ends processes: one supervisor, from its start to its end."""

    host: str
    host_id: str  # of its data folder
    run_id: str


@dataclass(frozen=True)
class Born:
    """A process that was started."""

    id: ProcessId
    kind: ProcessKind
    pid: int  # as the host counts


@dataclass(frozen=True)
class Moment:
    """A process started, or has ended.

    Args:
        reason: why it ended; None: it started.
        status: exit status, or the negative number of a signal.
    """

    process: Born
    at: datetime
    reason: EndReason | None = None
    status: int | None = None


@dataclass(frozen=True)
class Process:
    """A process as the ledger knows it."""

    id: ProcessId
    kind: str
    pid: int
    host: str
    started_at: datetime
    ended_at: datetime | None  # None: it serves, or nobody has seen its end yet
    reason: str | None
    status: int | None


def record(conn: Connection, by: Supervision, moments: Sequence[Moment]) -> None:
    """Write moments down. One that is written already, by a try whose answer got lost, is left as it is."""
    rows = [
        {
            "id": new_id(),
            "process_id": moment.process.id,
            "event": (Event.ENDED if moment.reason else Event.STARTED).value,
            "kind": moment.process.kind.value,
            "pid": moment.process.pid,
            **vars(by),
            "reason": moment.reason.value if moment.reason else None,
            "status": moment.status,
            "at": moment.at,
        }
        for moment in moments
    ]
    if rows:
        conn.execute(insert(table).on_conflict_do_nothing(), rows)


def close_leftovers(conn: Connection, by: Supervision, now: datetime, known: Collection[ProcessId] = ()) -> int:
    """Write an end for each process of this host that nobody follows any more; return how many they were.

    No process outlives its supervisor (``isolation.lifetime``), so those of an earlier one have ended. One of this
    supervisor's own is among them if the database was restored since it started.

    Args:
        now: when this is seen; they ended before.
        known: processes that are followed.
    """
    this = (table.c.event == Event.STARTED.value, table.c.host_id == by.host_id, table.c.process_id.not_in(known))
    rows = [
        {
            **row._mapping,
            "id": new_id(),
            "event": Event.ENDED.value,
            "reason": (EndReason.RESTORED if row.run_id == by.run_id else EndReason.SUPERVISOR_GONE).value,
            "at": now,
        }
        for row in conn.execute(select(table).where(*this, ~_has_end()))
    ]
    if rows:
        conn.execute(insert(table).on_conflict_do_nothing(), rows)
    return len(rows)


def page(conn: Connection, *, before: str = "", limit: int) -> list[Process]:
    """Return processes, the newest first.

    Args:
        before: a process id; those that started before it are returned. Empty: from the newest on.
    """
    ended = table.alias("ended")
    joined = and_(ended.c.process_id == table.c.process_id, ended.c.event == Event.ENDED.value)
    columns = (table.c.process_id, table.c.kind, table.c.pid, table.c.host, table.c.at.label("started_at"))
    query = select(*columns, ended.c.at.label("ended_at"), ended.c.reason, ended.c.status)
    query = query.select_from(table.outerjoin(ended, joined)).where(table.c.event == Event.STARTED.value)
    if before:
        query = query.where(table.c.process_id < before)
    rows = conn.execute(query.order_by(table.c.process_id.desc()).limit(limit))
    return [Process(ProcessId(row[0]), *row[1:]) for row in rows]


def ending(process: Process) -> str:
    """Return in words why a process ended; empty if it has not."""
    if process.reason == EndReason.FAILED.value and process.status is not None:
        return _failure(process.status)
    return _WORDS.get(process.reason or "", process.reason or "")


def _has_end() -> ColumnElement[bool]:
    ended = table.alias("its_end")
    return exists().where(ended.c.process_id == table.c.process_id, ended.c.event == Event.ENDED.value)


def _failure(status: int) -> str:
    """Return how a process ended that nobody had told to.

    >>> _failure(-9), _failure(1), _failure(0)
    ('killed by SIGKILL', 'ended by itself with status 1', 'ended by itself')
    """
    if status < 0:
        known = {number.value: number.name for number in signal.Signals}
        return f"killed by {known.get(-status, f'signal {-status}')}"
    return f"ended by itself with status {status}" if status else "ended by itself"


_WORDS: Final = {
    EndReason.DONE.value: "its job was done",
    EndReason.NOTHING.value: "found no job to do",
    EndReason.STOPPED.value: "the installation was stopped",
    EndReason.SUSPENDED.value: "the company was suspended",
    EndReason.CUT_OFF.value: "a storage connection went out of use",
    EndReason.RENEWED.value: "what it was born with has changed",
    EndReason.UPGRADED.value: "made place for a newer process",
    EndReason.RESTORED.value: "ended before the database was restored; seen then",
    EndReason.SUPERVISOR_GONE.value: "its supervisor is gone, and it with it; seen then",
}
