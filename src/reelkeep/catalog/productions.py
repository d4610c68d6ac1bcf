"""Productions: the shows of a company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from reelkeep.catalog import changes, names
from reelkeep.catalog.luts import Choice, choice_of
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import SUPPORT_ROLE, Role
from reelkeep.catalog.tables import assets, lut_choices, luts, memberships, productions
from reelkeep.errors import Conflict, NotFound, RequestError
from reelkeep.ids import ProductionId, new_id
from reelkeep.media import DEFAULT_BANDS, DEFAULT_LARGEST_EDGE_PX, LARGEST_EDGES_PX, MAX_BANDS
from reelkeep.storage.layout import SLUG_CHARACTERS, slug

_SLUG_TRIES = 50
FIRST_FRAMES: Final = (0, 1, 1001)  # 1001: the habit of visual effects, which leaves room for handles before the cut


@dataclass(frozen=True)
class Production:
    id: ProductionId
    slug: str  # frozen; part of the object keys
    name: str
    first_frame: int = 0  # the number that people see on the first frame of every film
    mark_bands: int = DEFAULT_BANDS  # of proxies made from now on; 0 is the plain ladder
    largest_edge_px: int = DEFAULT_LARGEST_EDGE_PX  # the shorter edge of the largest rung made from now on


@dataclass(frozen=True)
class ProductionOfUser:
    production: Production
    role: Role
    assets: int
    lut: Choice | None = None  # of versions whose making begins from now on


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


_COUNT: Final = select(func.count()).where(assets.c.production_id == productions.c.id).scalar_subquery()
_MEMBER: Final = (memberships.c.production_id == productions.c.id) & (memberships.c.user_id == bindparam("user_id"))
_ALL: Final = (  # made once: every page begins with them
    select(
        productions,
        memberships.c.role,
        _COUNT.label("assets"),
        lut_choices.c.lut_id,
        lut_choices.c.input,
        lut_choices.c.scope,
        luts.c.file_name,
    )
    .select_from(productions.outerjoin(memberships, _MEMBER))
    .outerjoin(lut_choices, lut_choices.c.production_id == productions.c.id)
    .outerjoin(luts, luts.c.id == lut_choices.c.lut_id)
    .order_by(productions.c.name, productions.c.id)
)
_OF_MEMBER: Final = _ALL.where(memberships.c.role.is_not(None))
_ONE: Final = _ALL.where(productions.c.id == bindparam("production_id"))


def get(conn: Connection, production_id: ProductionId) -> Production:
    """Return a production, whoever asks; raise NotFound if there is none."""
    row = conn.execute(select(productions).where(productions.c.id == production_id)).first()
    if row is None:
        raise NotFound
    return _production(row)


def every(conn: Connection) -> list[Production]:
    """Return all productions of the company, by name; for the operator and for admins of the company."""
    columns = productions.c.id, productions.c.slug, productions.c.name, productions.c.first_frame
    rows = conn.execute(select(*columns).order_by(productions.c.name, productions.c.id))
    return [Production(ProductionId(row.id), row.slug, row.name, row.first_frame) for row in rows]


def find(conn: Connection, wanted: str) -> Production:
    """Return the production with this id or slug, or the only one with this name; raise NotFound."""
    found = every(conn)
    for same in (lambda one: wanted in (one.id, one.slug), lambda one: one.name == wanted):
        those = [one for one in found if same(one)]
        if len(those) == 1:
            return those[0]
    raise NotFound(  # who asks may be the operator, who learns no titles
        f"there is no one production {wanted}", advice="Give its id, which stands in the address of its page."
    )


def count_from(conn: Connection, production_id: ProductionId, first_frame: int) -> Production:
    """Let the frames that people see begin at a number; frames in the API and in addresses stay counted from 0.

    Raises:
        NotFound: no such production.
        RequestError: the number is none of FIRST_FRAMES; nothing was changed.
    """
    if first_frame not in FIRST_FRAMES:
        raise RequestError(f"a first frame has one of the numbers {', '.join(map(str, FIRST_FRAMES))}")
    conn.execute(update(productions).where(productions.c.id == production_id).values(first_frame=first_frame))
    changes.notify_production(conn, production_id)
    return get(conn, production_id)


def mark_with(conn: Connection, production_id: ProductionId, bands: int) -> Production:
    """Let proxies made from now on have so many mark bands, 0 for the plain ladder. Those there are stay as they are.

    Raises:
        NotFound: no such production.
        RequestError: no picture has so many bands; nothing was changed.
    """
    if not 0 <= bands <= MAX_BANDS:
        raise RequestError(f"a picture has 0 to {MAX_BANDS} mark bands")
    conn.execute(update(productions).where(productions.c.id == production_id).values(mark_bands=bands))
    return get(conn, production_id)


def limit_ladder(conn: Connection, production_id: ProductionId, largest_edge_px: int) -> Production:
    """Let proxies made from now on have no rung whose shorter edge is longer. Those there are stay as they are.

    Raises:
        NotFound: no such production.
        RequestError: the size is none of LARGEST_EDGES_PX; nothing was changed.
    """
    if largest_edge_px not in LARGEST_EDGES_PX:
        raise RequestError(f"the largest picture of a proxy has {' or '.join(map(str, LARGEST_EDGES_PX))} lines")
    conn.execute(update(productions).where(productions.c.id == production_id).values(largest_edge_px=largest_edge_px))
    return get(conn, production_id)


def for_user(conn: Connection, user: User) -> list[ProductionOfUser]:
    """Return the productions a user may see, by name, with the user's role and the number of assets."""
    query, asked = _ALL, {"user_id": str(user.id)}
    if user.support is None and not user.is_company_admin:
        query = _OF_MEMBER
    if user.support is not None and user.support.production_id is not None:
        query, asked = _ONE, {**asked, "production_id": user.support.production_id}
    return [
        ProductionOfUser(
            _production(row),
            _role(user, row.role),
            row.assets,
            choice_of(row.lut_id, row.file_name, row.input, row.scope),
        )
        for row in conn.execute(query, asked)
    ]


def _role(user: User, of_member: str | None) -> Role:
    if user.support is not None:
        return SUPPORT_ROLE
    return Role.PRODUCTION_ADMIN if user.is_company_admin else Role(of_member)


def _production(row: Row[Any]) -> Production:
    made = row.mark_bands, row.largest_edge_px
    return Production(ProductionId(row.id), row.slug, row.name, row.first_frame, *made)
