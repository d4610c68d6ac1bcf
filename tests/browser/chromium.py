"""Chromium, pages of the platform in it, and what tests do on them."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserType, Locator, Page, sync_playwright
from tests.media.clips import bunny_loop
from tests.services.platform import EMAIL, Platform

ELSEWHERE = "studio.test"  # every name below it leads to this machine, as if it were another one
ARGUMENTS = [
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--no-first-run",
    f"--host-resolver-rules=MAP *.{ELSEWHERE} 127.0.0.1",
]
_LANES = """(element) => {
  const { pair } = element.playback;
  const one = ({ loaded, wanted, showing, video, player }) => ({
    loaded, wanted, showing, at: video.currentTime, seeking: video.seeking, ready: video.readyState,
    paused: video.paused, error: video.error?.message ?? null, lines: video.videoHeight,
    buffered: player?.getBufferedInfo().video ?? null, loading: player?.getLoadMode() ?? null,
  });
  return { frame: pair.frame, state: pair.state, step: one(pair.step), full: one(pair.full), hidden: document.hidden };
}"""
_cookies: dict[str, Any] = {}  # by the platform's address: one sign-in does for all pages


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window, one for all tests; each page has a context of its own."""
    with sync_playwright() as playwright:
        launched = launch(playwright.chromium)
        yield launched
        launched.close()


def launch(kind: BrowserType, *more: str) -> Browser:
    """Start Debian's Chromium with more arguments than the common ones."""
    executable = next(path for name in ("chromium", "google-chrome") if (path := shutil.which(name)))
    arguments = [*ARGUMENTS, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return kind.launch(executable_path=executable, args=arguments)


@pytest.fixture(scope="session")
def film(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a fully made film with sound, at 720 lines: its rungs have two keys, and the sound a third."""
    clip = bunny_loop(tmp_path_factory.mktemp("clips") / "Forest, a scene with a rather long name v12.mp4", 10)
    sent = platform.upload(clip)
    platform.wait_for(sent.version_id, "ready")
    return f"/assets/{sent.asset_id}"


@contextmanager
def opened(browser: Browser, path: str, *, width: int = 1440, height: int = 900, **context: Any) -> Iterator[Page]:
    """Open an address in a context of its own, signed out."""
    one = browser.new_context(viewport={"width": width, "height": height}, **context)
    try:
        page = one.new_page()
        page.goto(path)
        yield page
    finally:
        one.close()


@contextmanager
def signed_in(browser: Browser, platform: Platform, path: str = "/", **options: Any) -> Iterator[Page]:
    """Open a page of the platform as its admin."""
    if platform.origin not in _cookies:
        with opened(browser, f"{platform.origin}/signin") as page:
            sign_in(page, platform)
            _cookies[platform.origin] = page.context.storage_state()
    with opened(browser, platform.origin + path, storage_state=_cookies[platform.origin], **options) as page:
        yield page


def sign_in(page: Page, platform: Platform) -> None:
    page.fill("input[name=email]", EMAIL)
    page.fill("input[name=password]", platform.password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/signin" not in url)


def drop(page: Page, *paths: Path) -> None:
    """Drop files on the page, as a person drags them from a folder."""
    devtools = page.context.new_cdp_session(page)
    files = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}

    def drag(*kinds: str) -> None:
        for kind in kinds:
            devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": files})

    drag("dragEnter", "dragOver")
    page.locator(".drop").wait_for()  # a person lets go once the page says where the files will go
    drag("dragOver", "drop")  # the session stays: its end may come before the page has read what was dropped


def until(true: Callable[[], Any], seconds: float, what: str, now: Callable[[], Any] = lambda: "") -> Any:
    """Wait until ``true()`` is so and return it; ``now`` tells what is instead.

    (Playwright's own wait would need eval, which the CSP forbids.)
    """
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; {now()}"
        time.sleep(0.01)
    return found


def shows(page: Page, frame: int) -> None:
    """Wait until the player has painted a frame."""
    until(
        lambda: player_state(page).get("paintedFrame") == str(frame), 20, f"frame {frame}", lambda: player_state(page)
    )


def shows_full(page: Page) -> None:
    """Wait until the full picture lies on top."""
    until(lambda: player_state(page).get("lane") == "full", 30, "the full picture on top", lambda: lanes(page))


def lanes(page: Page) -> Any:
    """Return what the two pictures are doing, for the words of a failure."""
    return {**player_state(page), **player(page).evaluate(_LANES)}


def player(page: Page) -> Locator:
    return page.locator("rk-asset")


def player_state(page: Page) -> dict[str, str]:
    """Return what the player tells of itself: frame, paintedFrame, playerState, lane, frames, published."""
    found: dict[str, str] = player(page).evaluate("(element) => ({ ...element.dataset })")
    return found


def picture_box(page: Page) -> dict[str, float]:
    """Return where the picture is on the screen, in CSS pixels."""
    box: dict[str, float] = player(page).evaluate(
        """(element) => {
          const video = element.shadowRoot.querySelector("video.top");
          const box = video.getBoundingClientRect();
          const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
          const width = video.videoWidth * scale, height = video.videoHeight * scale;
          return { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height };
        }"""
    )
    return box


def screenshot(page: Page, box: dict[str, float]) -> np.ndarray:
    """Return the compositor's pixels of a part of the page: under EME nothing else shows the picture."""
    data = page.screenshot(clip=box)  # type: ignore[arg-type]
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))
