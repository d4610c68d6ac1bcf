"""Sound tracks in the player: several to choose among, by mouse and by key, remembered; and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.axe import violations
from tests.browser.chromium import player, shows, shows_full, signed_in, until
from tests.media.kinds import ffmpeg
from tests.services.platform import Platform

_HEARD = """(element) => {
  const pair = element.playback?.pair;
  return (pair?.full ?? pair)?.player?.getAudioTracks().find((track) => track.active)?.label ?? null;
}"""
_TAGS = (
    ("language=eng",),
    ("language=fra", "title=Version originale"),
    ("title=Director's commentary",),
)


def spoken(path: Path, *picture: str) -> Path:
    """Three tones that say their languages: one channel of -23 dBFS goes to both sides 3 dB less."""
    tone = f"aevalsrc={10 ** (-23 / 20)}*sin(2*PI*1000*t):s=48000:d=6"
    sounds = [word for _ in _TAGS for word in ("-f", "lavfi", "-i", tone)]
    first = 1 if picture else 0
    maps = [word for n in range(first + len(_TAGS)) for word in ("-map", str(n))]
    tags = [word for n, own in enumerate(_TAGS) for tag in own for word in (f"-metadata:s:a:{n}", tag)]
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", "-ac", "2")
    ffmpeg(*picture, *sounds, *maps, *coding, *tags, str(path))
    return path


@pytest.fixture(scope="module")
def film_with_languages(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The path of the film's page, and the id of its version."""
    picture = ("-f", "lavfi", "-i", "testsrc=s=640x360:r=25:d=6")
    sent = platform.upload(spoken(tmp_path_factory.mktemp("clips") / "languages.mkv", *picture))
    platform.wait_for(sent.version_id, "ready")
    return f"/assets/{sent.asset_id}", sent.version_id


def hears(page: Page, label: str) -> None:
    until(lambda: player(page).evaluate(_HEARD) == label, 15, label, lambda: str(player(page).evaluate(_HEARD)))


def test_a_sound_track_is_chosen_in_the_panel_or_by_key_and_the_choice_is_remembered(
    browser: Browser, platform: Platform, film_with_languages: tuple[str, str]
) -> None:
    with signed_in(browser, platform, film_with_languages[0]) as page:
        shows(page, 0)
        shows_full(page)
        hears(page, "Track 1")
        page.get_by_role("button", name="Speed, quality, size, sound track").click()
        tracks = page.get_by_role("group", name="Sound (N)")
        names = [each.text_content() for each in tracks.get_by_role("button").all()]
        assert names == ["English", "French, Version originale", "Director's commentary"]
        assert violations(page) == []
        with page.expect_request(lambda request: "/a2/" in request.url):  # the track's segments
            tracks.get_by_role("button", name="French").click()
        assert tracks.get_by_role("button", name="French").get_attribute("aria-pressed") == "true"
        page.keyboard.press("Escape")
        hears(page, "Version originale")
        page.keyboard.press("n")
        hears(page, "Director's commentary")
        page.keyboard.press("n")
        hears(page, "Track 1")
        page.keyboard.press("n")
        page.reload()
        shows_full(page)
        hears(page, "Version originale")
        page.keyboard.press("Space")
        until(lambda: float(player(page).get_attribute("data-frame") or 0) > 10, 10, "it plays")


_AT_ONCE = """() => addEventListener("keyup", () => {
  let focused = document.activeElement;
  while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  focused.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true, composed: true }));
}, { once: true })"""  # before the browser paints the closed panel


def test_the_key_right_after_the_panel_was_closed_is_the_players_and_whoever_came_by_keyboard_stays_at_the_button(
    browser: Browser, platform: Platform, film_with_languages: tuple[str, str]
) -> None:
    with signed_in(browser, platform, film_with_languages[0]) as page:
        shows_full(page)
        button = page.get_by_role("button", name="Speed, quality, size, sound track")
        tracks = page.get_by_role("group", name="Sound (N)")
        button.click()
        tracks.get_by_role("button", name="French").click()
        page.evaluate(_AT_ONCE)
        page.keyboard.press("Escape")
        hears(page, "Director's commentary")
        assert not tracks.is_visible()
        page.keyboard.press("Space")  # after the mouse it is no button's
        until(lambda: float(player(page).get_attribute("data-frame") or 0) > 10, 10, "it plays")
        button.click()
        tracks.get_by_role("button", name="French").click()
        button.click()  # it closes: whatever was done by mouse is forgotten
        tracks.wait_for(state="hidden")
        button.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        tracks.wait_for()
        page.keyboard.press("Escape")
        assert not tracks.is_visible()
        assert button.evaluate("(element) => element === element.getRootNode().activeElement")


def test_what_is_known_of_the_original_is_shown_with_languages_and_loudness(
    browser: Browser, platform: Platform, film_with_languages: tuple[str, str]
) -> None:
    with signed_in(browser, platform, film_with_languages[0]) as page:
        shows(page, 0)
        page.get_by_role("button", name="About the original").click()
        panel = page.get_by_role("dialog", name="About the original")
        panel.get_by_text("Matroska").wait_for()
        said = panel.inner_text()
        assert "French, Version originale: pcm_s16le, stereo, 48 kHz" in said
        assert said.count("-26.0 LUFS") == 3
        assert violations(page) == []


def test_sound_alone_has_tracks_too(browser: Browser, platform: Platform, tmp_path: Path) -> None:
    sent = platform.upload(spoken(tmp_path / "mixes.mka"))
    platform.wait_for(sent.version_id, "ready")
    with signed_in(browser, platform, f"/assets/{sent.asset_id}") as page:
        hears(page, "Track 1")
        page.keyboard.press("n")
        hears(page, "Version originale")
