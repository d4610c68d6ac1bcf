"""Login sessions: a random token that the browser or the command line holds, and its hash, which is all we keep."""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from reelkeep.catalog.people import User
from reelkeep.catalog.tables import login_sessions, users
from reelkeep.errors import SignInRequired
from reelkeep.ids import LoginSessionId, UserId, new_id

TOKEN_BYTES: Final = 32
MAX_TOKEN_CHARACTERS: Final = 100


class LoginKind(enum.Enum):
    BROWSER = "browser"
    CLI = "cli"


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


def begin(conn: Connection, user_id: UserId, kind: LoginKind) -> tuple[LoginSessionId, str]:
    """Begin a login session; return its id and the token, which is not kept anywhere."""
    session_id, token = LoginSessionId(new_id()), secrets.token_urlsafe(TOKEN_BYTES)
    row = {"id": session_id, "user_id": user_id, "token_hash": token_hash(token), "kind": kind.value}
    conn.execute(insert(login_sessions).values(expires_at=func.now() + LIFETIME[kind], **row))
    return session_id, token


def find(conn: Connection, token: str) -> LoginSession:
    """Return the login session of a token; raise SignInRequired if it is unknown, over, or its user is disabled."""
    query = (
        select(login_sessions.c.id, login_sessions.c.kind, users)
        .join(users, users.c.id == login_sessions.c.user_id)
        .where(
            login_sessions.c.token_hash == token_hash(token[:MAX_TOKEN_CHARACTERS]),
            login_sessions.c.ended_at.is_(None),
            login_sessions.c.expires_at > func.now(),
            users.c.disabled_at.is_(None),
        )
    )
    row = conn.execute(query).first()
    if row is None:
        raise SignInRequired
    user = User(UserId(row[2]), row.email, row.name, row.is_company_admin)
    return LoginSession(LoginSessionId(row[0]), LoginKind(row.kind), user)


def end(conn: Connection, session_id: LoginSessionId) -> None:
    """End a login session; its playback sessions end with it. Ending it twice changes nothing."""
    still_open = login_sessions.c.id == session_id, login_sessions.c.ended_at.is_(None)
    conn.execute(update(login_sessions).where(*still_open).values(ended_at=func.now()))


def forget_ended(conn: Connection) -> int:
    """Remove login sessions that ended a day ago, with their playback sessions; return how many there were."""
    ended_at = func.least(login_sessions.c.expires_at, login_sessions.c.ended_at)  # least() leaves NULL out
    return conn.execute(delete(login_sessions).where(ended_at < func.now() - KEEP_ENDED)).rowcount
