"""Support access: an admin of the company gives and ends it; the operator's people come in by a link of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from reelkeep.catalog import audit, login_sessions, productions, support
from reelkeep.catalog.login_sessions import MAX_TOKEN_CHARACTERS, LoginKind
from reelkeep.catalog.support import Deed
from reelkeep.ids import ID_PATTERN, ProductionId
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.signin import set_login_cookie
from reelkeep.web.api.support_views import support_json
from reelkeep.web.api.views import time_json
from reelkeep.web.context import NO_NUL, Caller
from reelkeep.web.errors import WrongOrigin

router = api_router("/support")
_MAX_LISTED: Final = 200
_DEFAULT_MINUTES: Final = int(support.DEFAULT.total_seconds()) // 60
_LONGEST_MINUTES: Final = int(support.LONGEST.total_seconds()) // 60


class NewAccess(BaseModel):
    """What the operator's people may look at, and how long."""

    model_config = ConfigDict(extra="forbid")

    production_id: str | None = Field(default=None, pattern=rf"^{ID_PATTERN}$")  # None: the whole company
    with_media: bool = False
    minutes: int = Field(default=_DEFAULT_MINUTES, ge=1, le=_LONGEST_MINUTES)


class Link(BaseModel):
    token: str = Field(max_length=MAX_TOKEN_CHARACTERS, pattern=NO_NUL)


@router.get("")
def describe(caller: Caller) -> dict[str, Any]:
    """Return the access that is open, and what the record says of support, the newest first."""
    with caller.company_admin() as (conn, login):
        given = support.current(conn)
        access = support_json(conn, login.user, given) if given else None
        record = [_deed_json(deed) for deed in support.deeds(conn, _MAX_LISTED)]
    return {"access": access, "record": record}


@router.post("", status_code=201)
def give(form: NewAccess, caller: Caller) -> dict[str, Any]:
    """Let the operator's people look, for a time."""
    wanted = ProductionId(form.production_id) if form.production_id is not None else None
    with caller.company_admin() as (conn, login):
        if wanted is not None:
            productions.get(conn, wanted)
        lifetime = timedelta(minutes=form.minutes)
        given = support.give(conn, login.user, lifetime, wanted, with_media=form.with_media)
        details = {"production": wanted, "with_media": form.with_media, "minutes": form.minutes}
        audit.record(conn, "support.given", given.id, login.user.id, **details)
        return support_json(conn, login.user, given)


@router.delete("", status_code=204)
def end(caller: Caller) -> None:
    """End the access, and every session by it; when none is open nothing happens."""
    with caller.company_admin() as (conn, login):
        if (ended := support.end(conn)) is not None:
            audit.record(conn, "support.ended", ended.id, login.user.id)


@router.post("/sign-in")
def sign_in(form: Link, request: Request, response: Response, caller: Caller) -> dict[str, str]:
    """Begin a login session of one of the operator's people, by a link that works once."""
    if request.headers.get("origin") != caller.company.app_origin:
        raise WrongOrigin
    with caller.company.engine.begin() as conn:
        user_id, access = support.arrive(conn, form.token)
        session_id, token = login_sessions.begin(conn, user_id, LoginKind.BROWSER, until=access.ends_at)
        audit.record(conn, "support.signed_in", session_id, user_id, address=caller.address)
    set_login_cookie(response, caller.context, token, access.ends_at - datetime.now(UTC))
    return {"path": f"/productions/{access.production_id}" if access.production_id else "/"}


def _deed_json(deed: Deed) -> dict[str, Any]:
    return {"id": deed.id, "at": time_json(deed.at), "what": deed.what, "name": deed.name, "details": deed.details}
