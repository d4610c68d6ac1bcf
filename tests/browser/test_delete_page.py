"""An admin deletes what is on the screen, sees it leave every page at once, and brings it back; or has it made anew."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from playwright.sync_api import Browser, TimeoutError, expect
from tests.browser import axe
from tests.browser.chromium import player_state, shows, signed_in, until
from tests.media.originals import make_original
from tests.services.platform import Platform

from reelkeep.transfer.upload import upload

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in


def test_a_version_is_deleted_from_its_page_and_brought_back_from_the_productions(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    with platform.api() as api:
        production = api.create_production("Second thoughts")
        clip = make_original(tmp_path / "Reel 4, wrong grade.mp4", frames=12)
        sent = [upload(api, production["id"], clip) for _ in range(2)]
        for each in sent:
            platform.wait_for(each.version_id, "ready")
    look_at = f"/productions/{production['id']}"
    with (
        signed_in(browser, platform, f"/assets/{sent[0].asset_id}", width=1280, height=800) as page,
        signed_in(browser, platform, look_at, width=1280, height=800) as list_page,
    ):
        shows(page, 0)
        cards, deleted = list_page.locator("rk-card"), list_page.locator("rk-deleted")
        expect(cards).to_have_count(1)
        page.get_by_role("button", name="Delete this version").click()
        question = page.get_by_role("dialog", name="Delete version 2 of Reel 4, wrong grade.mp4?")
        expect(question.get_by_role("button", name="Keep it")).to_be_focused()
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert axe.violations(page) == []
            if SCREENSHOTS:
                page.screenshot(path=str(Path(SCREENSHOTS) / f"delete-{width}.png"))
        page.keyboard.press("Escape")
        expect(question).to_be_hidden()
        page.get_by_role("button", name="Delete this version").click()
        question.get_by_role("button", name="Delete it").click()
        shows(page, 0)  # version 1 takes its place
        expect(page.get_by_label("Version", exact=True)).to_have_count(0)
        page.get_by_role("button", name="Delete this version").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
        expect(page.get_by_role("heading", name="This was deleted")).to_be_visible()
        assert axe.violations(page) == []

        expect(cards).to_have_count(0)
        deleted.get_by_text("Deleted (2)").click()
        for width in (1280, 390):
            list_page.set_viewport_size({"width": width, "height": 800})
            assert axe.violations(list_page) == []
            assert list_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if SCREENSHOTS:
                list_page.screenshot(path=str(Path(SCREENSHOTS) / f"deleted-{width}.png"))
        back = deleted.get_by_role("button", name="Bring back Reel 4, wrong grade.mp4, version 2")

        def pressed() -> bool:
            with contextlib.suppress(TimeoutError):  # it goes once it was heard
                back.click(timeout=1_000)
            list_page.wait_for_timeout(500)
            return not back.count()

        assert any(pressed() for _ in range(40)), deleted.inner_text()
        expect(cards).to_have_count(1)
        platform.wait_for(sent[1].version_id, "ready")


def test_a_film_is_made_anew_from_its_page_and_comes_back_where_the_person_was(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    sent = platform.upload(make_original(tmp_path / "Reel 5.mp4", frames=24))
    platform.wait_for(sent.version_id, "ready")
    with signed_in(browser, platform, f"/assets/{sent.asset_id}?frame=7", width=1280, height=800) as page:
        shows(page, 7)
        page.get_by_role("button", name="Make the film anew").click()
        question = page.get_by_role("dialog", name="Make the film of version 1 of Reel 5.mp4 anew?")
        expect(question.get_by_role("button", name="Leave it")).to_be_focused()
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert axe.violations(page) == []
            if SCREENSHOTS:
                page.screenshot(path=str(Path(SCREENSHOTS) / f"remake-{width}.png"))
        page.set_viewport_size({"width": 1280, "height": 800})
        question.get_by_role("button", name="Make it anew").click()
        until(
            lambda: player_state(page)["playerState"] == "none", 10, "the old picture goes", lambda: player_state(page)
        )
        shows(page, 7)
        platform.wait_for(sent.version_id, "ready")
        whole = {"frame": "7", "paintedFrame": "7", "frames": "24", "published": "24", "lane": "full"}
        until(lambda: player_state(page).items() >= whole.items(), 20, "as it was", lambda: player_state(page))
