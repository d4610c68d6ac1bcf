"""The player's page: keys for every rung, sessions that end, lengths that change, sound alone, stopping and beginning
again, and what is said where nothing can be decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from playwright.sync_api import Browser
from sqlalchemy import func
from tests.browser.chromium import (
    ELSEWHERE,
    opened,
    picture_box,
    player,
    player_state,
    screenshot,
    shows,
    shows_full,
    sign_in,
    signed_in,
    until,
)
from tests.media.clips import bunny_loop
from tests.services.platform import Platform
from tests.services.served import Served

from reelkeep.catalog.tables import login_sessions, playback_sessions
from reelkeep.web.elsewhere import misdirected

# A Shaka player with nothing configured, on the same manifest: it must find every key by itself.
_PLAIN_PLAYER = """async (element) => {
  const uri = `${element.playback.session.base}/manifest.mpd`;
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const player = new shaka.Player();
  const errors = [];
  player.addEventListener("error", (event) => errors.push(event.detail.code));
  await player.attach(video);
  player.configure({ abr: { enabled: false } });
  await player.load(uri);
  const heights = [];
  for (const track of player.getVariantTracks().toSorted((one, two) => one.height - two.height)) {
    player.selectVariantTrack(track, true);
    await video.play();
    await new Promise((resolve) => {
      const look = () => (video.videoHeight === track.height ? resolve() : video.requestVideoFrameCallback(look));
      look();
      setTimeout(resolve, 10_000);
    });
    heights.push(video.videoHeight);
  }
  let keys = [];
  for (let tries = 0; tries < 50 && keys.length < 3; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    keys = Object.values(player.getKeyStatuses());
  }
  await player.destroy();
  video.remove();
  return { heights, errors, keys };
}"""


def test_a_player_with_nothing_configured_gets_every_key_and_shows_every_rung(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        shows_full(page)
        found = player(page).evaluate(_PLAIN_PLAYER)
    assert found == {"heights": [360, 720], "errors": [], "keys": ["usable"] * 3}


def test_a_playback_session_that_ends_is_renewed_beneath_the_picture(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        shows_full(page)
        first = player(page).evaluate("(element) => element.playback.session.base")
        with platform.company_engine().begin() as conn:
            conn.execute(playback_sessions.update().values(ended_at=func.now()))
        page.wait_for_timeout(2_200)  # web.media.SESSION_KEPT_SECONDS
        page.keyboard.press("End")
        shows(page, int(player_state(page)["frames"]) - 1)
        shows_full(page)
        assert player(page).evaluate("(element) => element.playback.session.base") != first
        assert page.get_by_role("alert").filter(has_text="player").count() == 0


def test_a_login_session_that_ends_asks_to_sign_in_and_leads_back_to_the_frame(
    browser: Browser, platform: Platform, film: str
) -> None:
    with opened(browser, f"{platform.origin}/signin") as page:
        sign_in(page, platform)
        page.goto(f"{platform.origin}{film}?frame=40")
        shows(page, 40)
        with platform.company_engine().begin() as conn:
            newest = login_sessions.select().order_by(login_sessions.c.created_at.desc()).limit(1)
            name = conn.execute(newest).one().id
            conn.execute(login_sessions.update().where(login_sessions.c.id == name).values(ended_at=func.now()))
        page.keyboard.press("ArrowRight")
        shows(page, 41)
        page.keyboard.press("c")
        page.keyboard.type("too late")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/signin?next=" in url)
        sign_in(page, platform)
        shows(page, 41)


def promising(path: Path, seconds: int, extra_frames: int) -> Path:
    """Write a film whose header promises a little more than there is: its last picture is said to last longer."""
    whole = bunny_loop(path.with_name(f"whole-{path.name}"), seconds)
    with av.open(str(whole)) as source, av.open(str(path), "w") as out:
        chosen = source.streams.video[0]
        stream = out.add_stream_from_template(chosen)
        packets = [packet for packet in source.demux(chosen) if packet.dts is not None]
        assert chosen.average_rate is not None
        packets[-1].duration += int(extra_frames / Fraction(chosen.average_rate) / packets[-1].time_base)
        for packet in packets:
            packet.stream = stream
            out.mux(packet)
    return path


def test_a_film_that_turns_out_shorter_than_planned_is_opened_again_at_its_real_length(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    sent = platform.upload(promising(tmp_path / "promising.mp4", 20, 8))
    with signed_in(browser, platform, f"/assets/{sent.asset_id}") as page:
        until(lambda: player_state(page).get("paintedFrame") == "0", 90, "frame 0 painted")
        planned = int(player_state(page)["frames"])
        ready = platform.wait_for(sent.version_id, "ready")
        assert ready["frames"] < planned, "the clip does what it is for"
        until(lambda: player_state(page).get("frames") == str(ready["frames"]), 10, "the real length")
        page.keyboard.press("End")
        shows(page, ready["frames"] - 1)
        shows_full(page)


def tone(path: Path, seconds: int) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48_000, layout="stereo")
        for second in range(seconds):
            wave = (8_000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2).reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, second * 48_000, Fraction(1, 48_000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_sound_alone_plays_with_its_waveform_for_a_picture(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    sent = platform.upload(tone(tmp_path / "mix.wav", 6))
    platform.wait_for(sent.version_id, "ready")
    with signed_in(browser, platform, f"/assets/{sent.asset_id}") as page:
        until(lambda: player_state(page).get("playerState") == "paused", 30, "opened")
        assert player_state(page)["frames"] == str(6 * 24)
        page.keyboard.press("ArrowRight")
        shows(page, 1)
        page.keyboard.press("l")
        until(lambda: int(player_state(page)["frame"]) > 36, 10, "played")
        page.keyboard.press("k")
        wave = page.locator("rk-wave").bounding_box()
        assert wave is not None
        assert screenshot(page, wave).std() > 10, "the waveform is drawn"
        page.keyboard.press("c")
        page.keyboard.type("Too loud here")
        page.keyboard.press("Enter")
        page.locator("rk-comments li", has_text="Too loud here").wait_for()


def test_making_is_stopped_and_begun_again_from_the_page(browser: Browser, platform: Platform, tmp_path: Path) -> None:
    sent = platform.upload(bunny_loop(tmp_path / "stopped.mp4", 60))
    with signed_in(browser, platform, f"/assets/{sent.asset_id}") as page:
        page.get_by_role("button", name="Stop processing").click()
        platform.wait_for(sent.version_id, "cancelled", seconds=20)
        page.get_by_role("heading", name="Stopped", exact=True).wait_for()
        page.goto(f"{platform.origin}/productions/{platform.production_id}")
        page.get_by_role("button", name="Process it again: stopped.mp4, version 1").click()
        page.get_by_role("button", name="Stop processing stopped.mp4, version 1").wait_for()
        page.locator('a.card[data-state="playable"]', has_text="stopped.mp4").click()
        shows(page, 0)
        assert screenshot(page, picture_box(page)).std() > 5
        page.get_by_role("button", name="Stop processing").click()
        platform.wait_for(sent.version_id, "cancelled", seconds=20)
    body = platform.body(next(key for key in platform.objects("originals/") if key.endswith("/stopped.mp4")))
    assert len(body) == (tmp_path / "stopped.mp4").stat().st_size


@contextmanager
def _elsewhere(platform: Platform) -> Iterator[int]:
    """Serve what other names lead to on an installation with one company (the shared one may have two by now)."""
    served = Served(misdirected(platform.origin), "")
    try:
        yield served.port
    finally:
        served.close()


def test_over_plain_http_from_another_machine_the_page_says_why_eme_is_missing_and_how_to_make_a_tunnel(
    browser: Browser, platform: Platform
) -> None:
    port, host = platform.facts["port"], f"cutting-room.{ELSEWHERE}"
    with _elsewhere(platform) as elsewhere, opened(browser, f"http://{host}:{elsewhere}/assets/x?frame=3") as page:
        assert page.evaluate("[isSecureContext, typeof navigator.requestMediaKeySystemAccess]") == [False, "undefined"]
        assert "EME is missing" in page.locator("main").inner_text()
        assert page.locator("#tunnel").inner_text() == f"ssh -L {port}:127.0.0.1:{port} {host}"
        assert page.locator("#address").inner_text() == f"{platform.origin}/"
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 20, 20)"
        page.goto(f"http://127.0.0.1:{elsewhere}/")
        page.locator("a#address").click()
        page.wait_for_url(lambda url: url.startswith(platform.origin))
        assert page.evaluate("[isSecureContext, typeof navigator.requestMediaKeySystemAccess]") == [True, "function"]


def test_a_browser_that_decrypts_nothing_is_told_so(browser: Browser, platform: Platform, film: str) -> None:
    with signed_in(browser, platform) as page:
        page.add_init_script("navigator.requestMediaKeySystemAccess = undefined")
        page.goto(platform.origin + film)
        page.get_by_role("heading", name="This browser cannot decrypt the picture").wait_for()
