"""How the picture is looked at: 1:1 with the screen's pixels, quality, speed, volume, full screen, frame numbers."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.chromium import picture_box, player, player_state, screenshot, shows, shows_full, signed_in, until
from tests.media.clips import read_strip, strip_clip
from tests.services.platform import Platform

_STAGE = """(element) => {
  const { clientWidth, clientHeight } = element.shadowRoot.querySelector(".stage");
  return [clientWidth, clientHeight];
}"""
_SPEED = """(element, milliseconds) => new Promise((done) => {
  const video = element.shadowRoot.querySelector("video.top");
  const [since, from] = [performance.now(), video.currentTime];
  setTimeout(() => done((video.currentTime - from) / (performance.now() - since) * 1000), milliseconds);
})"""
_SOUND = "(element) => { const { volume, muted } = element.shadowRoot.querySelector('#full'); return [volume, muted]; }"


@pytest.fixture(scope="module")
def large(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a film of 1080 lines: its full picture comes in two sizes."""
    sent = platform.upload(strip_clip(tmp_path_factory.mktemp("clips") / "large.mp4", 48))
    platform.wait_for(sent.version_id, "ready")
    return f"/assets/{sent.asset_id}"


@pytest.fixture(scope="module")
def uhd(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a film of 2160 lines, which has more of them than the stage."""
    clip = strip_clip(tmp_path_factory.mktemp("clips") / "uhd.mp4", 12, width=3840, height=2160)
    sent = platform.upload(clip)
    platform.wait_for(sent.version_id, "ready", 120)
    return f"/assets/{sent.asset_id}"


def test_2160_lines_come_when_they_are_looked_at_one_to_one_or_asked_for(
    browser: Browser, platform: Platform, uhd: str
) -> None:
    with signed_in(browser, platform, uhd) as page:
        shows(page, 0)
        shows_full(page)
        by_itself = until(lambda: (now := shown(page))[1] != "small" and now, 15, "the full picture")
        assert by_itself[1] in ("720p", "1080p"), "the stage has no room for more; the network says which"
        page.keyboard.press("z")
        until(lambda: shown(page)[1:] == ("2160p", "0"), 15, "1:1 is of the largest picture", lambda: shown(page))
        page.keyboard.press("Shift+ArrowRight")
        until(lambda: shown(page)[1:] == ("2160p", "10"), 15, "and stays so", lambda: shown(page))
        page.wait_for_timeout(300)
        page.keyboard.press("z")
        page.get_by_role("button", name="Speed, quality, size").click()
        page.get_by_role("button", name="2160p", exact=True).click()
        page.keyboard.press("Escape")
        until(lambda: shown(page) == ("2160p", "2160p", "10"), 15, "held", lambda: shown(page))
        assert read_strip(screenshot(page, picture_box(page))) == 10


def moved(page: Page, before: dict[str, float], right: float, down: float) -> bool:
    now = picture_box(page)
    return (round(now["x"] - before["x"]), round(now["y"] - before["y"])) == (round(right), round(down))


@pytest.mark.parametrize("ratio", [1, 2])
def test_at_1_to_1_a_picture_pixel_is_a_pixel_of_the_screen_and_the_picture_is_moved_by_hand_and_key(
    browser: Browser, platform: Platform, large: str, ratio: int
) -> None:
    with signed_in(browser, platform, large, width=1280, height=800, device_scale_factor=ratio) as page:
        shows(page, 0)
        shows_full(page)
        fitted = picture_box(page)
        page.keyboard.press("z")
        box = until(lambda: (now := picture_box(page)) != fitted and now, 5, "another size")
        assert (box["width"] * ratio, box["height"] * ratio) == (1920, 1080)
        assert all(float(box[side] * ratio).is_integer() for side in ("x", "y")), "no pixel lies between two others"
        width, height = player(page).evaluate(_STAGE)
        slack_x, slack_y = max(0, 1920 / ratio - width) / 2, max(0, 1080 / ratio - height) / 2
        page.mouse.move(400, 300)
        page.mouse.down()
        page.mouse.move(430, 320, steps=4)
        page.mouse.up()
        assert moved(page, box, min(30, slack_x), min(20, slack_y))
        assert player_state(page)["playerState"] == "paused", "the end of a drag is no click"
        for _ in range(12):
            page.keyboard.press("d")
            page.keyboard.press("s")
        assert moved(page, box, -slack_x, -slack_y), "never a gap between picture and edge"
        page.keyboard.press("ArrowRight")
        shows(page, 1)
        assert moved(page, box, -slack_x, -slack_y), "the small picture lies at the same place"
        page.keyboard.press("z")
        assert picture_box(page) == fitted
        page.mouse.click(400, 300)
        until(lambda: player_state(page)["playerState"] == "playing", 5, "a click plays")


def test_the_quality_shown_can_be_held_and_a_still_picture_is_fetched_anew(
    browser: Browser, platform: Platform, large: str
) -> None:
    with signed_in(browser, platform, large) as page:
        shows(page, 0)
        shows_full(page)
        page.keyboard.press("Shift+ArrowRight")
        shows(page, 10)
        shows_full(page)
        for lines in ("720p", "1080p", "720p"):
            page.get_by_role("button", name="Speed, quality, size").click()
            page.get_by_role("button", name=lines, exact=True).click()
            page.keyboard.press("Escape")
            until(lambda lines=lines: shown(page) == (lines, lines, "10"), 15, lines, lambda: shown(page))
            page.wait_for_timeout(300)
            assert read_strip(screenshot(page, picture_box(page))) == 10
        page.keyboard.press("Home")
        shows(page, 0)
        until(lambda: shown(page) == ("720p", "720p", "0"), 10, "held after a move", lambda: shown(page))
        for expected in ("1080p", None, "720p"):
            page.keyboard.press("q")
            pressed = expected or "Automatic"
            chosen = page.locator(f"rk-settings button[aria-pressed=true]:text-is('{pressed}')")
            until(lambda chosen=chosen: chosen.count() == 1, 5, pressed)


def shown(page: Page) -> tuple[Any, ...]:
    """Return the lines that the page says, those of the picture on top once it is the full one, and its frame."""
    video = "(element) => `${element.shadowRoot.querySelector('video.top').videoHeight}p`"
    state = player_state(page)
    lines = player(page).evaluate(video) if state["lane"] == "full" else "small"
    return page.locator("rk-transport .status").inner_text(), lines, state["paintedFrame"]


def test_a_speed_that_is_chosen_is_the_speed_of_plain_play_and_of_a_play_that_runs(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        shows_full(page)
        page.keyboard.press("-")
        page.keyboard.press("-")
        assert page.locator("rk-transport .status").inner_text() == "0.5×"
        page.keyboard.press(" ")
        assert speed(page) == pytest.approx(0.5, rel=0.2)
        for _ in range(9):
            page.keyboard.press("+")
        assert page.locator("rk-transport .status").inner_text() == "▶ 2×"
        assert speed(page) == pytest.approx(2, rel=0.2)
        page.keyboard.press("=")
        assert speed(page) == pytest.approx(1, rel=0.2)
        page.keyboard.press("k")
        page.keyboard.press("Home")
        page.get_by_role("button", name="Speed, quality, size").click()
        page.get_by_role("button", name="1.5×").click()
        page.keyboard.press("Escape")
        page.mouse.click(400, 300)
        assert speed(page) == pytest.approx(1.5, rel=0.2)
        page.reload()
        shows_full(page)
        assert page.locator("rk-transport .status").inner_text() == "720p", "the next sitting begins at the own speed"


def speed(page: Page, seconds: float = 1.0) -> float:
    """Return how many seconds of film go by in one, by the page's own clock: ours runs on while a message waits."""
    seen = set()

    def runs() -> bool:
        state = player_state(page)
        if (state["playerState"], state["lane"]) == ("playing", "full"):
            seen.add(state["paintedFrame"])
        return len(seen) > 2

    until(runs, 10, "playing", lambda: player_state(page))
    return float(player(page).evaluate(_SPEED, seconds * 1_000))


def test_volume_and_mute_are_remembered(browser: Browser, platform: Platform, film: str) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        assert player(page).evaluate(_SOUND) == [1, False]
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        assert player(page).evaluate(_SOUND) == [pytest.approx(0.7), False]
        page.keyboard.press("m")
        page.reload()
        shows(page, 0)
        assert player(page).evaluate(_SOUND) == [pytest.approx(0.7), True]
        page.get_by_role("slider", name="Volume").fill("0.25")
        assert player(page).evaluate(_SOUND) == [0.25, False], "whoever turns it up wants to hear something"
        page.reload()
        shows(page, 0)
        assert player(page).evaluate(_SOUND) == [0.25, False]


def test_full_screen_begins_and_ends_and_a_comment_ends_it(browser: Browser, platform: Platform, film: str) -> None:
    full = "() => document.fullscreenElement !== null"
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        for key in ("f", "c"):
            page.keyboard.press("f")
            until(lambda: page.evaluate(full), 5, "full screen")
            page.keyboard.press("?")
            page.get_by_role("dialog", name="Keys").wait_for()
            page.keyboard.press("?")
            page.keyboard.press(key)
            until(lambda: not page.evaluate(full), 5, "no longer full screen")
        page.keyboard.type("seen large")
        assert page.get_by_role("textbox", name="Comment at").input_value() == "seen large"


def count_from(page: Page, number: str) -> None:
    """Choose a production's first frame, and wait until the platform knows."""
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        page.get_by_label("First frame").select_option(number)


def test_frames_begin_at_the_number_that_the_production_says_wherever_they_are_shown(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, f"/productions/{platform.production_id}") as page:
        count_from(page, "1001")
        try:
            page.goto(f"{platform.origin}{film}?frame=4")
            shows(page, 4)
            counter = page.locator("rk-transport .counter")
            until(lambda: counter.input_value() == "1005", 5, "counted from 1001", counter.input_value)
            last = 1000 + int(player_state(page)["frames"])
            assert page.locator("rk-transport .counted").inner_text().endswith(f"/ {last}")
            page.keyboard.press("g")
            page.keyboard.type("1021")
            page.keyboard.press("Enter")
            shows(page, 20)
            page.keyboard.press("g")
            page.keyboard.type("999")
            page.keyboard.press("Enter")
            assert "wrong" in (page.locator("rk-transport .timecode").get_attribute("class") or "")
            page.keyboard.press("Escape")
            page.keyboard.press("t")
            page.keyboard.press("c")
            page.keyboard.type("counted")
            page.keyboard.press("Enter")
            comment = page.locator("rk-comments li", has_text="counted")
            comment.wait_for()
            assert comment.locator(".at").inner_text() == "1021"
            box = page.locator("rk-timeline").bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + 1, box["y"] + 20)
            assert page.locator("rk-timeline .preview p").inner_text() == "1001"
            with platform.api() as api:
                api.change_production(platform.production_id, {"first_frame": 1})
            until(lambda: counter.input_value() == "21", 5, "counted from 1 without a load", counter.input_value)
            assert comment.locator(".at").inner_text() == "21"
            page.keyboard.press("t")
            assert comment.locator(".at").inner_text() == "00:00:00:20"
            comment.get_by_role("button", name="Delete").click()
            comment.wait_for(state="detached")
        finally:
            page.goto(f"{platform.origin}/productions/{platform.production_id}")
            count_from(page, "0")
