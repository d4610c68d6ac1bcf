"""A proxy with mark bands plays in Debian's Chromium and Firefox, encrypted, without a dropped frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select
from tests.browser import firefox
from tests.browser.chromium import picture_box, player, player_state, screenshot, shows, signed_in, until
from tests.media.clips import read_strip, small_silent
from tests.services.platform import EMAIL, Platform

from reelkeep.catalog.tables import renditions

pytestmark = pytest.mark.alone  # it counts dropped frames
FRAMES = 72
_SIGN_IN = """const [email, password] = given;
  const answer = await fetch("/api/v1/login", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password, kind: "browser" }),
  });
  return answer.status;"""
_FIND = """const find = (root) => root.querySelector("rk-asset")
  ?? [...root.querySelectorAll("*")].map((each) => each.shadowRoot && find(each.shadowRoot)).find(Boolean);"""
_STATE = f"""{_FIND} return {{ ...find(document)?.dataset }};"""
_PLAY = """dispatchEvent(new KeyboardEvent("keydown", { key: given[0], code: given[1], bubbles: true }));"""
_OF = """(element) => [...element.shadowRoot.querySelectorAll("video")].map((video) => {
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  return { total: totalVideoFrames, dropped: droppedVideoFrames, encrypted: video.mediaKeys !== null };
})"""
_QUALITY = f"""{_FIND} return ({_OF})(find(document));"""


@pytest.fixture(scope="module")
def banded(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a film whose one rung has two mark bands, fully made."""
    sent = platform.upload(small_silent(tmp_path_factory.mktemp("clips") / "banded.mp4", FRAMES), platform.banded_id)
    platform.wait_for(sent.version_id, "ready")
    with platform.company_engine().connect() as conn:
        bands = conn.execute(select(renditions.c.bands).where(renditions.c.version_id == sent.version_id)).scalar_one()
    assert bands == [[4, 2], [18, 2]]
    return f"/assets/{sent.asset_id}"


def test_a_rung_with_mark_bands_plays_in_chromium_without_a_dropped_frame(
    browser: Browser, platform: Platform, banded: str
) -> None:
    with signed_in(browser, platform, banded) as page:
        shows(page, 0)
        assert read_strip(screenshot(page, picture_box(page))) == 0
        before = player(page).evaluate(_OF)
        page.keyboard.press("l")
        until(lambda: int(player_state(page)["frame"] or 0) >= FRAMES - 8, 60, "played", lambda: player_state(page))
        _nothing_dropped(before, player(page).evaluate(_OF))


@pytest.mark.skipif(firefox.EXECUTABLE is None, reason="firefox-esr is not installed")
@pytest.mark.timeout(300)
def test_a_rung_with_mark_bands_plays_in_firefox_without_a_dropped_frame(
    platform: Platform, banded: str, tmp_path: Path
) -> None:
    with firefox.started(tmp_path) as browser:
        browser.open(f"{platform.origin}/signin")
        assert browser.run(_SIGN_IN, EMAIL, platform.password) == 200
        browser.open(platform.origin + banded)
        until(lambda: browser.run(_STATE).get("paintedFrame") == "0", 60, "frame 0", lambda: browser.run(_STATE))
        before = browser.run(_QUALITY)
        browser.run(_PLAY, "l", "KeyL")
        until(lambda: int(browser.run(_STATE)["frame"] or 0) >= FRAMES - 8, 60, "played", lambda: browser.run(_STATE))
        _nothing_dropped(before, browser.run(_QUALITY))


def _nothing_dropped(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    assert all(each["encrypted"] for each in after)
    played = sum(now["total"] - then["total"] for now, then in zip(after, before, strict=True))
    assert played >= FRAMES / 2
    assert sum(now["dropped"] - then["dropped"] for now, then in zip(after, before, strict=True)) == 0
