"""Login sessions: a random token that the browser or the command line holds, and its hash, which is all we keep."""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, insert, select, update

from reelkeep.catalog.people import SupportScope, User
from reelkeep.catalog.tables import login_sessions, support_access, support_people, users
from reelkeep.errors import SignInRequired
from reelkeep.ids import LoginSessionId, ProductionId, UserId, new_id

TOKEN_BYTES: Final = 32
MAX_TOKEN_CHARACTERS: Final = 100


class LoginKind(enum.Enum):
    BROWSER = "browser"
    CLI = "cli"


_ACCESS: Final = (support_access.c.production_id, support_access.c.with_media, support_access.c.ends_at)
KEEP_ENDED: Final = timedelta(days=1)  # the audit events say for good who signed in
LIFETIME: Final = {LoginKind.BROWSER: timedelta(hours=12), LoginKind.CLI: timedelta(days=30)}


@dataclass(frozen=True)
class LoginSession:
    id: LoginSessionId
    kind: LoginKind
    user: User


def token_hash(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256. A token has 256 random bits: no salt or stretching is needed."""
    return hashlib.sha256(token.encode()).digest()


def begin(
    conn: Connection, user_id: UserId, kind: LoginKind, *, until: datetime | None = None
) -> tuple[LoginSessionId, str]:
    """Begin a login session; return its id and the token, which is not kept anywhere.

    Args:
        until: when it ends at the latest; None: when its kind does.
    """
    session_id, token = LoginSessionId(new_id()), secrets.token_urlsafe(TOKEN_BYTES)
    row = {"id": session_id, "user_id": user_id, "token_hash": token_hash(token), "kind": kind.value}
    ends = func.least(func.now() + LIFETIME[kind], until)  # least() leaves NULL out
    conn.execute(insert(login_sessions).values(expires_at=ends, **row))
    return session_id, token


def support_is_open() -> ColumnElement[bool]:
    """Return the condition that an access in ``support_access`` is neither over nor ended."""
    return support_access.c.ended_at.is_(None) & (support_access.c.ends_at > func.now())


OF_TOKEN: Final = (  # made once: each request asks it
    select(login_sessions.c.id, login_sessions.c.kind, users, *_ACCESS)
    .join(users, users.c.id == login_sessions.c.user_id)
    .outerjoin(support_people, support_people.c.user_id == users.c.id)
    .outerjoin(support_access, support_access.c.id == support_people.c.access_id)
    .where(
        login_sessions.c.token_hash == bindparam("token_hash"),
        login_sessions.c.ended_at.is_(None),
        login_sessions.c.expires_at > func.now(),
        users.c.disabled_at.is_(None),
        support_people.c.user_id.is_(None) | support_is_open(),
    )
)


def find(conn: Connection, token: str) -> LoginSession:
    """Return the login session of a token.

    Raises:
        SignInRequired: it is unknown or over, its user is disabled, or is of the operator's and let in no longer.
    """
    row = conn.execute(OF_TOKEN, {"token_hash": token_hash(token[:MAX_TOKEN_CHARACTERS])}).first()
    if row is None:
        raise SignInRequired
    user = User(UserId(row[2]), row.email, row.name, row.is_company_admin, _support(row))
    return LoginSession(LoginSessionId(row[0]), LoginKind(row.kind), user)


def _support(row: Row[Any]) -> SupportScope | None:
    if row.with_media is None:
        return None
    production_id = ProductionId(row.production_id) if row.production_id is not None else None
    return SupportScope(production_id, row.with_media, row.ends_at)


def end(conn: Connection, session_id: LoginSessionId) -> None:
    """End a login session; its playback sessions end with it. Ending it twice changes nothing."""
    still_open = login_sessions.c.id == session_id, login_sessions.c.ended_at.is_(None)
    conn.execute(update(login_sessions).where(*still_open).values(ended_at=func.now()))


def forget_ended(conn: Connection) -> int:
    """Remove login sessions that ended a day ago, with their playback sessions; return how many there were."""
    ended_at = func.least(login_sessions.c.expires_at, login_sessions.c.ended_at)  # least() leaves NULL out
    return conn.execute(delete(login_sessions).where(ended_at < func.now() - KEEP_ENDED)).rowcount
