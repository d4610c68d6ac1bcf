"""The LUTs of a production on its page: one is added from a file and chosen, and the player says what a film shows."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, expect
from tests.browser import axe
from tests.browser.chromium import shows, signed_in
from tests.integration.test_luts import CUBE
from tests.media.sequences import shoot
from tests.services.platform import Platform

from reelkeep.transfer.upload import upload

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in
NOTICE = "Shown without the show's LUT"


def test_an_admin_adds_and_chooses_a_lut_and_the_notice_of_new_films_goes(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    cube, broken = tmp_path / "Show look v12.cube", tmp_path / "broken.cube"
    cube.write_text(CUBE)
    broken.write_text("LUT_3D_SIZE 2\n0 0\n")
    (still,) = shoot(tmp_path, "exr", [1])
    with platform.api() as api:
        production = api.create_production("With a look")
        without = upload(api, production["id"], still)
        platform.wait_for(without.version_id, "ready")  # its making began before there was a LUT
        with signed_in(browser, platform, f"/productions/{production['id']}", width=1280, height=800) as page:
            luts = page.locator("rk-luts")
            for path, words in ((broken, "Line 2 is neither a keyword"), (cube, "Added Show look v12.cube.")):
                with page.expect_file_chooser() as choosing:
                    luts.get_by_role("button", name="Add a LUT").click()
                choosing.value.set_files(path)
                expect(luts).to_contain_text(words)
            luts.locator("#lut").select_option("Show look v12.cube")
            expect(luts.get_by_role("status")).to_have_text("Saved.")
            luts.locator("#lut-input").select_option("ARRI LogC3 of Wide Gamut 3")
            expect(luts.get_by_role("status")).to_have_text("Saved.")
            assert api.find_production(production["id"])["lut"]["input"] == "logc3"
            luts.get_by_text("All LUTs").click()
            for words in ("Delete Show look v12.cube", "Really delete Show look v12.cube"):
                luts.get_by_role("button", name=words, exact=True).click()
            expect(luts.get_by_role("alert")).to_contain_text("shows its new versions through Show look v12.cube")
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 800})
                assert axe.violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                if SCREENSHOTS:
                    page.screenshot(path=str(Path(SCREENSHOTS) / f"luts-{width}.png"))
        through = upload(api, production["id"], still)
        platform.wait_for(through.version_id, "ready")
    with signed_in(browser, platform, f"/assets/{through.asset_id}?version=1", width=1280, height=800) as page:
        shows(page, 0)
        expect(page.get_by_text(NOTICE)).to_be_visible()
        page.get_by_label("Version", exact=True).select_option("Version 2")
        expect(page.get_by_text(NOTICE)).to_be_hidden()
        shows(page, 0)
        page.get_by_role("button", name="About the original").click()
        facts = page.get_by_role("dialog", name="About the original")
        expect(facts).to_contain_text("Show look v12.cube")
        expect(facts).to_contain_text("ARRI LogC3")
        expect(facts).not_to_contain_text(NOTICE)
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / "luts-facts.png"))
