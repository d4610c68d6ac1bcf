"""Who may do what in a production. A company admin may do everything in every production of the company."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from reelkeep.catalog import people
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import ALLOWED, SUPPORT_ROLE, Action, Role, allowed_to_support
from reelkeep.catalog.tables import memberships, productions
from reelkeep.errors import Forbidden, NotFound
from reelkeep.ids import ProductionId, UserId

_MEMBER: Final = (memberships.c.production_id == productions.c.id) & (memberships.c.user_id == bindparam("user_id"))
_ROLE: Final = (  # made once: each request asks it
    select(memberships.c.role)
    .select_from(productions.outerjoin(memberships, _MEMBER))
    .where(productions.c.id == bindparam("production_id"))
)


def role(conn: Connection, user: User, production_id: ProductionId) -> Role | None:
    """Return the user's role in a production; None if the production is not there or not the user's."""
    row = conn.execute(_ROLE, {"user_id": user.id, "production_id": production_id}).first()
    if row is None:
        return None
    if user.support is not None:
        return SUPPORT_ROLE if user.support.covers(production_id) else None
    if user.is_company_admin:
        return Role.PRODUCTION_ADMIN
    return Role(row[0]) if row[0] is not None else None


def require(conn: Connection, user: User, production_id: ProductionId, action: Action) -> Role:
    """Return the user's role if it allows the action.

    Raises:
        NotFound: no such production, or not the user's: one answer for both.
        Forbidden: the user is a member, but the role does not allow it.
    """
    held = role(conn, user, production_id)
    if held is None:
        raise NotFound
    allowed = ALLOWED[held] if user.support is None else allowed_to_support(with_media=user.support.with_media)
    if action not in allowed:
        of_member = f"your role in this production ({held.value.replace('_', ' ')})"
        what = of_member if user.support is None else "support access as it was given"
        raise Forbidden(f"{what} does not allow this")
    return held


def put(conn: Connection, production_id: ProductionId, user_id: UserId, new_role: Role) -> None:
    """Make a user a member of a production, or change the role. Raise NotFound if there is no such user."""
    people.get(conn, user_id)
    statement = insert(memberships).values(production_id=production_id, user_id=user_id, role=new_role.value)
    keys = [memberships.c.production_id, memberships.c.user_id]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_={"role": new_role.value}))
