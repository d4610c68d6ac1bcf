"""A dropped folder of numbered pictures: one row with a choice, one film with the numbers of its files."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from tests.browser import axe
from tests.browser.chromium import drop, player_state, shows, signed_in
from tests.browser.test_page_modules import page as modules  # noqa: F401 - a fixture
from tests.browser.test_page_modules import run
from tests.browser.test_upload_page import in_state
from tests.media.sequences import shoot
from tests.services.platform import Platform

NAMES = Path(__file__).parents[1] / "media" / "sequence_names.json"


def test_the_page_sorts_files_into_films_as_the_server_does(modules: Page) -> None:  # noqa: F811
    for case in json.loads(NAMES.read_text())["cases"]:
        files = [{"name": name} for name in case["files"]]
        found = run(modules, "upload/sequence.js", "return m.grouped(a)", files)
        told = [
            {"name": one["name"], "numbers": one["numbers"], "first": one["files"][0]["name"],
             "last": one["files"][-1]["name"]}
            for one in found["sequences"]
        ]  # fmt: skip
        assert told == case["sequences"]
        if "twins" in case:
            assert [file["name"] for file in found["sequences"][0]["twins"]] == case["twins"]


def test_a_dropped_folder_becomes_one_film_that_counts_from_its_first_number(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    shoot(tmp_path / "day 1", "png", [*range(1001, 1030), *range(1032, 1049)], name="dropped.{number:04d}")
    with signed_in(browser, platform, f"/productions/{platform.production_id}") as page:
        page.locator("#upload").wait_for()
        drop(page, tmp_path / "day 1")
        asked = in_state(page, "dropped.####.png", "asked")
        expect(asked.locator("small")).to_contain_text("1001-1048, 46 of 48 frames")
        assert not axe.violations(page)
        asked.get_by_label("Frames a second of dropped.####.png").select_option("25")
        asked.get_by_role("button", name="Upload dropped.####.png as one film").click()
        in_state(page, "dropped.####.png", "done", 60)
        with platform.api() as api:
            (asset,) = [one for one in api.assets(platform.production_id) if one["name"] == "dropped.####.png"]
        assert asset["folder"] == "day 1"
        (version,) = asset["versions"]
        ready = platform.wait_for(version["id"], "ready")
        assert (ready["frames"], ready["rate"]) == (48, [25, 1])
        card = page.locator("rk-card", has_text="dropped.####.png")
        expect(card).to_contain_text("image sequence, 46 files, 1001–1048, missing 1030–1031")
        drop(page, tmp_path / "day 1")  # once more: it is asked anew, and may be left out
        in_state(page, "dropped.####.png", "asked").get_by_role("button", name="Leave out dropped.####.png").click()
    with signed_in(browser, platform, f"/assets/{asset['id']}?version=1&frame=30") as page:
        shows(page, 30)
        assert player_state(page)["frames"] == "48"
        expect(page.locator("rk-asset .facts")).to_contain_text("missing 1030–1031")
        expect(page.get_by_label("Timecode; type one to go there")).to_have_value("00:00:41:06")  # 1031 at 25
        expect(page.get_by_label("Frame; type a number to go there")).to_have_value("1031")
