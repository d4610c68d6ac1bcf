"""Productions: the shows of a company."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from reelkeep.catalog import names
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Role
from reelkeep.catalog.tables import assets, memberships, productions
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import ProductionId, new_id
from reelkeep.storage.layout import SLUG_CHARACTERS, slug

_SLUG_TRIES = 50


@dataclass(frozen=True)
class Production:
    id: ProductionId
    slug: str  # frozen; part of the object keys
    name: str


@dataclass(frozen=True)
class ProductionOfUser:
    production: Production
    role: Role
    assets: int


def create(conn: Connection, name: str) -> Production:
    """Add a production; its slug is made from the name, with a number where another one has it.

    Raises:
        RequestError: the name does not do; nothing was written.
        Conflict: too many productions of this name; nothing was written.
    """
    shown = names.display_name(name, what="production's name")
    base, production_id = slug(shown), ProductionId(new_id())
    for number in range(1, _SLUG_TRIES + 1):
        tail = "" if number == 1 else f"-{number}"
        candidate = base[: SLUG_CHARACTERS - len(tail)] + tail
        row = {"id": production_id, "slug": candidate, "name": shown}
        statement = insert(productions).values(row).on_conflict_do_nothing().returning(productions.c.id)
        if conn.execute(statement).first() is not None:
            return Production(production_id, candidate, shown)
    raise Conflict("there are too many productions of this name", advice="Choose another name.")


def get(conn: Connection, production_id: ProductionId) -> Production:
    """Return a production, whoever asks; raise NotFound if there is none."""
    columns = productions.c.id, productions.c.slug, productions.c.name
    row = conn.execute(select(*columns).where(productions.c.id == production_id)).first()
    if row is None:
        raise NotFound
    return Production(ProductionId(row.id), row.slug, row.name)


def for_user(conn: Connection, user: User) -> list[ProductionOfUser]:
    """Return the productions a user may see, by name, with the user's role and the number of assets."""
    count = select(func.count()).where(assets.c.production_id == productions.c.id).scalar_subquery()
    member = (memberships.c.production_id == productions.c.id) & (memberships.c.user_id == user.id)
    query = (
        select(productions.c.id, productions.c.slug, productions.c.name, memberships.c.role, count.label("assets"))
        .select_from(productions.outerjoin(memberships, member))
        .order_by(productions.c.name, productions.c.id)
    )
    if not user.is_company_admin:
        query = query.where(memberships.c.role.is_not(None))
    return [
        ProductionOfUser(
            Production(ProductionId(row.id), row.slug, row.name),
            Role.PRODUCTION_ADMIN if user.is_company_admin else Role(row.role),
            row.assets,
        )
        for row in conn.execute(query)
    ]
