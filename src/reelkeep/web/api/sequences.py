"""Image sequences: upload frame by frame, a hundred with each call, and the frames of a stored one back."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from reelkeep.catalog import image_sequences
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.delivery import originals
from reelkeep.errors import ReelkeepError, RequestError
from reelkeep.ids import ProductionId, UploadId
from reelkeep.ingest.sequences import (
    MAX_FRAMES_AT_ONCE,
    FrameFile,
    Held,
    NewSequence,
    Sequences,
    SequenceView,
    Wanted,
)
from reelkeep.ingest.uploads import MAX_CLIENT_KEY_CHARACTERS
from reelkeep.media import FrameRate
from reelkeep.sequences import MAX_NUMBER
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.uploads import crc32_of, sha256_of
from reelkeep.web.api.views import time_json
from reelkeep.web.context import NO_NUL, Call, Caller, IdInPath, version_for
from reelkeep.web.errors import body_of

router = api_router()
_MAX_NAME_CHARACTERS: Final = 4_096  # the rules of names are those of ``ingest.file_names``; this bounds the work
_MAX_LISTED: Final = 1_000


class SequenceForm(BaseModel):
    folder: str = Field(default="", max_length=_MAX_NAME_CHARACTERS, pattern=NO_NUL)
    first_file: str = Field(max_length=_MAX_NAME_CHARACTERS)
    last_file: str = Field(max_length=_MAX_NAME_CHARACTERS)
    files: int = Field(strict=True)
    size_bytes: int = Field(strict=True)
    rate: tuple[int, int] = Field(default=(24, 1))
    client_key: str = Field(max_length=MAX_CLIENT_KEY_CHARACTERS, pattern=NO_NUL)


class FrameForm(BaseModel):
    file_name: str = Field(max_length=_MAX_NAME_CHARACTERS)
    size_bytes: int = Field(strict=True)
    crc32: str = Field(max_length=16)
    sha256: str | None = Field(default=None, max_length=64)


class FramesForm(BaseModel):
    files: list[FrameForm] = Field(max_length=MAX_FRAMES_AT_ONCE)


class ArrivedForm(BaseModel):
    number: int = Field(strict=True, ge=0, le=MAX_NUMBER)
    crc32: str = Field(max_length=16)


class ArrivedFrames(BaseModel):
    frames: list[ArrivedForm] = Field(max_length=MAX_FRAMES_AT_ONCE)


class NumbersForm(BaseModel):
    numbers: list[int] = Field(max_length=originals.MAX_LINKS)


@router.post("/productions/{production_id}/sequences", status_code=201)
def begin_sequence(production_id: IdInPath, form: SequenceForm, caller: Caller) -> dict[str, Any]:
    """Begin the upload of an image sequence, or find the open one of the same files again."""
    rate = _rate(form.rate)
    new = NewSequence(form.folder, form.first_file, form.last_file, form.files, form.size_bytes, rate, form.client_key)
    return _view_json(Sequences(caller.company).begin(_user(caller), ProductionId(production_id), new))


@router.post("/sequences/{upload_id}/frames")
def sign_frames(upload_id: IdInPath, form: FramesForm, caller: Caller) -> dict[str, Any]:
    """Answer for each frame, in the same order, with a presigned PUT, that it is there, or with an error."""
    files = [
        FrameFile(file.file_name, file.size_bytes, crc32_of(file.crc32), sha256_of(file.sha256)) for file in form.files
    ]
    signed = Sequences(caller.company).sign(_user(caller), UploadId(upload_id), files)
    return {"frames": [_signed_json(one) for one in signed]}


@router.post("/sequences/{upload_id}/arrived")
def arrived_frames(upload_id: IdInPath, form: ArrivedFrames, caller: Caller) -> dict[str, Any]:
    """Verify frames against the store; answer for each, in the same order."""
    sums = {frame.number: crc32_of(frame.crc32) for frame in form.frames}
    outcome = Sequences(caller.company).arrived(_user(caller), UploadId(upload_id), sums)
    return {"frames": [{"number": number, **_problem_json(outcome[number])} for number in sums]}


@router.post("/sequences/{upload_id}/complete")
def complete_sequence(upload_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Make the version *stored*, once every frame has arrived."""
    return {"version_id": Sequences(caller.company).complete(_user(caller), UploadId(upload_id))}


@router.get("/versions/{version_id}/frames")
def list_frames(version_id: IdInPath, caller: Caller, after: int = -1, limit: int = _MAX_LISTED) -> dict[str, Any]:
    """List the files of a sequence, ordered by number."""
    most = max(1, min(limit, _MAX_LISTED))
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.DOWNLOAD)
        frames = image_sequences.page(conn, version.id, after=min(after, MAX_NUMBER), limit=most)
    listed = [
        {
            "number": frame.number,
            "file_name": frame.file_name,
            "size_bytes": frame.size_bytes,
            "sha256": frame.claimed_sha256.hex() if frame.claimed_sha256 else None,
        }
        for frame in frames
    ]
    return {"frames": listed, "next": frames[-1].number if len(frames) == most else None}


@router.post("/versions/{version_id}/frames/downloads")
def download_frames(version_id: IdInPath, form: NumbersForm, caller: Caller) -> dict[str, Any]:
    """Give addresses in the company's own bucket, good for a few minutes, in the same order."""
    storage = caller.company.storage
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.DOWNLOAD)
        downloads = originals.prepare_frames(conn, storage, login.user, version, form.numbers)
    signed = [originals.sign(storage, download) for download in downloads]
    return {"links": [{"url": one.url, "expires_at": time_json(one.expires_at)} for one in signed]}


def _user(caller: Call) -> User:
    """Return who asks, with no transaction left open: the store is asked next."""
    with caller.signed_in() as (_, login):
        return login.user


def _rate(pair: tuple[int, int]) -> FrameRate:
    numerator, denominator = pair
    if not (1 <= numerator <= 1_000_000 and 1 <= denominator <= 10_000):
        raise RequestError("a frame rate is two whole numbers, such as 24 and 1 or 24000 and 1001")
    return FrameRate(numerator, denominator)


def _view_json(view: SequenceView) -> dict[str, Any]:
    return {
        "id": view.upload_id,
        "version_id": view.version_id,
        "asset_id": view.asset_id,
        "name": view.name,
        "state": view.state.value,
        "stored_frames": view.stored_frames,
    }


def _signed_json(one: Wanted | Held | ReelkeepError) -> dict[str, Any]:
    match one:
        case ReelkeepError():
            return body_of(one)
        case Held():
            return {"number": one.number, "stored": True}
        case Wanted():
            return {
                "number": one.number,
                "stored": False,
                "method": one.request.method,
                "url": one.request.url,
                "headers": dict(one.request.headers),
                "expires_at": time_json(one.request.expires_at),
            }


def _problem_json(problem: ReelkeepError | None) -> dict[str, Any]:
    return body_of(problem) if problem is not None else {}
