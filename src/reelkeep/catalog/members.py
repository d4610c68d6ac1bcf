"""Who may do what in a production. A company admin may do everything in every production of the company."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from reelkeep.catalog import people
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import ALLOWED, Action, Role
from reelkeep.catalog.tables import memberships, productions
from reelkeep.errors import Forbidden, NotFound
from reelkeep.ids import ProductionId, UserId


def role(conn: Connection, user: User, production_id: ProductionId) -> Role | None:
    """Return the user's role in a production; None if the production is not there or not the user's."""
    member = (memberships.c.production_id == productions.c.id) & (memberships.c.user_id == user.id)
    query = select(memberships.c.role).select_from(productions.outerjoin(memberships, member))
    row = conn.execute(query.where(productions.c.id == production_id)).first()
    if row is None:
        return None
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
    if action not in ALLOWED[held]:
        raise Forbidden(f"your role in this production ({held.value.replace('_', ' ')}) does not allow this")
    return held


def put(conn: Connection, production_id: ProductionId, user_id: UserId, new_role: Role) -> None:
    """Make a user a member of a production, or change the role. Raise NotFound if there is no such user."""
    people.get(conn, user_id)
    statement = insert(memberships).values(production_id=production_id, user_id=user_id, role=new_role.value)
    keys = [memberships.c.production_id, memberships.c.user_id]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_={"role": new_role.value}))
