"""Signing in and out, and who one is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, Field

from reelkeep.catalog import audit, login_sessions, people, support
from reelkeep.catalog.login_sessions import LIFETIME, LoginKind
from reelkeep.catalog.passwords import MAX_PASSWORD_CHARACTERS
from reelkeep.catalog.people import User
from reelkeep.errors import Forbidden, SignInRequired
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.support_views import support_json
from reelkeep.web.api.views import audit_notices, storage_notices, user_json
from reelkeep.web.context import NO_NUL, AppContext, Call, Caller
from reelkeep.web.errors import WrongOrigin

router = api_router()


class SignIn(BaseModel):
    email: str = Field(max_length=254, pattern=NO_NUL)
    password: str = Field(max_length=MAX_PASSWORD_CHARACTERS)
    kind: LoginKind


class NewPassword(BaseModel):
    old: str = Field(max_length=MAX_PASSWORD_CHARACTERS)
    new: str = Field(max_length=MAX_PASSWORD_CHARACTERS)


@router.post("/login")
def sign_in(form: SignIn, request: Request, response: Response, caller: Caller) -> dict[str, Any]:
    """Begin a login session: a cookie for the page, a bearer token for the command line."""
    context = caller.context
    if form.kind is LoginKind.BROWSER and request.headers.get("origin") != caller.company.app_origin:
        raise WrongOrigin
    user = _checked_user(caller, form)
    with caller.company.engine.begin() as conn:
        session_id, token = login_sessions.begin(conn, user.id, form.kind)
        audit.record(conn, "user.signed_in", session_id, user.id, kind=form.kind.value)
    if form.kind is LoginKind.CLI:
        return {"user": user_json(user), "token": token}
    set_login_cookie(response, context, token, LIFETIME[form.kind])
    return {"user": user_json(user)}


@router.post("/logout", status_code=204)
def sign_out(response: Response, caller: Caller) -> None:
    """End the login session and every playback session that came from it."""
    context = caller.context
    with caller.signed_in(changes_nothing=True) as (conn, login):
        login_sessions.end(conn, login.id)
        audit.record(conn, "user.signed_out", login.id, login.user.id)
    response.delete_cookie(context.cookie_name, path="/", secure=context.is_secure, httponly=True, samesite="strict")


@router.get("/me")
def me(caller: Caller) -> dict[str, Any]:
    """Say who is signed in; to an admin of the company also what is wrong with its storage now."""
    storage = caller.company.storage
    with caller.signed_in() as (conn, login):
        user, is_admin = user_json(login.user), login.user.is_company_admin
        notices = [*storage_notices(storage), *audit_notices(conn, storage)] if is_admin else []
        given = support.current(conn)
        seen = support_json(conn, login.user, given) if given else None
    company = {"name": caller.company.name, "slug": caller.company.slug}
    origin = caller.company.media_origin
    return {"user": user, "company": company, "media_origin": origin, "storage": notices, "support": seen}


@router.put("/me/password", status_code=204)
def change_password(form: NewPassword, caller: Caller) -> None:
    """Change one's own password; every login session ends, this one too."""
    limits = caller.context.limits
    with caller.signed_in() as (conn, login):
        limits.begin(login.user.email, caller.address)
        if people.check_password(conn, email=login.user.email, password=form.old) is None:
            raise Forbidden("the old password is not right", advice="Type the password you signed in with.")
        limits.succeeded(login.user.email, caller.address)
        people.set_password(conn, login.user.id, form.new)
        audit.record(conn, "user.password_changed", login.user.id, login.user.id)


def set_login_cookie(response: Response, context: AppContext, token: str, lifetime: timedelta) -> None:
    """Have the browser keep the token of a login session, for this host and out of every script's reach."""
    response.set_cookie(
        context.cookie_name,
        token,
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=context.is_secure,
        path="/",
    )


def _checked_user(caller: Call, form: SignIn) -> User:
    account, limits = form.email.strip().lower(), caller.context.limits
    limits.begin(account, caller.address)
    with caller.company.engine.begin() as conn:
        user = people.check_password(conn, email=account, password=form.password)
        if user is None:
            audit.record(conn, "user.sign_in_refused", None, None, address=caller.address)
    if user is None:
        raise SignInRequired("the email address or the password is not right", advice="Type both again.")
    limits.succeeded(account, caller.address)
    return user
