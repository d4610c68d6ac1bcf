"""Every key of the list that the player shows does what the list says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page
from tests.browser.chromium import picture_box, player, player_state, shows, shows_full, signed_in, until
from tests.services.platform import Platform

_BINDINGS = "() => import('/static/player/keys.js').then(({ BINDINGS }) => BINDINGS)"
_MOVES = "(element) => [element.playback.pair.state, element.playback.pair.speed]"
_FULL_SCREEN = "() => document.fullscreenElement !== null"
_POINTS = "(element) => [element.range.from, element.range.to]"


class Keys:
    """The table behind the list, and which of its keys were pressed."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._keys: dict[str, str] = {each["action"]: each["keys"][0] for each in page.evaluate(_BINDINGS)}
        self.left = set(self._keys)

    def press(self, action: str) -> None:
        self._page.keyboard.press(self._keys[action])
        self.left.discard(action)


def test_every_key_does_what_the_list_of_keys_says(browser: Browser, platform: Platform, film: str) -> None:
    with signed_in(browser, platform, film, width=1000, height=700) as page:
        shows(page, 0)
        shows_full(page)
        keys = Keys(page)
        for part in (_frames, _places, _range, _play, _habits, _picture):
            part(page, keys.press)
        with _two_comments(page, keys.press):
            _comments(page, keys.press)
        keys.press("help")
        page.get_by_role("dialog", name="Keys").wait_for()
        assert keys.left == set(), "a key that this test does not know"


Press = Callable[[str], None]


def _frames(page: Page, press: Press) -> None:
    last = int(player_state(page)["frames"]) - 1
    frames = {"stepForward10": 10, "stepForward": 11, "stepBack10": 1, "stepBack": 0, "last": last, "first": 0}
    for action, frame in frames.items():
        press(action)
        shows(page, frame)


def _places(page: Page, press: Press) -> None:
    press("goTo")
    page.keyboard.type("00:00:01:10")
    page.keyboard.press("Enter")
    shows(page, 35)
    for shown in ("frames", "timecode"):
        press("count")
        assert _habit(page, "shown") == shown


def _range(page: Page, press: Press) -> None:
    press("markIn")
    press("stepForward10")
    shows(page, 45)
    press("markOut")
    assert player(page).evaluate(_POINTS) == [35, 45]
    for action, frame in {"goIn": 35, "goOut": 45}.items():
        press(action)
        shows(page, frame)
    for looping in (True, False):
        press("loop")
        assert player(page).evaluate("(element) => element.looping") is looping
    press("clearMarks")
    assert player(page).evaluate(_POINTS) == [None, None]


def _play(page: Page, press: Press) -> None:
    """A press takes effect at once, whenever the pictures come: the film must not end meanwhile."""

    def moves(action: str, state: str, speed: float) -> None:
        press(action)
        assert player(page).evaluate(_MOVES) == [state, speed], action

    press("first")
    for speed in (1, 2, 4):
        moves("forward", "playing", speed)
    moves("stop", "paused", 4)
    press("last")
    for speed in (1, 2):
        moves("back", "reverse", speed)
    moves("toggle", "paused", 2)
    press("first")
    moves("toggle", "playing", 1)
    moves("toggle", "paused", 1)


def _habits(page: Page, press: Press) -> None:
    changes: list[tuple[str, str, Any]] = [
        ("slower", "speed", 0.75),
        ("ownSpeed", "speed", 1),
        ("faster", "speed", 1.25),
        ("ownSpeed", "speed", 1),
        ("quieter", "volume", 0.9),
        ("louder", "volume", 1),
        ("mute", "muted", True),
        ("mute", "muted", False),
        ("quality", "lines", 720),
        ("quality", "lines", None),
        ("track", "sound", None),  # with one track there is nothing to choose
    ]
    for action, habit, value in changes:
        press(action)
        assert _habit(page, habit) == value, f"{habit} after {action}"


def _habit(page: Page, name: str) -> Any:
    return player(page).evaluate("(element, name) => element.habits[name]", name)


def _picture(page: Page, press: Press) -> None:
    fitted = picture_box(page)
    press("zoom")
    until(lambda: picture_box(page)["width"] == 1280, 5, "1:1", lambda: picture_box(page))
    for action, side, way in (("panRight", "x", -1), ("panLeft", "x", 1), ("panDown", "y", -1), ("panUp", "y", 1)):
        before = picture_box(page)[side]
        press(action)
        assert (picture_box(page)[side] - before) * way > 0, action
    press("zoom")
    until(lambda: picture_box(page) == fitted, 5, "fitted again")
    for full in (True, False):
        press("fullScreen")
        until(lambda full=full: page.evaluate(_FULL_SCREEN) is full, 5, f"full screen {full}")


@contextmanager
def _two_comments(page: Page, press: Press) -> Iterator[None]:
    texts = {20: "Every key, first", 50: "Every key, second"}
    for frame, text in texts.items():
        press("goTo")
        page.keyboard.type(f"00:00:{frame // 25:02}:{frame % 25:02}")
        page.keyboard.press("Enter")
        shows(page, frame)
        press("comment")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        page.locator("rk-comments li", has_text=text).wait_for()
    yield
    for text in texts.values():
        one = page.locator("rk-comments li", has_text=text)
        one.get_by_role("button", name="Delete").click()
        one.wait_for(state="detached")


def _comments(page: Page, press: Press) -> None:
    for action, frame in (("first", 0), ("nextComment", 20), ("nextComment", 50), ("previousComment", 20)):
        press(action)
        shows(page, frame)
