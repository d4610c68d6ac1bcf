"""A proxy made anew: as the production wants it now, under new keys, and nothing of the old one is given out."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from tests.media.originals import make_original
from tests.services.command_line import CommandLine
from tests.services.installation import wait_until
from tests.services.platform import Platform

from reelkeep.catalog.tables import audit_events, renditions
from reelkeep.errors import Conflict
from reelkeep.storage.layout import parse_proxy_key
from reelkeep.transfer import network
from reelkeep.web.media import SESSION_KEPT_SECONDS


def attempts(platform: Platform, version_id: str) -> set[int]:
    """Return the numbers of the attempts whose objects are in the bucket."""
    places = map(parse_proxy_key, platform.objects(f"proxies/{version_id}/"))
    return {place.attempt_number for place in places if place is not None}


def rungs(platform: Platform, version_id: str) -> dict[str, bytes]:
    query = select(renditions.c.name, renditions.c.key_id).where(renditions.c.version_id == version_id)
    with platform.company_engine().begin() as conn:
        return {row.name: row.key_id for row in conn.execute(query)}


def test_a_proxy_is_made_anew_as_the_production_wants_it_now(platform: Platform, tmp_path: Path) -> None:
    with platform.api() as api, network.client() as player:
        production = api.create_production("Second ladder")
        clip = make_original(tmp_path / "reel.mp4", frames=12, size=(1920, 1080))
        version_id = platform.upload(clip, production["id"]).version_id
        platform.wait_for(version_id, "ready")
        old, old_rungs = api.playback_session(version_id), rungs(platform, version_id)
        assert set(old_rungs) >= {"v360", "v1080"}
        before = player.get(f"{old['base']}/v360/0.m4s").raise_for_status().content
        api._post(f"/versions/{version_id}/comments", {"frame": 0, "text": "too green"})

        api.change_production(str(production["id"]), {"largest_edge_px": 720})
        told = CommandLine.signed_in(platform, tmp_path / "home").run("remake", version_id, "--json")
        assert told.fields["state"] in ("stored", "processing")
        with pytest.raises(Conflict, match="no whole proxy"):
            api.remake_version(version_id)
        wait_until(lambda: player.get(f"{old['base']}/v360/0.m4s").status_code == 404, SESSION_KEPT_SECONDS + 2)
        platform.wait_for(version_id, "ready")

        new_rungs = rungs(platform, version_id)
        assert {name for name in new_rungs if name.startswith("v")} == {"v360", "v720"}
        assert not set(old_rungs.values()) & set(new_rungs.values()), "a content key of the old proxy"
        assert attempts(platform, version_id) == {2}, "the objects of the old proxy"
        base = api.playback_session(version_id)["base"]
        after = player.get(f"{base}/v360/0.m4s").raise_for_status().content
        assert after != before, "a segment kept in memory was taken for the new proxy's"
        assert [each["text"] for each in api._get(f"/versions/{version_id}/comments")["comments"]] == ["too green"]
    with platform.company_engine().begin() as conn:
        events = conn.scalars(select(audit_events.c.what).where(audit_events.c.subject_id == version_id))
        assert "version.remade" in set(events)


def test_a_proxy_that_is_deleted_and_brought_back_is_not_taken_for_the_old_one(
    platform: Platform, tmp_path: Path
) -> None:
    version_id = platform.upload(make_original(tmp_path / "back.mp4", frames=12)).version_id
    platform.wait_for(version_id, "ready")
    with platform.api() as api, network.client() as player:

        def first_segment() -> bytes:
            session = api.playback_session(version_id)
            step = next(each["name"] for each in session["renditions"] if each["is_step"])
            return player.get(f"{session['base']}/{step}/0.m4s").raise_for_status().content

        before = first_segment()
        api.delete_version(version_id)

        def is_back() -> bool:
            try:
                return bool(api.restore_version(version_id))
            except Conflict:  # its objects are still being deleted
                return False

        wait_until(is_back, 30)
        platform.wait_for(version_id, "ready")
        assert first_segment() != before
        assert attempts(platform, version_id) == {2}
