"""What rows tell of a month's use: for how long the watch looked, and how many processes opened the company key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert

from reelkeep.catalog.tables import grants, process_events
from reelkeep.custody.usage import of_month
from reelkeep.ids import new_id

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_the_watch_looks_while_one_of_its_grants_holds_and_media_processes_and_jobs_open_the_key(
    company_database: Engine,
) -> None:
    hour = timedelta(hours=1)
    watched = [NOW - 40 * 24 * hour, NOW - 50 * hour, NOW - 49.5 * hour, NOW - 10 * hour]  # one too old, two overlap
    born = [("media", "started", 5), ("job", "started", 6), ("job", "ended", 5), ("app", "started", 5)]
    born.append(("media", "started", 40 * 24))
    with company_database.begin() as conn:
        for at in watched:
            row = {"id": new_id(), "action": "watch", "object_key": "reelkeep.json", "reason": "watching"}
            conn.execute(insert(grants).values(**row, expires_at=at + hour, created_at=at))
        for kind, event, hours in born:
            row = {"id": new_id(), "process_id": new_id(), "kind": kind, "event": event, "pid": 1, "host": "h"}
            conn.execute(insert(process_events).values(**row, host_id="h", run_id="r", at=NOW - hours * hour))
        usage = of_month(conn, NOW)
    assert usage.in_use_seconds == 2.5 * 3_600
    assert usage.process_starts == 2
