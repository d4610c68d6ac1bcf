"""The page of the process ledger, for admins of the company, at both widths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser import axe
from tests.browser.chromium import signed_in, until
from tests.services.platform import Platform

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_sees_what_served_the_company_and_takes_the_list_along(
    browser: Browser, platform: Platform, film: str, width: int, height: int, tmp_path: Path
) -> None:
    with signed_in(browser, platform, "/storage", width=width, height=height) as page:
        page.get_by_role("link", name="Every process that served your company").click()
        rows = page.get_by_role("table", name="Processes that served the company").get_by_role("row")
        expect(rows.filter(has_text="Pages and API").first).to_contain_text("Serves now")

        def job_is_listed() -> int:  # its process ends a moment after the film is whole
            page.reload()
            expect(rows.filter(has_text="Pages and API").first).to_be_visible()
            return rows.filter(has_text="Its job was done").filter(has_text="Job").count()

        until(job_is_listed, 30, "the film's job", rows.all_inner_texts)
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download as CSV").click()
        target = tmp_path / "processes.csv"
        downloading.value.save_as(target)
        assert target.read_text().splitlines()[0].startswith("id,kind,host,pid,started_at")
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"processes-{width}.png"), full_page=True)
