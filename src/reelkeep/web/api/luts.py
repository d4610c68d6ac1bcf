"""LUTs of a production: added by its admins; which one is chosen is a setting of the production."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from reelkeep.catalog import luts, members
from reelkeep.catalog.luts import LutRow
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.ids import LutId, ProductionId
from reelkeep.ingest.luts import Luts
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.uploads import crc32_of
from reelkeep.web.api.views import time_json
from reelkeep.web.context import Call, Caller, IdInPath

router = api_router("/productions/{production_id}/luts")
_MAX_NAME_CHARACTERS = 4_096  # the rules of names are those of ``ingest.file_names``; this bounds the work


class NewLut(BaseModel):
    file_name: str = Field(max_length=_MAX_NAME_CHARACTERS)
    size_bytes: int = Field(strict=True)
    crc32: str = Field(max_length=16)


@router.get("")
def list_luts(production_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, ProductionId(production_id), Action.ADMINISTER)
        found = luts.of_production(conn, ProductionId(production_id))
    return {"luts": [_lut_json(row) for row in found]}


@router.post("", status_code=201)
def begin_lut(production_id: IdInPath, form: NewLut, caller: Caller) -> dict[str, Any]:
    """Begin to add a LUT; give the one presigned PUT that sends it, bound to its checksum."""
    begun = Luts(caller.company).begin(
        _user(caller),
        ProductionId(production_id),
        file_name=form.file_name,
        size_bytes=form.size_bytes,
        crc32=crc32_of(form.crc32),
    )
    request = begun.request
    return {
        "id": begun.row.id,
        "number": 1,
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "expires_at": time_json(request.expires_at),
    }


@router.post("/{lut_id}/complete")
def complete_lut(production_id: IdInPath, lut_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Read what has arrived; answer with the LUT, which can be chosen now."""
    return {"lut": _lut_json(Luts(caller.company).complete(_user(caller), ProductionId(production_id), LutId(lut_id)))}


@router.delete("/{lut_id}")
def delete_lut(production_id: IdInPath, lut_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Forget a LUT that nobody uses; answer with its file, which the company's own team may remove from the bucket."""
    row = Luts(caller.company).delete(_user(caller), ProductionId(production_id), LutId(lut_id))
    return {"id": row.id, "name": row.name, "object_key": row.object_key}


def _user(caller: Call) -> User:
    """Return who asks, with no transaction left open: the store is asked next."""
    with caller.signed_in() as (_, login):
        return login.user


def _lut_json(row: LutRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "title": row.title,
        "points": row.points,
        "size_bytes": row.size_bytes,
        "added_by": row.adder_name,
        "created_at": time_json(row.created_at),
    }
