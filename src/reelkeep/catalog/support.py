"""Support access: what the operator's people may look at, as long as an admin of the company lets them.

One access is open at a time, so that one sentence says who can see what. Whoever comes in has a user of their own with
the name that the operator's command gave, so that the audit record names a person; that user belongs to no production,
has no password, and is over with the access. Promise I10.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, text, update

from reelkeep.catalog import names
from reelkeep.catalog.login_sessions import MAX_TOKEN_CHARACTERS, TOKEN_BYTES, support_is_open, token_hash
from reelkeep.catalog.people import User
from reelkeep.catalog.tables import OF_SUPPORT, audit_events, login_sessions, support_access, support_people, users
from reelkeep.errors import Conflict, RequestError, SignInRequired
from reelkeep.ids import ProductionId, SupportId, UserId, new_id

SHORTEST: Final = timedelta(minutes=5)
DEFAULT: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=24)
LINK_LIFETIME: Final = timedelta(minutes=10)
_LOCK: Final = 7_235_419_024  # pg_advisory_xact_lock: two admins at once give one access
_NO_HASH: Final = "!"  # stands where no password is
_EMAIL_HOST: Final = "support.invalid"  # RFC 2606, section 2: never anybody's


@dataclass(frozen=True)
class SupportAccess:
    id: SupportId
    production_id: ProductionId | None  # None: the whole company
    with_media: bool
    given_by: str  # the admin's name
    given_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Arrival:
    """Somebody of the operator's who may come in by a link.

    Args:
        token: of the link; kept nowhere.
    """

    user_id: UserId
    token: str
    link_ends_at: datetime
    access: SupportAccess


@dataclass(frozen=True)
class Deed:
    """One line of the audit record that is about support."""

    id: str
    at: datetime
    what: str
    name: str | None  # of who did it; None: the platform itself
    details: dict[str, Any]


def give(
    conn: Connection, admin: User, lifetime: timedelta, production_id: ProductionId | None, *, with_media: bool
) -> SupportAccess:
    """Let the operator's people in.

    Raises:
        RequestError: ``lifetime`` is not within SHORTEST and LONGEST; nothing was written.
        Conflict: they are let in already; nothing was written.
    """
    if not SHORTEST <= lifetime <= LONGEST:
        least, most = int(SHORTEST.total_seconds()) // 60, int(LONGEST.total_seconds()) // 3600
        raise RequestError(f"support access lasts {least} minutes to {most} hours")
    conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if current(conn) is not None:
        raise Conflict("support access is given already", advice="End it first, then give it anew.")
    row = {"id": new_id(), "production_id": production_id, "with_media": with_media, "given_by": admin.id}
    conn.execute(insert(support_access).values(ends_at=func.now() + lifetime, **row))
    given = current(conn)
    assert given is not None
    return given


_OPEN: Final = (
    select(support_access, users.c.name).join(users, users.c.id == support_access.c.given_by).where(support_is_open())
)


def current(conn: Connection) -> SupportAccess | None:
    """Return the access that is open now, or None."""
    row = conn.execute(_OPEN).first()
    return None if row is None else _access(row)


def end(conn: Connection) -> SupportAccess | None:
    """End the access that is open, and every login session by it; return it, or None if there is none."""
    conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    given = current(conn)
    if given is None:
        return None
    conn.execute(update(support_access).where(support_access.c.id == given.id).values(ended_at=func.now()))
    theirs = select(support_people.c.user_id).where(support_people.c.access_id == given.id)
    still_open = login_sessions.c.user_id.in_(theirs), login_sessions.c.ended_at.is_(None)
    conn.execute(update(login_sessions).where(*still_open).values(ended_at=func.now()))
    return given


def expect(conn: Connection, name: str) -> Arrival | None:
    """Make a link by which one of the operator's people may come in, once; return None if nobody is let in."""
    shown = names.display_name(name, what="name")
    access = current(conn)
    if access is None:
        return None
    user_id, token = UserId(new_id()), secrets.token_urlsafe(TOKEN_BYTES)
    person = {"id": user_id, "email": f"{user_id}@{_EMAIL_HOST}", "name": shown, "password_hash": _NO_HASH}
    conn.execute(insert(users).values(**person))
    link = {"user_id": user_id, "access_id": access.id, "link_hash": token_hash(token)}
    lasts = func.least(func.now() + LINK_LIFETIME, access.ends_at)
    made = insert(support_people).values(link_ends_at=lasts, **link).returning(support_people.c.link_ends_at)
    return Arrival(user_id, token, conn.execute(made).scalar_one(), access)


def arrive(conn: Connection, token: str) -> tuple[UserId, SupportAccess]:
    """Use a link up; raise SignInRequired if it is unknown, used or over, or nobody is let in any more."""
    access = current(conn)
    used = (
        update(support_people)
        .where(
            support_people.c.link_hash == token_hash(token[:MAX_TOKEN_CHARACTERS]),
            support_people.c.link_used_at.is_(None),
            support_people.c.link_ends_at > func.now(),
            support_people.c.access_id == (access.id if access else None),
        )
        .values(link_used_at=func.now())
        .returning(support_people.c.user_id)
    )
    user_id = conn.execute(used).scalar()
    if access is None or user_id is None:
        raise SignInRequired("this link is used up or over", advice="Ask for a new one with `reelkeep support open`.")
    return UserId(user_id), access


def deeds(conn: Connection, limit: int) -> Sequence[Deed]:
    """Return what the audit record says of support, each request of its people among it, the newest first."""
    query = (
        select(audit_events, users.c.name)
        .outerjoin(users, users.c.id == audit_events.c.user_id)
        .where(text(OF_SUPPORT))  # as the index has it
        .order_by(audit_events.c.created_at.desc(), audit_events.c.id.desc())
        .limit(limit)
    )
    return [Deed(row.id, row.created_at, row.what, row.name, row.details) for row in conn.execute(query)]


def _access(row: Row[Any]) -> SupportAccess:
    production = ProductionId(row.production_id) if row.production_id is not None else None
    return SupportAccess(SupportId(row.id), production, row.with_media, row.name, row.created_at, row.ends_at)
