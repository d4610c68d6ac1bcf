"""Many small files with each call: uploads of one PUT each, and links for many downloads."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from reelkeep.catalog import members
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.delivery import originals
from reelkeep.errors import ReelkeepError
from reelkeep.ids import ProductionId, UploadId, VersionId
from reelkeep.ingest.batches import MAX_FILES, MAX_KEYS, Batches, Begun, SmallFile
from reelkeep.ingest.uploads import MAX_CLIENT_KEY_CHARACTERS
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.uploads import crc32_of, sha256_of
from reelkeep.web.api.views import time_json
from reelkeep.web.context import Call, Caller, IdInPath
from reelkeep.web.errors import body_of

router = api_router()
_MAX_NAME_CHARACTERS: Final = 4_096  # the rules of names are those of ``ingest.file_names``; this bounds the work
_MAX_LISTED: Final = 1_000


class NewFile(BaseModel):
    folder: str = Field(default="", max_length=_MAX_NAME_CHARACTERS)
    file_name: str = Field(max_length=_MAX_NAME_CHARACTERS)
    size_bytes: int = Field(strict=True)
    crc32: str = Field(max_length=16)
    sha256: str | None = Field(default=None, max_length=64)
    client_key: str = Field(max_length=MAX_CLIENT_KEY_CHARACTERS)


class NewFiles(BaseModel):
    files: list[NewFile] = Field(max_length=MAX_FILES)


class Arrived(BaseModel):
    id: str = Field(max_length=64)
    crc32: str = Field(max_length=16)


class ArrivedFiles(BaseModel):
    uploads: list[Arrived] = Field(max_length=MAX_FILES)


class ClientKeys(BaseModel):
    client_keys: list[str] = Field(max_length=MAX_KEYS)


class Wanted(BaseModel):
    versions: list[str] = Field(max_length=MAX_FILES)


@router.post("/productions/{production_id}/uploads/known")
def known_uploads(production_id: IdInPath, form: ClientKeys, caller: Caller) -> dict[str, Any]:
    """Say which of a client's files it has uploaded before, whole."""
    user = _user(caller)
    return {"known": _batches(caller).known(user, ProductionId(production_id), form.client_keys)}


@router.post("/productions/{production_id}/uploads/cancel")
def cancel_uploads(production_id: IdInPath, form: ClientKeys, caller: Caller) -> dict[str, Any]:
    """Give up the caller's open uploads of these files."""
    return {"cancelled": _batches(caller).give_up(_user(caller), ProductionId(production_id), form.client_keys)}


@router.post("/productions/{production_id}/small-uploads")
def begin_small(production_id: IdInPath, form: NewFiles, caller: Caller) -> dict[str, Any]:
    """Begin the uploads of small files; answer in the same order, with a presigned PUT or an error for each."""
    files = [
        SmallFile(
            file.folder, file.file_name, file.size_bytes, crc32_of(file.crc32), sha256_of(file.sha256), file.client_key
        )
        for file in form.files
    ]
    begun = _batches(caller).begin(_user(caller), ProductionId(production_id), files)
    return {"uploads": [_begun_json(one) if isinstance(one, Begun) else body_of(one) for one in begun]}


@router.post("/productions/{production_id}/small-uploads/complete")
def complete_small(production_id: IdInPath, form: ArrivedFiles, caller: Caller) -> dict[str, Any]:
    """Verify small files against the store; answer in the same order, with the version or an error for each."""
    arrived = {UploadId(one.id): crc32_of(one.crc32) for one in form.uploads}
    outcome = _batches(caller).complete(_user(caller), ProductionId(production_id), arrived)
    return {"uploads": [{"id": upload_id, **_outcome_json(outcome[upload_id])} for upload_id in arrived]}


@router.get("/productions/{production_id}/originals")
def list_originals(production_id: IdInPath, caller: Caller, after: str = "", limit: int = _MAX_LISTED) -> Any:
    """List what can be downloaded: the newest stored version of each asset, ordered by asset."""
    production, most = ProductionId(production_id), max(1, min(limit, _MAX_LISTED))
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, production, Action.DOWNLOAD)
        found = originals.of_production(conn, production, after=after, limit=most)
    listed = [
        {
            "asset_id": one.asset_id,
            "version_id": one.version_id,
            "folder": "/".join(one.folder),
            "file_name": one.file_name,
            "size_bytes": one.size_bytes,
            "sha256": one.sha256.hex() if one.sha256 else None,
            "frames": one.frames,
        }
        for one in found
    ]
    return {"originals": listed, "next": found[-1].asset_id if len(found) == most else None}


@router.post("/productions/{production_id}/downloads")
def download_many(production_id: IdInPath, form: Wanted, caller: Caller) -> dict[str, Any]:
    """Give addresses in the company's own bucket, good for a few minutes, in the same order."""
    production, wanted = ProductionId(production_id), [VersionId(version_id) for version_id in form.versions]
    storage = caller.company.storage
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, production, Action.DOWNLOAD)
        downloads = originals.prepare_many(conn, storage, login.user, production, wanted)
    signed = [originals.sign(storage, download) for download in downloads]
    return {"links": [{"url": one.url, "expires_at": time_json(one.expires_at)} for one in signed]}


def _batches(caller: Call) -> Batches:
    return Batches(caller.company)


def _user(caller: Call) -> User:
    """Return who asks, with no transaction left open: the store is asked next."""
    with caller.signed_in() as (_, login):
        return login.user


def _begun_json(one: Begun) -> dict[str, Any]:
    return {
        "id": one.upload_id,
        "version_id": one.version_id,
        "asset_id": one.asset_id,
        "method": one.request.method,
        "url": one.request.url,
        "headers": dict(one.request.headers),
        "expires_at": time_json(one.request.expires_at),
    }


def _outcome_json(outcome: VersionId | ReelkeepError) -> dict[str, Any]:
    return body_of(outcome) if isinstance(outcome, ReelkeepError) else {"version_id": outcome}
