"""At which connections media is in use: somebody may watch, a job is at work, an upload is open."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, union

from reelkeep.catalog.lifecycle import JobState, UploadState
from reelkeep.catalog.tables import jobs, login_sessions, playback_sessions, uploads, versions
from reelkeep.ids import ConnectionId


def connections_in_use(conn: Connection) -> set[ConnectionId]:
    """Return the connections of versions that are watched, worked on or uploaded now.

    A page that is closed does not end its playback session: it counts until the session's end, six hours at most.
    """
    watched = (
        select(playback_sessions.c.version_id)
        .join(login_sessions, login_sessions.c.id == playback_sessions.c.login_session_id)
        .where(playback_sessions.c.ended_at.is_(None), playback_sessions.c.expires_at > func.now())
        .where(login_sessions.c.ended_at.is_(None), playback_sessions.c.version_id.is_not(None))
    )
    worked_on = select(jobs.c.version_id).where(jobs.c.state == JobState.RUNNING.value, jobs.c.version_id.is_not(None))
    uploaded = select(uploads.c.version_id).where(uploads.c.state == UploadState.OPEN.value)
    query = select(versions.c.connection_id).distinct()
    query = query.where(versions.c.id.in_(union(watched, worked_on, uploaded).subquery().select()))
    return {ConnectionId(found) for found in conn.scalars(query)}
