"""The users of a company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from reelkeep.catalog import names, passwords
from reelkeep.catalog.tables import login_sessions, support_people, users
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import ProductionId, UserId, new_id


@dataclass(frozen=True)
class SupportScope:
    """What one of the operator's people may look at, who can change nothing."""

    production_id: ProductionId | None  # None: the whole company
    with_media: bool  # pictures and sound, too
    ends_at: datetime

    def covers(self, production_id: ProductionId) -> bool:
        return self.production_id in (None, production_id)


@dataclass(frozen=True)
class User:
    id: UserId
    email: str
    name: str
    is_company_admin: bool
    support: SupportScope | None = None  # None: one of the company's own people


OF_THE_COMPANY: Final = ~exists().where(support_people.c.user_id == users.c.id)
_COLUMNS = (users.c.id, users.c.email, users.c.name, users.c.is_company_admin)


def _user(row: Row[*tuple[Any, ...]]) -> User:
    return User(UserId(row.id), row.email, row.name, row.is_company_admin)


def create(conn: Connection, *, email: str, name: str, password: str, is_company_admin: bool = False) -> User:
    """Add a user.

    Raises:
        RequestError: the address, the name or the password does not do; nothing was written.
        Conflict: there is a user with this address; nothing was written.
    """
    user = User(UserId(new_id()), names.email(email), names.display_name(name, what="name"), is_company_admin)
    row = {"id": user.id, "email": user.email, "name": user.name, "is_company_admin": is_company_admin}
    try:
        with conn.begin_nested():
            conn.execute(insert(users).values(password_hash=passwords.hash_password(password), **row))
    except IntegrityError:
        raise Conflict("there is already a user with this email address") from None
    return user


def get(conn: Connection, user_id: UserId) -> User:
    """Return one of the company's users; raise NotFound if there is none or the account was disabled."""
    found = users.c.id == user_id, users.c.disabled_at.is_(None), OF_THE_COMPANY
    row = conn.execute(select(*_COLUMNS).where(*found)).first()
    if row is None:
        raise NotFound
    return _user(row)


def everyone(conn: Connection) -> list[User]:
    """Return all users of the company whose accounts are not disabled, by name."""
    ours = users.c.disabled_at.is_(None), OF_THE_COMPANY
    rows = conn.execute(select(*_COLUMNS).where(*ours).order_by(users.c.name, users.c.id))
    return [_user(row) for row in rows]


def check_password(conn: Connection, *, email: str, password: str) -> User | None:
    """Return the user of an address and a password, or None; both outcomes take the same work."""
    query = select(*_COLUMNS, users.c.password_hash).where(
        users.c.email == email.strip().lower(), users.c.disabled_at.is_(None), OF_THE_COMPANY
    )
    row = conn.execute(query).first()
    if not passwords.matches(row.password_hash if row else None, password):
        return None
    assert row is not None
    return _user(row)


def set_password(conn: Connection, user_id: UserId, password: str) -> None:
    """Change a password and end every login session of the user, playback sessions with them."""
    conn.execute(update(users).where(users.c.id == user_id).values(password_hash=passwords.hash_password(password)))
    open_sessions = login_sessions.c.user_id == user_id, login_sessions.c.ended_at.is_(None)
    conn.execute(update(login_sessions).where(*open_sessions).values(ended_at=func.now()))
