"""Measures in a real browser when the first picture of an asset is on the screen; None where there is no browser."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from reelkeep.errors import DependencyError

if TYPE_CHECKING:
    from playwright.sync_api import Page

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WAIT_SECONDS: Final = 60.0
# Finds the page's video elements, also those in shadow trees, and notes when one of them has shown a frame.
_WATCH: Final = """
(() => {
  const seen = new WeakSet();
  const videos = (root) => [...root.querySelectorAll("*")].flatMap((node) =>
    [...(node instanceof HTMLVideoElement ? [node] : []), ...(node.shadowRoot ? videos(node.shadowRoot) : [])]);
  const look = () => {
    for (const video of videos(document)) {
      if (seen.has(video)) continue;
      seen.add(video);
      video.requestVideoFrameCallback((now) => { globalThis.reelkeepFirstFrame ??= performance.timeOrigin + now; });
    }
    if (globalThis.reelkeepFirstFrame === undefined) setTimeout(look, 10);
  };
  look();
})();
"""


_PLAYER: Final = """(element) => ({
  state: element.dataset.playerState ?? "",
  frame: element.dataset.paintedFrame ?? "",
  empty: [...element.shadowRoot.querySelectorAll("video")].every((video) => video.readyState === 0),
  says: element.shadowRoot.querySelector(".over.stopped h2")?.textContent ?? "",
})"""


def watch_first_frame(page: Page) -> None:
    """Have whatever the page opens from now on note when its first frame is shown."""
    page.add_init_script(_WATCH)


def first_frame_at(page: Page) -> float:
    """Wait until the page has shown its first frame; return when, as seconds of the epoch."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:  # wait_for_function would need eval, which the page's CSP forbids
        shown: Any = page.evaluate("globalThis.reelkeepFirstFrame ?? null")
        if shown is not None:
            return float(shown) / 1000
        time.sleep(0.02)
    raise DependencyError("the page showed no picture within a minute", advice="Open the address in a browser.")


class Browser:
    """A browser that is signed in to a company and waits to be sent to an asset."""

    def __init__(self, page: Page, origin: str) -> None:
        self._page, self._origin = page, origin

    def play(self, asset_path: str) -> None:
        """Open an asset's page and play it, round and round; raise DependencyError if it does not."""
        self._page.goto(self._origin + asset_path)
        self._until(lambda shown: shown["state"] == "paused" and shown["frame"] != "")
        self._page.keyboard.press("p")  # loop
        self._page.keyboard.press("l")
        self._until(lambda shown: shown["state"] == "playing")

    def player(self) -> dict[str, Any]:
        """Return what the player's page shows: its state, its frame, whether it holds media, and what it says."""
        shown: dict[str, Any] = self._page.locator("rk-asset").evaluate(_PLAYER)
        return shown

    def _until(self, reached: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not reached(self.player()):
            if time.monotonic() > deadline:
                raise DependencyError("the page did not play within a minute", advice="Open the address in a browser.")
            self._page.wait_for_timeout(20)

    def measure_first_frame(self, asset_path: str) -> float:
        """Open the asset's page and return when its first frame was shown, as seconds of the epoch."""
        watch_first_frame(self._page)
        self._page.goto(self._origin + asset_path)
        return first_frame_at(self._page)


@contextmanager
def signed_in(origin: str, email: str, password: str, trusted: Sequence[str] = ()) -> Iterator[Browser | None]:
    """Start a browser without a window and sign in; None where Playwright or Chromium is missing.

    Args:
        trusted: certificates in PEM that it takes although no authority has signed them.
    """
    executable = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if executable is None or importlib.util.find_spec("playwright") is None:
        yield None
        return
    from playwright.sync_api import sync_playwright  # an extra of the tests

    arguments = ["--autoplay-policy=no-user-gesture-required"]
    if trusted:
        arguments.append(f"--ignore-certificate-errors-spki-list={','.join(map(pin_of, trusted))}")
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{origin}/signin")
            page.fill("input[name=email]", email)
            page.fill("input[name=password]", password)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "/signin" not in url)
            yield Browser(page, origin)
        finally:
            browser.close()


def pin_of(chain: str) -> str:
    """Return the hash of a certificate's public key, by which Chromium takes it (RFC 7469, section 2.4)."""
    certificate = x509.load_pem_x509_certificate(chain.encode())
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(certificate.public_key().public_bytes(*form)).digest()).decode()


def measure_first_frame(origin: str, email: str, password: str, asset_path: str) -> float | None:
    """Sign in, open an asset's page, and return when its first frame was shown, as seconds of the epoch."""
    with signed_in(origin, email, password) as browser:
        return browser.measure_first_frame(asset_path) if browser else None
