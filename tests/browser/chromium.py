"""Chromium, signed in to the platform, and what tests do on the page."""

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
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright
from tests.services.platform import EMAIL, Platform

ARGUMENTS = ["--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--no-first-run"]


@contextmanager
def chromium(platform: Platform, *, width: int = 1440, height: int = 900) -> Iterator[Page]:
    """Open Debian's Chromium without a window, signed in, on the page of productions."""
    executable = next(path for name in ("chromium", "google-chrome") if (path := shutil.which(name)))
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{platform.origin}/signin")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", platform.password)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/signin" not in url)
        yield page
        browser.close()


def drop(page: Page, *paths: Path) -> None:
    """Drop files on the page, as a person drags them from a folder."""
    devtools = page.context.new_cdp_session(page)
    files = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": files})
    devtools.detach()


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until ``true()`` is so and return it. (Playwright's own wait would need eval, which the CSP forbids.)"""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


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
