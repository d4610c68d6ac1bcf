"""Playback sessions: the short-lived right of one viewer to one version, or to the posters of one production.

One kind is for taking the proxy of a version away as a file; it plays nothing, and the others take nothing.

The token stands in the path of media addresses; only its hash is kept. A playback session ends with the login session
it came from, with the viewer's membership or the support access, and at its own expiry.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from reelkeep.catalog.login_sessions import LoginSession, support_is_open, token_hash
from reelkeep.catalog.tables import (
    login_sessions,
    memberships,
    playback_sessions,
    support_access,
    support_people,
    users,
    versions,
)
from reelkeep.errors import NotFound
from reelkeep.ids import ConnectionId, PlaybackSessionId, ProductionId, UserId, VersionId, new_id

LIFETIME: Final = timedelta(hours=6)
TAKING_LIFETIME: Final = timedelta(minutes=15)  # a longer download asks for another one
KEEP_ENDED: Final = timedelta(days=1)  # the grants say for good what was read for whom
MAX_TOKEN_CHARACTERS: Final = 100


@dataclass(frozen=True)
class PlaybackSession:
    id: PlaybackSessionId
    user_id: UserId
    production_id: ProductionId
    version_id: VersionId | None  # None: posters of the production only
    is_taking: bool
    expires_at: datetime
    connection_id: ConnectionId | None = None  # where the version lies; filled in by ``find``
    proxy: int = 0  # segments.Viewer; filled in by ``find``


def begin(
    conn: Connection,
    login: LoginSession,
    production_id: ProductionId,
    version_id: VersionId | None,
    *,
    is_taking: bool = False,
) -> tuple[PlaybackSession, str]:
    """Begin a playback session for somebody who may see the production; return it and its token, kept nowhere."""
    token = secrets.token_urlsafe(24)
    row = conn.execute(
        insert(playback_sessions)
        .values(
            id=PlaybackSessionId(new_id()),
            token_hash=token_hash(token),
            user_id=login.user.id,
            login_session_id=login.id,
            production_id=production_id,
            version_id=version_id,
            is_taking=is_taking,
            expires_at=func.now() + (TAKING_LIFETIME if is_taking else LIFETIME),
        )
        .returning(playback_sessions.c.id, playback_sessions.c.expires_at)
    ).one()
    session_id = PlaybackSessionId(row.id)
    return PlaybackSession(session_id, login.user.id, production_id, version_id, is_taking, row.expires_at), token


def find(conn: Connection, token: str) -> PlaybackSession:
    """Return the playback session of a token; raise NotFound if it is unknown or over, or its viewer was shut out."""
    sessions, member = playback_sessions, memberships
    joined = (
        sessions.join(login_sessions, login_sessions.c.id == sessions.c.login_session_id)
        .join(users, users.c.id == sessions.c.user_id)
        .outerjoin(versions, versions.c.id == sessions.c.version_id)
        .outerjoin(member, (member.c.user_id == users.c.id) & (member.c.production_id == sessions.c.production_id))
        .outerjoin(support_people, support_people.c.user_id == users.c.id)
        .outerjoin(support_access, support_access.c.id == support_people.c.access_id)
    )
    of_support = support_is_open() & support_access.c.with_media
    of_support &= func.coalesce(support_access.c.production_id, sessions.c.production_id) == sessions.c.production_id
    columns = (
        getattr(sessions.c, name)
        for name in ("id", "user_id", "production_id", "version_id", "is_taking", "expires_at")
    )
    query = (
        select(*columns, versions.c.connection_id, versions.c.earlier_attempts)
        .select_from(joined)
        .where(
            sessions.c.token_hash == token_hash(token[:MAX_TOKEN_CHARACTERS]),
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > func.now(),
            login_sessions.c.ended_at.is_(None),
            login_sessions.c.expires_at > func.now(),
            users.c.disabled_at.is_(None),
            users.c.is_company_admin | member.c.role.is_not(None) | of_support,
        )
    )
    row = conn.execute(query).first()
    if row is None:
        raise NotFound("this playback session has ended", advice="Load the page again.")
    return PlaybackSession(*row[:6], connection_id=row[6], proxy=row[7] or 0)


def forget_ended(conn: Connection) -> int:
    """Remove playback sessions that ended a day ago; return how many there were."""
    ended_at = func.least(playback_sessions.c.expires_at, playback_sessions.c.ended_at)  # least() leaves NULL out
    return conn.execute(delete(playback_sessions).where(ended_at < func.now() - KEEP_ENDED)).rowcount
