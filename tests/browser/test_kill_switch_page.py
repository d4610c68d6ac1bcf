"""The kill switch with a film playing: what pages show is taken away, they say why, and go on once it is resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect
from tests.browser import axe
from tests.browser.chromium import player, player_state, shows, shows_full, signed_in, until
from tests.services.platform import Platform

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in
REVOKED = "The company has taken back the right to the storage of connection acme-media: the store refuses Reelkeep."
_HELD = """(element) => [...element.shadowRoot.querySelectorAll("video")].map((video) => ({
  ready: video.readyState, seconds: video.buffered.length, keys: video.mediaKeys !== null,
}))"""


@contextmanager
def denied(platform: Platform) -> Iterator[None]:
    """Deny everybody the bucket's objects, as the company's cloud team does."""
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{platform.bucket}/*"],
    }  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    platform.store().put_bucket_policy(Bucket=platform.bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        platform.store().delete_bucket_policy(Bucket=platform.bucket)


def held(page: Page) -> Any:
    return player(page).evaluate(_HELD)


def picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))


def test_a_film_that_plays_is_taken_off_the_page_which_says_why_and_goes_on_where_it_was_after_resuming(
    browser: Browser, platform: Platform, film: str
) -> None:
    with (
        signed_in(browser, platform, film, width=1280, height=800) as page,
        signed_in(browser, platform, f"/productions/{platform.production_id}", width=390, height=844) as cards,
    ):
        shows(page, 0)
        shows_full(page)
        page.keyboard.press("p")
        page.keyboard.press("l")
        until(lambda: player_state(page)["playerState"] == "playing", 10, "playing")
        poster = cards.locator("rk-card img").first
        expect(poster).to_be_visible()
        ahead = "(element) => Math.max(...[...element.shadowRoot.querySelectorAll('video')].map((video) => "
        ahead += "video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0))"
        assert player(page).evaluate(ahead) <= 10
        with denied(platform):
            until(lambda: player_state(page)["playerState"] == "none", 60, "emptied", lambda: player_state(page))
            until(lambda: all(one == {"ready": 0, "seconds": 0, "keys": False} for one in held(page)), 10, "let go",
                  lambda: held(page))  # fmt: skip
            over = page.locator("rk-asset").get_by_role("alert").filter(has_text=REVOKED)
            expect(over).to_contain_text("Nothing is lost")
            expect(page.locator("rk-timeline")).to_have_count(0)  # with its small pictures
            expect(poster).to_have_count(0)
            expect(page.locator("rk-app .banner")).to_contain_text(REVOKED)
            assert axe.violations(page) == []
            assert axe.violations(cards) == []
            assert cards.evaluate("document.documentElement.scrollWidth <= innerWidth")
            picture(page, "revoked-player-1280")
            picture(cards, "revoked-production-390")
            page.keyboard.press("l")
            assert player_state(page)["playerState"] == "none"
        cards.get_by_role("link", name="Go to Storage").click()
        row = _row(cards)
        expect(row).to_contain_text("the store refuses Reelkeep")
        picture(cards, "revoked-storage-390")
        until(lambda: _resumed(cards), 30, "resumed")
        expect(row).to_contain_text("In use")
        until(lambda: player_state(page).get("playerState") == "paused", 60, "open again", lambda: player_state(page))
        expect(page.locator("rk-app .banner")).to_have_count(0)
        before = int(player_state(page)["frame"])
        page.keyboard.press("p")  # the loop is the page's and still on
        page.keyboard.press("l")
        until(lambda: int(player_state(page)["paintedFrame"]) != before, 20, "plays on", lambda: player_state(page))


def _resumed(page: Page) -> bool:
    """Press the button until the store lets us in again: it takes a moment to forget its policy."""
    button = page.get_by_role("button", name="Resume acme-media")
    if button.count():
        with suppress(TimeoutError):  # it goes when the store lets us in
            button.click(timeout=1_000)
        page.wait_for_timeout(500)
    return _row(page).filter(has_text="In use").count() == 1


def _row(page: Page) -> Locator:
    """Return the row of the platform's own connection; other tests may have added more to the same bucket."""
    rows = page.get_by_role("table", name="Connections").get_by_role("row")
    return rows.filter(has=page.get_by_role("rowheader", name="acme-media", exact=True))
