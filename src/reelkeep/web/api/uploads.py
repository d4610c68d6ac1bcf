"""Uploads: the client sends the bytes straight to the bucket; here it asks where and says when it is done."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pydantic import BaseModel, Field

from reelkeep.catalog import versions
from reelkeep.catalog.people import User
from reelkeep.errors import RequestError
from reelkeep.ids import ProductionId, UploadId
from reelkeep.ingest.uploads import MAX_CLIENT_KEY_CHARACTERS, MAX_SIGNED_PARTS, SignedPart, UploadView
from reelkeep.storage.interface import Part
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import time_json, version_json
from reelkeep.web.context import NO_NUL, Call, Caller, IdInPath

router = api_router()
_MAX_NAME_CHARACTERS = 4_096  # the rules of names are those of ``ingest.file_names``; this bounds the work


class NewUpload(BaseModel):
    file_name: str = Field(max_length=_MAX_NAME_CHARACTERS)
    size_bytes: int = Field(strict=True)
    client_key: str | None = Field(default=None, max_length=MAX_CLIENT_KEY_CHARACTERS, pattern=NO_NUL)
    folder: str = Field(default="", max_length=_MAX_NAME_CHARACTERS, pattern=NO_NUL)


class WantedPart(BaseModel):
    number: int = Field(strict=True)
    crc32: str = Field(max_length=16)


class WantedParts(BaseModel):
    parts: list[WantedPart] = Field(max_length=MAX_SIGNED_PARTS)


class Completion(BaseModel):
    crc32: str = Field(max_length=16)
    sha256: str | None = Field(default=None, max_length=64)


@router.post("/productions/{production_id}/uploads", status_code=201)
def begin_upload(production_id: IdInPath, form: NewUpload, caller: Caller) -> dict[str, Any]:
    """Begin an upload, or find the open one of the same file again."""
    view = caller.context.uploads.begin(
        _user(caller),
        ProductionId(production_id),
        file_name=form.file_name,
        size_bytes=form.size_bytes,
        client_key=form.client_key,
        folder=form.folder,
    )
    return _upload_json(view)


@router.get("/uploads/{upload_id}")
def read_upload(upload_id: IdInPath, caller: Caller) -> dict[str, Any]:
    return _upload_json(caller.context.uploads.describe(_user(caller), UploadId(upload_id)))


@router.post("/uploads/{upload_id}/parts")
def sign_parts(upload_id: IdInPath, form: WantedParts, caller: Caller) -> dict[str, Any]:
    """Give one presigned PUT for each part, bound to the part's checksum."""
    wanted = [(part.number, crc32_of(part.crc32)) for part in form.parts]
    signed = caller.context.uploads.sign(_user(caller), UploadId(upload_id), wanted)
    return {"requests": [_request_json(part) for part in signed]}


@router.post("/uploads/{upload_id}/complete")
def complete_upload(upload_id: IdInPath, form: Completion, caller: Caller) -> dict[str, Any]:
    """Put the parts together; answer with the version, stored."""
    sha256 = sha256_of(form.sha256)
    crc32 = crc32_of(form.crc32)
    version_id = caller.context.uploads.complete(_user(caller), UploadId(upload_id), crc32=crc32, sha256=sha256)
    with caller.company.engine.begin() as conn:
        return {"version": version_json(versions.get(conn, version_id))}


@router.delete("/uploads/{upload_id}", status_code=204)
def abort_upload(upload_id: IdInPath, caller: Caller) -> None:
    caller.context.uploads.abort(_user(caller), UploadId(upload_id))


def _user(caller: Call) -> User:
    """Return who asks, with no transaction left open: the store is asked next."""
    with caller.signed_in() as (_, login):
        return login.user


def crc32_of(text: str) -> bytes:
    """Return the bytes of a base64 CRC-32; raise RequestError if the text is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise RequestError("a CRC-32 is 4 bytes in base64") from None


def sha256_of(text: str | None) -> bytes | None:
    """Return the SHA-256 that a client claims, if it does; raise RequestError if the text is none."""
    try:
        return bytes.fromhex(text) if text else None
    except ValueError:
        raise RequestError("a SHA-256 is 32 bytes in hexadecimal") from None


def _upload_json(view: UploadView) -> dict[str, Any]:
    row = view.row
    return {
        "id": row.id,
        "version_id": row.version_id,
        "asset_id": row.asset_id,
        "version_number": row.version_number,
        "state": row.state.value,
        "part_bytes": row.plan.part_bytes,
        "parts_total": row.plan.count,
        "done_parts": [_part_json(part) for part in view.done_parts],
    }


def _part_json(part: Part) -> dict[str, Any]:
    crc32 = base64.b64encode(part.crc32).decode() if part.crc32 is not None else None
    return {"number": part.number, "size_bytes": part.size_bytes, "crc32": crc32}


def _request_json(part: SignedPart) -> dict[str, Any]:
    request = part.request
    return {
        "number": part.number,
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "expires_at": time_json(request.expires_at),
    }
