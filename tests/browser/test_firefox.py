"""A proxy with mark bands plays in Debian's Firefox, encrypted, without a dropped frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser import firefox
from tests.browser.chromium import until
from tests.media.clips import small_silent
from tests.services.platform import EMAIL, Platform

FRAMES = 72
_SIGN_IN = """const [email, password] = given;
  const answer = await fetch("/api/v1/login", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password, kind: "browser" }),
  });
  return answer.status;"""
_STATE = """return { ...document.querySelector("rk-asset")?.dataset };"""
_PLAY = """dispatchEvent(new KeyboardEvent("keydown", { key: given[0], code: given[1], bubbles: true }));"""
_QUALITY = """return [...document.querySelector("rk-asset").shadowRoot.querySelectorAll("video")].map((video) => {
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  return { total: totalVideoFrames, dropped: droppedVideoFrames, encrypted: video.mediaKeys !== null };
});"""


@pytest.mark.skipif(firefox.EXECUTABLE is None, reason="firefox-esr is not installed")
@pytest.mark.timeout(300)
def test_a_rung_with_mark_bands_plays_in_firefox_without_a_dropped_frame(platform: Platform, tmp_path: Path) -> None:
    sent = platform.upload(small_silent(tmp_path / "banded.mp4", FRAMES))
    platform.wait_for(sent.version_id, "ready")
    profile = tmp_path / "profile"
    profile.mkdir()
    with firefox.started(profile) as browser:
        browser.open(f"{platform.origin}/signin")
        assert browser.run(_SIGN_IN, EMAIL, platform.password) == 200
        browser.open(f"{platform.origin}/assets/{sent.asset_id}")
        until(lambda: browser.run(_STATE).get("paintedFrame") == "0", 60, "frame 0", lambda: browser.run(_STATE))
        before = browser.run(_QUALITY)
        browser.run(_PLAY, "l", "KeyL")
        until(lambda: int(browser.run(_STATE)["frame"] or 0) >= FRAMES - 8, 60, "played", lambda: browser.run(_STATE))
        after = browser.run(_QUALITY)
        assert all(each["encrypted"] for each in after)
        played = sum(now["total"] - then["total"] for now, then in zip(after, before, strict=True))
        assert played >= FRAMES / 2
        assert sum(now["dropped"] - then["dropped"] for now, then in zip(after, before, strict=True)) == 0
