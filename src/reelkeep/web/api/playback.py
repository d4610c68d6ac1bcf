"""Playback sessions: the app process decides who may watch, the media process serves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from reelkeep.catalog import audit, members
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.roles import Action
from reelkeep.catalog.versions import VersionRow
from reelkeep.errors import Conflict
from reelkeep.ids import ProductionId
from reelkeep.media import Light, TrackKind
from reelkeep.playback import proxies, sessions
from reelkeep.playback.proxies import Proxy
from reelkeep.playback.taking import choose, file_plan
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import rate_json, time_json, used_lut_json
from reelkeep.web.context import Call, Caller, IdInPath, version_for

router = api_router()


class WantedProxy(BaseModel):
    rendition: str = Field(default="", max_length=16)  # "": the largest


@router.post("/productions/{production_id}/browse-sessions", status_code=201)
def begin_browsing(production_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Give the right to see the posters of a production."""
    with caller.signed_in(changes_nothing=True) as (conn, login):
        members.require(conn, login.user, ProductionId(production_id), Action.WATCH)
        session, token = sessions.begin(conn, login, ProductionId(production_id), None)
    return {"base": _base(caller, token), "expires_at": time_json(session.expires_at)}


@router.post("/versions/{version_id}/playback-sessions", status_code=201)
def begin_playback(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Give the right to play a version that has its first pictures."""
    with caller.signed_in(changes_nothing=True) as (conn, login):
        version = version_for(conn, login.user, version_id, Action.WATCH)
        _check_playable(version)
        caller.company.storage.connection(version.connection_id)
        proxy = proxies.read(conn, version.id)
        session, token = sessions.begin(conn, login, version.production_id, version.id)
        audit.record(conn, "playback.began", version.id, login.user.id, session=session.id)
    return {
        "base": _base(caller, token),
        "manifest": "manifest.mpd",
        "expires_at": time_json(session.expires_at),
        **_timeline_json(proxy, version.probe or {}, version.published_frames),
        "lut": used_lut_json(version.lut),
    }


@router.post("/versions/{version_id}/proxy-downloads", status_code=201)
def begin_taking(version_id: IdInPath, form: WantedProxy, caller: Caller) -> dict[str, Any]:
    """Give the right to take the proxy of a version away as a file, for some minutes."""
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.TAKE_PROXY)
        if version.state is not VersionState.READY:
            raise Conflict("the proxy is not complete yet", advice="Wait until the version is ready.")
        caller.company.storage.connection(version.connection_id)
        proxy = proxies.read(conn, version.id)
        lead = choose(proxy, form.rendition)
        plan = file_plan(proxy, lead)
        session, token = sessions.begin(conn, login, version.production_id, version.id, is_taking=True)
        details = {"session": session.id, "rendition": lead.name}
        audit.record(conn, "version.proxy_taken", version.id, login.user.id, **details)
        made = proxies.made(conn, version.id, [each.name for each in plan.tracks])
    return {
        "base": f"{_base(caller, token)}/{lead.name}/file",
        "rendition": lead.name,
        "file_name": version.file_name,
        "parts_total": plan.parts_total,
        "about_bytes": made.sealed_bytes,
        "made": made.mark,
        "expires_at": time_json(session.expires_at),
    }


def _check_playable(version: VersionRow) -> None:
    if version.state in (VersionState.PROCESSING, VersionState.PLAYABLE, VersionState.READY):
        return
    problem = version.problem
    raise Conflict(
        problem.message if problem else "there is nothing to play yet",
        advice=problem.advice if problem else "Wait until the first pictures have been made.",
    )


def _timeline_json(proxy: Proxy, probe: dict[str, Any], published_frames: int) -> dict[str, Any]:
    start = probe.get("start_timecode")
    return {
        "frames": proxy.frames,
        "planned_frames": proxy.planned_frames,
        "published_frames": published_frames,
        "rate": rate_json(proxy.rate),
        "start_timecode": {"frame": start["frame"], "drop_frame": start["drop_frame"]} if start else None,
        "tiles": proxy.tile_layout,
        "light": probe.get("light", Light.TELEVISION.value),
        "renditions": [
            {
                "name": each.name,
                "kind": each.kind.value,
                "is_step": each.is_step,
                "width_px": each.width_px,
                "height_px": each.height_px,
                "published_samples": each.published_samples,
                "language": each.language,
                "title": each.label,
                "label": proxy.label(each) if each.kind is TrackKind.AUDIO else "",
            }
            for each in proxy.renditions
        ],
    }


def _base(caller: Call, token: str) -> str:
    return f"{caller.company.media_origin}/p/{token}"
