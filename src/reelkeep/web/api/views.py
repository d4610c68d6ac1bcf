"""The JSON forms of things, one function for each. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from reelkeep.catalog import storage_audits
from reelkeep.catalog.assets import AssetRow
from reelkeep.catalog.image_sequences import SequenceRow
from reelkeep.catalog.luts import Choice
from reelkeep.catalog.people import User
from reelkeep.catalog.versions import VersionRow
from reelkeep.errors import StorageStopped, sentence
from reelkeep.media import FrameRate, Timecode
from reelkeep.review.comments import Comment
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.placement import Placement, usable
from reelkeep.storage.refusals import Answer

_FACTS: Final = ("container", "width_px", "height_px", "frames", "video_codec", "is_still", "sounds", "times", "light")


def time_json(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def rate_json(rate: FrameRate | None) -> list[int] | None:
    return [rate.numerator, rate.denominator] if rate else None


def placement_json(placement: Placement) -> dict[str, Any]:
    connection = placement.connection
    return {
        "connection": connection.name,
        "bucket": connection.bucket,
        "state": connection.state.value,
        "inherited_from": placement.inherited_from.value,
    }


def stopped_json(connection: StorageConnection) -> dict[str, str] | None:
    """Return why nothing is given out of a connection, in words for whoever looks at a film; None if it is in use."""
    try:
        usable(connection)
    except StorageStopped as why:
        message, advice = sentence(why.message), why.advice()
        fields = {"connection_id": connection.id, "state": connection.state.value, "code": why.code}
        return {**fields, "message": message, "advice": advice}
    return None


def storage_news_json(storage: CompanyStorage) -> dict[str, Any]:
    """Return what pages are told of the company's connections: which have gone out of use, and which do not answer."""
    connections = storage.all_connections()
    stopped = [found for one in connections if (found := stopped_json(one)) is not None]
    away = [one.id for one in storage.connections() if storage.seen(one.id) is Answer.AWAY]
    return {"what": "storage", "stopped": stopped, "away": away}


def storage_notices(storage: CompanyStorage) -> list[dict[str, Any]]:
    """Return what an admin of the company must know of its connections: those revoked, and those that are away."""
    found = []
    for one in storage.all_connections():
        seen = storage.seen(one.id)
        if one.state is ConnectionState.REVOKED and (why := stopped_json(one)) is not None:
            found.append({**why, "name": one.name, "answers_again": seen is Answer.OPEN})
        elif one.state is ConnectionState.ACTIVE and seen is Answer.AWAY:
            message = f"The storage of connection {one.name} does not answer."
            advice = "What is loaded plays on; Reelkeep keeps asking by itself."
            found.append({"connection_id": one.id, "state": "away", "name": one.name, "message": message,
                          "advice": advice, "answers_again": False})  # fmt: skip
    return found


def audit_notices(conn: Connection, storage: CompanyStorage) -> list[dict[str, Any]]:
    """Return what audits have found at the company's connections that no admin has taken note of yet."""
    names = {one.id: one.name for one in storage.all_connections()}
    return [
        {
            "connection_id": connection_id,
            "state": "audit",
            "name": names[connection_id],
            "message": f"An audit of {names[connection_id]} found what was not there before.",
            "advice": "Nothing was deleted. The page Storage tells what it is; take note of it there.",
            "answers_again": False,
        }
        for connection_id in storage_audits.unnoted(conn, names)
    ]


def user_json(user: User) -> dict[str, Any]:
    known = {"id": user.id, "name": user.name, "email": user.email, "is_company_admin": user.is_company_admin}
    return {**known, "is_support": user.support is not None}


def version_json(version: VersionRow) -> dict[str, Any]:
    probe = version.probe or {}
    return {
        "id": version.id,
        "asset_id": version.asset_id,
        "connection_id": version.connection_id,
        "number": version.number,
        "state": version.state.value,
        "problem": sentence(version.problem.message) if version.problem else None,
        "advice": version.problem.advice if version.problem else None,
        "file_name": version.file_name,
        "size_bytes": version.size_bytes,
        "published_frames": version.published_frames,
        "planned_frames": version.planned_frames,
        "frames": version.frames,
        "rate": rate_json(version.rate),
        "has_poster": version.has_poster,
        "uploaded_by": {"id": version.uploaded_by, "name": version.uploader_name},
        "created_at": time_json(version.created_at),
        "stored_at": time_json(version.stored_at),
        "ready_at": time_json(version.ready_at),
        "width_px": probe.get("width_px"),
        "height_px": probe.get("height_px"),
        "sequence": sequence_json(version.sequence) if version.sequence else None,
    }


def lut_json(lut: Choice) -> dict[str, Any]:
    return {"id": lut.lut_id, "name": lut.name, "input": lut.input.value, "scope": lut.scope.value}


def used_lut_json(lut: Choice | None) -> dict[str, Any] | None:
    """Return the LUT that a proxy was made with."""
    return {"name": lut.name, "input": lut.input.value} if lut else None


def sequence_json(sequence: SequenceRow) -> dict[str, Any]:
    return {
        "kind": sequence.kind.value,
        "files": sequence.files,
        "first_number": sequence.first_number,
        "last_number": sequence.last_number,
        "missing": sequence.missing,
        "gaps": [list(gap) for gap in sequence.gaps],
        "rate": rate_json(sequence.rate),
    }


def facts_json(version: VersionRow) -> dict[str, Any]:
    """Return what is known of a version's original; fields that are not known yet are left out."""
    probe = version.probe or {}
    start = probe.get("start_timecode")
    known: dict[str, Any] = {name: probe[name] for name in _FACTS if name in probe}
    rate = FrameRate(**probe["rate"]) if probe.get("rate") else None
    timecode = Timecode(start["frame"], FrameRate(**start["rate"]), start["drop_frame"]).text() if start else None
    return {
        "version_id": version.id,
        "file_name": version.file_name,
        "size_bytes": version.size_bytes,
        **known,
        "rate": rate_json(rate),
        "start_timecode": timecode,
        "lut": used_lut_json(version.lut),
    }


def asset_json(asset: AssetRow, versions: Sequence[VersionRow], folder: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "id": asset.id,
        "name": asset.name,
        "folder": "/".join(folder),
        "production_id": asset.production_id,
        "versions": [version_json(version) for version in versions],
    }


def comment_json(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "frame": comment.frame,
        "last_frame": comment.last_frame,
        "text": comment.text,
        "author": {"id": comment.author_id, "name": comment.author_name},
        "created_at": time_json(comment.created_at),
        "edited_at": time_json(comment.edited_at),
        "resolved_at": time_json(comment.resolved_at),
        "resolved_by": comment.resolver_name,
    }
