"""The users of the company, for its admins."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from reelkeep.catalog import audit, people
from reelkeep.catalog.names import MAX_EMAIL_CHARACTERS, MAX_NAME_CHARACTERS
from reelkeep.catalog.passwords import MAX_PASSWORD_CHARACTERS, new_password
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import user_json
from reelkeep.web.context import Caller

router = api_router("/users")


class NewUser(BaseModel):
    email: str = Field(max_length=MAX_EMAIL_CHARACTERS)
    name: str = Field(max_length=MAX_NAME_CHARACTERS)
    password: str | None = Field(default=None, max_length=MAX_PASSWORD_CHARACTERS)
    is_company_admin: bool = False


@router.get("")
def list_users(caller: Caller) -> dict[str, Any]:
    with caller.company_admin() as (conn, _):
        return {"users": [user_json(user) for user in people.everyone(conn)]}


@router.post("", status_code=201)
def create_user(form: NewUser, caller: Caller) -> dict[str, Any]:
    """Add a user; without a password one is made and shown in this answer only."""
    made = None if form.password is not None else new_password()
    password = form.password if made is None else made
    assert password is not None
    is_admin = form.is_company_admin
    with caller.company_admin() as (conn, login):
        user = people.create(conn, email=form.email, name=form.name, password=password, is_company_admin=is_admin)
        audit.record(conn, "user.created", user.id, login.user.id, is_company_admin=is_admin)
    return {"user": user_json(user), "password": made}
