"""The page by keyboard alone, on a phone, and with assistive technology."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.browser import axe
from tests.browser.chromium import opened, player, player_state, screenshot, shows, shows_full, signed_in, until
from tests.services.platform import EMAIL, Platform

_ACCESS = (Path(__file__).parent / "access.js").read_text(encoding="utf-8")
_FOCUS = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const style = getComputedStyle(at), label = at.getAttribute("aria-label") ?? at.textContent.trim();
  return { tag: at.localName, name: at.getAttribute("name") ?? label, outline: parseFloat(style.outlineWidth) || 0,
    outlined: style.outlineStyle !== "none", x: at.getBoundingClientRect().x };
}"""
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


def tab_to(page: Page, wanted: Callable[[dict[str, Any]], bool], what: str, most: int = 60) -> dict[str, Any]:
    """Press Tab until the wanted control has the focus; every stop on the way shows that it has it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        at: dict[str, Any] = page.evaluate(_FOCUS)
        if at["tag"] == "body":
            continue
        assert at["outlined"], f"the focus is not seen on {at}"
        assert at["outline"] >= 1, f"the focus is not seen on {at}"
        if wanted(at):
            return at
    raise AssertionError(f"no way by Tab to {what}")


def test_everything_is_done_by_keyboard_alone(browser: Browser, platform: Platform, film: str) -> None:
    with opened(browser, f"{platform.origin}/") as page:
        # 1. Sign in: the first field has the focus.
        page.locator("input[name=email]").wait_for()
        page.keyboard.type(EMAIL)
        tab_to(page, lambda at: at["name"] == "password", "the password")
        page.keyboard.type(platform.password)
        page.keyboard.press("Enter")
        # 2. Open the production, then the asset.
        page.get_by_role("link", name="Demo").wait_for()
        tab_to(page, lambda at: at["name"].startswith("Demo"), "the production")
        page.keyboard.press("Enter")
        page.locator("a.card", has_text="rather long name").wait_for()
        tab_to(page, lambda at: "rather long name" in at["name"], "the asset", most=200)
        page.keyboard.press("Enter")
        shows(page, 0)
        _walk(page)
        _loop(page)
        _comment(page)
        # 3. Sign out.
        tab_to(page, lambda at: at["name"] == "Sign out", "sign out", most=200)
        page.keyboard.press("Enter")
        page.locator("input[name=email]").wait_for()
        assert page.goto(platform.origin + film) is not None
        page.wait_for_url(lambda url: "/signin?next=%2Fassets" in url)


def _walk(page: Page) -> None:
    shows_full(page)
    last = int(player_state(page)["frames"]) - 1
    presses = [("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("End", last), ("Home", 0)]
    for key, frame in presses:
        page.keyboard.press(key)
        shows(page, frame)
    page.keyboard.press("l")
    until(lambda: int(player_state(page)["paintedFrame"]) > 20, 20, "playing")
    assert player_state(page)["playerState"] == "playing"
    page.keyboard.press("k")
    until(lambda: player_state(page)["playerState"] == "paused", 5, "stopped")
    stopped = int(player_state(page)["frame"])
    page.keyboard.press("j")
    until(lambda: int(player_state(page)["paintedFrame"]) < stopped - 5, 20, "backward")
    page.keyboard.press("k")
    page.keyboard.press("l")
    page.keyboard.press("l")
    until(lambda: page.locator("rk-transport .status", has_text="2×").count(), 5, "double speed")
    page.keyboard.press("k")
    page.keyboard.press("g")
    page.keyboard.type("00:00:02:10")
    page.keyboard.press("Enter")
    shows(page, 60)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Keys").wait_for(state="hidden")


def _loop(page: Page) -> None:
    page.keyboard.press("i")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("o")
    shows(page, 70)
    page.keyboard.press("Shift+I")
    shows(page, 60)
    page.keyboard.press("p")
    page.keyboard.press("l")
    seen = [int(player_state(page)["paintedFrame"])]
    until(lambda: seen.append(int(player_state(page)["paintedFrame"])) or _rounds(seen) >= 2, 20, "looped twice")
    assert max(seen) < 95, "a picture too many is shown where the page was held up, and no more"
    assert min(seen) >= 60
    page.keyboard.press("k")
    page.keyboard.press("p")
    page.keyboard.press("x")
    assert page.locator("rk-timeline .range").count() == 0


def _rounds(seen: list[int]) -> int:
    return sum(later < earlier for earlier, later in itertools.pairwise(seen))


def _comment(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.type("0:01:05")
    page.keyboard.press("Enter")
    shows(page, 30)
    page.keyboard.press("c")
    page.keyboard.type("Take the ear a little later")
    page.keyboard.press("Enter")
    comment = page.locator("rk-comments li", has_text="Take the ear a little later")
    comment.wait_for()
    assert "00:00:01:05" in comment.inner_text()
    assert page.locator("rk-timeline .pin").count() == 1
    page.keyboard.press("Home")
    shows(page, 0)
    page.keyboard.press(".")
    shows(page, 30)
    tab_to(page, lambda at: at["name"].startswith("Delete the comment"), "delete", most=200)
    page.keyboard.press("Enter")
    comment.wait_for(state="detached")
    assert page.locator("rk-timeline .pin").count() == 0


@pytest.fixture(scope="module")
def unreadable(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of an asset whose name has no place to break and whose file is no film."""
    path = tmp_path_factory.mktemp("clips") / ("x" * 240 + ".mov")
    path.write_bytes(b"this is a shopping list\n" * 100)
    sent = platform.upload(path)
    platform.wait_for(sent.version_id, "failed")
    return f"/assets/{sent.asset_id}"


def pages(platform: Platform, film: str, unreadable: str) -> Iterator[tuple[str, str]]:
    yield "/", "rk-productions li"
    yield f"/productions/{platform.production_id}", "rk-card a.card"
    yield film, "rk-timeline"
    yield unreadable, ".over h2"
    yield "/nowhere", ".notice"


def access(page: Page, *, touch: bool) -> list[str]:
    found = page.evaluate(f"({_ACCESS.strip()})({str(touch).lower()})")
    assert found["controls"] > 0
    return [*found["problems"], *axe.violations(page)]


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_every_page_has_names_contrast_room_for_fingers_and_no_sideways_scroll(
    browser: Browser, platform: Platform, film: str, unreadable: str, size: dict[str, Any]
) -> None:
    touch, problems = bool(size), []
    complaints: list[str] = []
    with opened(browser, f"{platform.origin}/signin", **size) as page:
        page.locator("input[name=email]").wait_for()
        problems += access(page, touch=touch)
    with signed_in(browser, platform, **size) as page:
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        for path, ready in pages(platform, film, unreadable):
            page.goto(platform.origin + path)
            page.locator(ready).first.wait_for()
            if path == film:
                shows(page, 0)
                page.locator("rk-transport button").first.wait_for()
            problems += [f"{path}: {problem}" for problem in access(page, touch=touch)]
        page.goto(platform.origin + film)
        shows(page, 0)
        problems += _states_of_the_player(page, touch=touch)
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keys").wait_for()
        problems += [f"keys: {problem}" for problem in access(page, touch=touch) if "headings" not in problem]
    assert problems == []
    assert complaints == [], "the content security policy is never in the page's own way"


def _states_of_the_player(page: Page, *, touch: bool) -> list[str]:
    """Look at a comment on a range, open, while it is changed and resolved; and at the panel of settings."""
    page.keyboard.press("i")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("o")
    shows(page, 10)
    page.keyboard.press("c")
    page.keyboard.type("Access")
    page.keyboard.press("Enter")
    comment = page.locator("rk-comments li", has_text="Access")
    comment.wait_for()
    problems = [f"comment: {problem}" for problem in access(page, touch=touch)]
    comment.get_by_role("button", name="Change").click()
    page.get_by_role("textbox", name="Change the comment").wait_for()
    problems += [f"changing: {problem}" for problem in access(page, touch=touch)]
    page.get_by_role("button", name="Cancel").click()
    comment.get_by_role("button", name="Resolve").click()
    comment.get_by_role("button", name="Reopen").wait_for()
    problems += [f"resolved: {problem}" for problem in access(page, touch=touch)]
    comment.get_by_role("button", name="Delete").click()
    comment.wait_for(state="detached")
    page.get_by_role("button", name="Speed, quality, size").click()
    page.get_by_role("dialog", name="Speed, quality, size").wait_for()
    problems += [f"settings: {problem}" for problem in access(page, touch=touch)]
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    return problems


def test_the_access_check_sees_what_is_wrong(browser: Browser) -> None:
    with opened(browser, "about:blank") as page:
        page.set_content(
            "<body style='background:#141414;width:3000px'><h1>x</h1><h1>y</h1>"
            "<button style='width:9px'></button><p style='color:#666'>faint</p></body>"
        )
        problems = " ".join(access(page, touch=True))
    for word in (
        "no name",
        "too small",
        "contrast",
        "px wide",
        "no language",
        "no title",
        "2 headings",
        "axe button-name",
        "axe region",
    ):
        assert word in problems


def test_scrubbing_shows_the_tile_of_the_frame_under_the_pointer_above_a_drawn_waveform(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        timeline = page.locator("rk-timeline")
        until(lambda: timeline.evaluate(_INK) > 500, 10, "the waveform drawn")
        box = timeline.bounding_box()
        assert box is not None
        seen = set()
        for share in (0.1, 0.5, 0.9):
            page.mouse.move(box["x"] + box["width"] * share, box["y"] + 20)
            picture = page.locator("rk-timeline .preview div")
            picture.wait_for()
            style = picture.evaluate(
                "(e) => [getComputedStyle(e).backgroundImage, getComputedStyle(e).backgroundPosition]"
            )
            assert "/tiles/0.jpg" in style[0]
            seen.add(style[1])
            assert until(lambda: _spread(page), 10, "the picture is there, not an empty box") > 12
        assert len(seen) == 3, "each place has a picture of its own"
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20, steps=5)
        page.mouse.up()
        wanted = int(player_state(page)["frames"]) // 4
        until(lambda: abs(int(player_state(page)["paintedFrame"]) - wanted) <= 2, 10, "scrubbed there")


_INK = """(timeline) => {
  const canvas = timeline.shadowRoot.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, index) => index % 4 === 3 && value > 0).length;
}"""


_BACKGROUND = """(element) => {
  const { backgroundImage, backgroundPosition } = getComputedStyle(element);
  return [backgroundImage, backgroundPosition];
}"""


def _spread(page: Page) -> float:
    box = page.locator("rk-timeline .preview div").bounding_box()
    spread = float(screenshot(page, box).std()) if box else 0.0
    return spread if spread > 12 else 0.0


def test_somebody_who_wants_less_motion_gets_none(browser: Browser, platform: Platform, film: str) -> None:
    moving = """() => { const found = []; const look = (root) => root.querySelectorAll("*").forEach((each) => {
      const { transitionDuration, animationName } = getComputedStyle(each);
      if (parseFloat(transitionDuration) > 0 || (animationName || "none") !== "none") found.push(each.localName);
      if (each.shadowRoot) look(each.shadowRoot); }); look(document); return found; }"""
    with signed_in(browser, platform, film, reduced_motion="reduce") as page:
        shows(page, 0)
        assert page.evaluate(moving) == []
        assert player(page).evaluate("() => matchMedia('(prefers-reduced-motion: reduce)').matches")
