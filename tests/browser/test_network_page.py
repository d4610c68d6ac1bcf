"""The page on which an admin closes the company's site: never shut out unawares, strangers listed, at both widths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser import axe
from tests.browser.chromium import signed_in
from tests.services.platform import Platform

from reelkeep.cli.installation import Installation
from reelkeep.companies import refused
from reelkeep.companies.registry import Company

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in


@pytest.fixture(autouse=True)
def open_again(platform: Platform) -> Iterator[None]:
    yield
    assert isinstance(platform.company, Company)
    Installation(platform.data).set_network(platform.company, None)


def look(page: Page, name: str) -> None:
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"network-{name}.png"), full_page=True)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_closes_the_site_and_is_never_shut_out_unawares(
    browser: Browser, platform: Platform, width: int, height: int
) -> None:
    operator = Installation(platform.data)
    assert isinstance(platform.company, Company)
    with operator.on_registry() as conn:
        refused.note(conn, platform.company.id, {"198.51.100.7": 3, "vpce-0123456789abcdef0": 1})
    with signed_in(browser, platform, width=width, height=height) as page:
        page.get_by_role("link", name="Network").click()
        expect(page.get_by_label("Everybody")).to_be_checked()
        expect(page.get_by_role("table", name="Turned away").get_by_role("row", name="198.51.100.7")).to_be_visible()
        look(page, f"open-{width}")
        page.get_by_label("Only these networks and endpoints").check()
        page.get_by_label("Networks, one on a line").fill("198.51.100.0/24")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="which would be shut out")).to_be_visible()
        expect(page.get_by_role("button", name="Save, and shut me out")).to_be_visible()
        look(page, f"warned-{width}")
        assert operator.network(platform.company)[0] is None
        page.get_by_role("button", name="Add it").click()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="Nobody else can reach the site")).to_be_visible()
        expect(page.get_by_label("Networks, one on a line")).to_have_value("127.0.0.1/32\n198.51.100.0/24")
        look(page, f"closed-{width}")
        page.get_by_label("Networks, one on a line").fill("everywhere")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="is no network")).to_be_visible()
        page.get_by_label("Everybody").check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="Everybody can reach the site")).to_be_visible()
