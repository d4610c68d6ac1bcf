"""Productions, their members, and where their new versions are stored."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Connection

from reelkeep.catalog import audit, luts, members, productions
from reelkeep.catalog.names import MAX_NAME_CHARACTERS
from reelkeep.catalog.productions import FIRST_FRAMES, ProductionOfUser
from reelkeep.catalog.roles import Action, Role
from reelkeep.errors import StorageSetupError
from reelkeep.ids import ID_PATTERN, LutId, ProductionId, UserId
from reelkeep.luts import LutInput, LutScope
from reelkeep.media import DEFAULT_BANDS, DEFAULT_LARGEST_EDGE_PX
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import lut_json, placement_json
from reelkeep.web.context import Call, Caller, IdInPath

router = api_router("/productions")


class NewProduction(BaseModel):
    name: str = Field(max_length=MAX_NAME_CHARACTERS)


class ChosenLut(BaseModel):
    id: str = Field(pattern=rf"^{ID_PATTERN}$")
    input: LutInput
    scope: LutScope = LutScope.LINEAR


class ChangedProduction(BaseModel):
    """What shall be otherwise; what is left out stays."""

    first_frame: int = Field(FIRST_FRAMES[0], strict=True)
    mark_bands: int = Field(DEFAULT_BANDS, strict=True)
    largest_edge_px: int = Field(DEFAULT_LARGEST_EDGE_PX, strict=True)
    lut: ChosenLut | None = None  # said to be null: no LUT

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change")
        return self


class Membership(BaseModel):
    role: Role


@router.get("")
def list_productions(caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        found = productions.for_user(conn, login.user)
    return {"productions": [_production_json(caller, each) for each in found]}


@router.post("", status_code=201)
def create_production(form: NewProduction, caller: Caller) -> dict[str, Any]:
    with caller.company_admin() as (conn, login):
        production = productions.create(conn, form.name)
        audit.record(conn, "production.created", production.id, login.user.id)
    return _production_json(caller, ProductionOfUser(production, Role.PRODUCTION_ADMIN, 0))


@router.patch("/{production_id}")
def change_production(production_id: IdInPath, form: ChangedProduction, caller: Caller) -> dict[str, Any]:
    """Say which number the first frames have, and how new proxies are made: by an admin of the production."""
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, ProductionId(production_id), Action.ADMINISTER)
        if "first_frame" in form.model_fields_set:
            productions.count_from(conn, ProductionId(production_id), form.first_frame)
        if "mark_bands" in form.model_fields_set:
            productions.mark_with(conn, ProductionId(production_id), form.mark_bands)
        if "largest_edge_px" in form.model_fields_set:
            productions.limit_ladder(conn, ProductionId(production_id), form.largest_edge_px)
        if "lut" in form.model_fields_set:
            _choose(conn, ProductionId(production_id), form.lut)
        changed = form.model_dump(mode="json", exclude_unset=True)
        audit.record(conn, "production.changed", production_id, login.user.id, **changed)
        found = productions.for_user(conn, login.user)
    return next(_production_json(caller, each) for each in found if each.production.id == production_id)


@router.put("/{production_id}/members/{user_id}", status_code=204)
def put_member(production_id: IdInPath, user_id: IdInPath, form: Membership, caller: Caller) -> None:
    """Make a user a member, or change the role: by an admin of the production or of the company."""
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, ProductionId(production_id), Action.ADMINISTER)
        members.put(conn, ProductionId(production_id), UserId(user_id), form.role)
        audit.record(conn, "member.put", production_id, login.user.id, member=user_id, role=form.role.value)


def _choose(conn: Connection, production_id: ProductionId, lut: ChosenLut | None) -> None:
    if lut is None:
        luts.choose_none(conn, production_id)
    else:
        luts.choose(conn, production_id, LutId(lut.id), into=lut.input, scope=lut.scope)


def _production_json(caller: Call, of_user: ProductionOfUser) -> dict[str, Any]:
    production = of_user.production
    try:
        placement = placement_json(caller.company.storage.setting(production.id))
    except StorageSetupError:
        placement = None
    return {
        "id": production.id,
        "slug": production.slug,
        "name": production.name,
        "first_frame": production.first_frame,
        "mark_bands": production.mark_bands,
        "largest_edge_px": production.largest_edge_px,
        "lut": lut_json(of_user.lut) if of_user.lut else None,
        "role": of_user.role.value,
        "assets": of_user.assets,
        "placement": placement,
    }
