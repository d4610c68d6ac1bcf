"""The main job: a dropped clip shows its first picture before all of it is made, and plays encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response
from tests.browser.chromium import drop, picture_box, player, player_state, screenshot, signed_in, until
from tests.media.clips import bunny_loop
from tests.services.platform import Platform

pytestmark = pytest.mark.alone  # it counts dropped frames
PLAY_SECONDS = 5.0
_QUALITY = """(element) => [...element.shadowRoot.querySelectorAll("video")].map((video) => {
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  return { total: totalVideoFrames, dropped: droppedVideoFrames, encrypted: video.mediaKeys !== null };
})"""


def test_a_dropped_clip_shows_frame_0_while_it_is_still_being_made_and_plays_without_a_dropped_frame(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    clip = bunny_loop(tmp_path / "big buck bunny.mp4", seconds=120)
    with signed_in(browser, platform, f"/productions/{platform.banded_id}") as page:
        licences: list[Response] = []
        page.on("response", lambda answer: licences.append(answer) if answer.url.endswith("/licence") else None)
        page.locator("#upload").wait_for()
        drop(page, clip)
        card = page.locator('a.card[data-state="playable"]', has_text="big buck bunny")
        card.wait_for(timeout=180_000)
        card.click()
        player(page).wait_for()

        until(lambda: player_state(page)["paintedFrame"] == "0", 20, "frame 0 painted")
        seen = player_state(page)
        assert 0 < int(seen["published"]) < int(seen["frames"])
        assert int(seen["frames"]) >= 120 * 25
        assert screenshot(page, picture_box(page)).std() > 5, "the picture is there, not black"
        assert (licences[0].status, licences[0].json()["type"]) == (200, "temporary")

        play_without_a_dropped_frame(page)
        with platform.api() as api:
            (version,) = next(a["versions"] for a in api.assets(platform.banded_id) if a["name"].startswith("big buck"))
            api._post(f"/versions/{version['id']}/cancel", {})  # two minutes of film are more than the test needs


def play_without_a_dropped_frame(page: Page) -> None:
    """Play five seconds of an encrypted film, once nine are there."""
    until(lambda: int(player_state(page)["published"]) > 9 * 25, 60, "nine seconds published")
    until(lambda: player_state(page)["lane"] == "full", 20, "the full picture on top")
    before = player(page).evaluate(_QUALITY)
    page.keyboard.press("l")
    until(lambda: int(player_state(page)["frame"] or 0) >= 1 + PLAY_SECONDS * 25, 30, "five seconds played")
    page.keyboard.press("k")
    after = player(page).evaluate(_QUALITY)
    played = sum(now["total"] - then["total"] for now, then in zip(after, before, strict=True))
    dropped = sum(now["dropped"] - then["dropped"] for now, then in zip(after, before, strict=True))
    assert all(now["encrypted"] for now in after)
    assert played >= PLAY_SECONDS * 25 * 0.95
    assert dropped == 0
