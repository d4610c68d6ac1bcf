"""The page on which an admin lets support look, the banner that everybody sees, and the way in, at both widths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser import axe
from tests.browser.chromium import opened, signed_in
from tests.services.platform import Platform

from reelkeep.catalog import support
from reelkeep.cli.installation import Installation
from reelkeep.companies.registry import Company

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in


@pytest.fixture(autouse=True)
def ended(platform: Platform) -> Iterator[None]:
    yield
    with platform.company_engine().begin() as conn:
        support.end(conn)


def look(page: Page, name: str) -> None:
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"support-{name}.png"), full_page=True)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_lets_support_look_sees_what_they_do_and_ends_it(
    browser: Browser, platform: Platform, width: int, height: int
) -> None:
    operator, company = Installation(platform.data), platform.company
    assert isinstance(company, Company)
    size = {"width": width, "height": height}
    with signed_in(browser, platform, **size) as page:
        page.get_by_role("link", name="Support").click()
        page.get_by_label("What they may look at").select_option(label="Demo")
        look(page, f"form-{width}")
        page.get_by_role("button", name="Let support look").press("Enter")
        expect(page.get_by_role("status").filter(has_text="Support may look at the production Demo")).to_be_visible()
        look(page, f"open-{width}")
        token = operator.open_support(company, "Rita Moss").token
        with opened(browser, f"{platform.origin}/support-sign-in#{token}", **size) as theirs:
            look(theirs, f"sign-in-{width}")
            assert "#" not in theirs.url
            theirs.get_by_role("button", name="Come in").press("Enter")
            expect(theirs.get_by_text("You are here as support.")).to_be_visible()
            look(theirs, f"inside-{width}")
            page.reload()
            expect(
                page.get_by_role("row", name="Rita Moss").filter(has_text="Came in by the link").first
            ).to_be_visible()
            looked = page.get_by_role("row", name="Rita Moss").filter(has_text="Looked at the films of a production")
            expect(looked.first).to_contain_text("GET /api/v1/productions/")
            page.get_by_role("button", name="End it now").press("Enter")
            expect(page.get_by_role("button", name="Let support look")).to_be_visible()
            theirs.reload()
            expect(theirs.get_by_role("heading", name="Sign in to Reelkeep")).to_be_visible()
        look(page, f"ended-{width}")
