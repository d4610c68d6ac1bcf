"""The page of a company's storage: connections, places and costs, for its admins, at both widths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser import axe
from tests.browser.chromium import signed_in
from tests.services.platform import Platform

from reelkeep.cli.installation import Installation
from reelkeep.companies.registry import Company
from reelkeep.storage.interface import StorageConnection

SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in


@pytest.fixture(scope="module")
def second(platform: Platform) -> StorageConnection:
    """A production of its own place, in a second bucket."""
    operator, company = Installation(platform.data), platform.company
    assert isinstance(company, Company)
    with platform.api() as api:
        production = api.create_production("Placed elsewhere")
    made = operator.connect(company, operator.embedded_bucket(company, platform.origin, "acme-elsewhere"))
    operator.check(company, made, production["id"])
    return made


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_sees_where_versions_go_why_and_what_it_costs(
    browser: Browser, platform: Platform, film: str, second: StorageConnection, width: int, height: int
) -> None:
    with signed_in(browser, platform, width=width, height=height) as page:
        page.get_by_role("link", name="Storage").click()
        places = page.get_by_role("table", name="New versions")
        expect(places.get_by_role("row", name="Placed elsewhere")).to_contain_text("acme-elsewhere")
        expect(places.get_by_role("row", name="Placed elsewhere")).to_contain_text("Set for this production")
        expect(places.get_by_role("row", name="Demo")).to_contain_text("Inherited from the company")
        connections = page.get_by_role("table", name="Connections")
        expect(connections.get_by_role("row", name="acme-elsewhere")).to_contain_text("In use")
        cost = page.get_by_role("table", name="What a month costs")
        expect(cost.get_by_role("row", name="In all, with SSE-S3")).to_be_visible()
        expect(cost).not_to_contain_text("Replica")
        page.get_by_label("With a replica in another region").check()
        expect(cost.get_by_role("row", name="Transfer to the replica")).to_be_visible()
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"storage-{width}.png"), full_page=True)
        page.get_by_role("link", name="Placed elsewhere").click()
        expect(page.get_by_text("New versions go to acme-elsewhere (set for this production).")).to_be_visible()
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"production-{width}.png"))
