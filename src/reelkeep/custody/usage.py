"""What a company's bucket holds and did in the last month, as far as its rows tell: for the report of what it costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.processes import Event, ProcessKind
from reelkeep.catalog.tables import attempts, grants, process_events, segments, stills, versions
from reelkeep.companies.lookout import GRANT_LIFE
from reelkeep.custody.cost import MONTH_DAYS, Usage

PART_BYTES: Final = 16 << 20  # of uploads, and of the ranges in which originals are fetched
JOB_READ_BYTES: Final = 8 << 20  # that a job reads at once
PARTS_AROUND: Final = 2  # beginning and completing an upload are requests, too


def of_month(conn: Connection, now: datetime) -> Usage:
    """Return what lies in the company's buckets now, with the requests and the transfer of the last 30 days.

    Requests are counted by what was made and granted, so retries are not in it. The bytes of playback are the mean
    size of a bundle for each one that was read. Media was in use at most while a grant of the watch held.
    """
    since = now - timedelta(days=MONTH_DAYS)
    stored = versions.c.stored_at.is_not(None)
    original_bytes = _sum(conn.scalar(select(func.sum(versions.c.size_bytes)).where(stored)))
    proxy_bytes = _sum(conn.scalar(select(func.sum(segments.c.length)))) + _sum(
        conn.scalar(select(func.sum(stills.c.length)))
    )
    bundles = conn.scalar(select(func.count(segments.c.object_key.distinct()))) or 0
    new_original = _sum(conn.scalar(select(func.sum(versions.c.size_bytes)).where(versions.c.stored_at >= since)))
    arrived = conn.scalar(select(func.count()).select_from(versions).where(versions.c.stored_at >= since)) or 0
    new_bundles, new_proxy = _made(conn, since)
    plays, downloaded, downloads = _granted(conn, since)
    bundle_bytes = proxy_bytes // bundles if bundles else 0
    return Usage(
        original_bytes=original_bytes,
        proxy_bytes=proxy_bytes,
        write_requests=_parts(new_original, PART_BYTES) + PARTS_AROUND * arrived + new_bundles,
        read_requests=_parts(new_original, JOB_READ_BYTES) + plays + _parts(downloaded, PART_BYTES) + downloads,
        transfer_out_bytes=new_original + plays * bundle_bytes + downloaded,
        new_bytes=new_original + new_proxy,
        in_use_seconds=_watched_seconds(conn, since),
        process_starts=_starts(conn, since),
    )


def _made(conn: Connection, since: datetime) -> tuple[int, int]:
    """Return how many proxy objects were made since, and their bytes."""
    young = attempts.c.created_at >= since
    parts = (
        select(func.count(segments.c.object_key.distinct()), func.sum(segments.c.length))
        .join(attempts, attempts.c.id == segments.c.attempt_id)
        .where(young)
    )
    pictures = (
        select(func.count(), func.sum(stills.c.length))
        .join(attempts, attempts.c.id == stills.c.attempt_id)
        .where(young)
    )
    (bundles, bundle_bytes), (count, still_bytes) = conn.execute(parts).one(), conn.execute(pictures).one()
    return int(bundles) + int(count), _sum(bundle_bytes) + _sum(still_bytes)


def _granted(conn: Connection, since: datetime) -> tuple[int, int, int]:
    """Return how often a bundle or still was read for viewers, the bytes of granted downloads, and their count."""
    young = grants.c.created_at >= since
    played = select(func.count()).select_from(grants).where(young, grants.c.action == GrantAction.PLAY.value)
    fetched = (
        select(func.sum(versions.c.size_bytes), func.count())
        .join(grants, grants.c.object_key == versions.c.original_key)
        .where(young, grants.c.action == GrantAction.DOWNLOAD.value)
    )
    size, count = conn.execute(fetched).one()
    return int(conn.scalar(played) or 0), _sum(size), int(count)


def _watched_seconds(conn: Connection, since: datetime) -> int:
    """Return for how long since then any grant of the watch held; it looks under none, or under one an hour."""
    query = select(grants.c.created_at).where(grants.c.created_at >= since, grants.c.action == GrantAction.WATCH.value)
    covered, until = timedelta(0), since
    for at in conn.scalars(query.order_by(grants.c.created_at)):
        end = at + GRANT_LIFE
        covered += end - max(at, until)
        until = end
    return int(covered.total_seconds())


def _starts(conn: Connection, since: datetime) -> int:
    """Return how many processes were born since then that open the company key."""
    opens = process_events.c.kind.in_([ProcessKind.MEDIA.value, ProcessKind.JOB.value])
    born = process_events.c.event == Event.STARTED.value
    query = select(func.count()).select_from(process_events).where(opens, born, process_events.c.at >= since)
    return int(conn.scalar(query) or 0)


def _parts(size_bytes: int, part_bytes: int) -> int:
    return -(-size_bytes // part_bytes)


def _sum(value: object) -> int:
    return int(str(value)) if value is not None else 0
