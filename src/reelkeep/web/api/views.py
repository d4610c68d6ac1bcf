"""The JSON forms of things, one function for each. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from reelkeep.catalog.assets import AssetRow
from reelkeep.catalog.image_sequences import SequenceRow
from reelkeep.catalog.luts import Choice
from reelkeep.catalog.people import User
from reelkeep.catalog.versions import VersionRow
from reelkeep.errors import sentence
from reelkeep.media import FrameRate, Timecode
from reelkeep.review.comments import Comment
from reelkeep.storage.placement import Placement

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


def user_json(user: User) -> dict[str, Any]:
    return {"id": user.id, "name": user.name, "email": user.email, "is_company_admin": user.is_company_admin}


def version_json(version: VersionRow) -> dict[str, Any]:
    probe = version.probe or {}
    return {
        "id": version.id,
        "asset_id": version.asset_id,
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
