"""The page of a company's storage: connections, places and costs, for its admins, at both widths."""

from __future__ import annotations

import contextlib
import copy
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, TimeoutError, expect
from sqlalchemy import select
from tests.browser import axe
from tests.browser.chromium import signed_in, until
from tests.services.platform import Platform

from reelkeep.catalog.tables import audit_events
from reelkeep.cli.accepting import Accepting
from reelkeep.cli.auditing import Auditing
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
    made = operator.storage.connect(
        company, operator.storage.embedded_bucket(company, platform.origin, "acme-elsewhere")
    )
    Accepting(operator, company).put_into_use(made, production["id"])
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
        steps = page.locator("rk-onboarding").get_by_role("listitem")
        expect(steps).to_have_count(7)
        expect(steps.nth(0)).to_contain_text("Next")
        expect(steps.nth(5)).to_contain_text("new versions go to acme-media")
        cost = page.get_by_role("table", name="What a month costs")
        expect(cost.get_by_role("row", name="In all, with SSE-S3")).to_be_visible()
        expect(cost).not_to_contain_text("Replica")
        page.get_by_label("With a replica in another region").check()
        expect(cost.get_by_role("row", name="Transfer to the replica")).to_be_visible()
        page.get_by_label("With a key of your own that wraps the company key").check()
        expect(cost.get_by_role("row", name="Uses of the wrapping key, at most")).to_be_visible()
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"storage-{width}.png"), full_page=True)
        page.get_by_role("link", name="Placed elsewhere").click()
        expect(page.get_by_text("New versions go to acme-elsewhere (set for this production).")).to_be_visible()
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"production-{width}.png"))


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_sees_by_which_keys_the_company_key_is_wrapped_and_that_other_buckets_wait_for_it(
    browser: Browser, platform: Platform, second: StorageConnection, width: int, height: int
) -> None:
    """The page alone: what the platform says with such a key is for tests/integration/test_company_key.py."""
    arn = "arn:aws:kms:eu-central-1:222222222222:key/11111111-2222-3333-4444-555555555555"

    with platform.api() as api:
        storage = copy.deepcopy(dict(api._get("/storage")))

    def with_key(route: Route) -> None:
        storage["company_key"] = {"connection": "acme-media", "key": arn, "open": False}
        for one in storage["connections"]:
            one |= {"state": "revoked", "why": "the key is closed", "waits_for_key": one["name"] == "acme-elsewhere"}
        route.fulfill(json=storage)

    with signed_in(browser, platform, width=width, height=height) as page:
        page.get_by_role("link", name="Storage").click()
        expect(page.get_by_text("Wrapped by the operator's key alone.")).to_be_visible()
        page.route("**/api/v1/storage", with_key)
        page.reload()
        expect(page.get_by_text("Wrapped by the operator's key and by your own")).to_be_visible()
        expect(page.get_by_text(arn)).to_contain_text("No proxy opens while that connection is not in use.")
        rows = page.get_by_role("table", name="Connections")
        expect(rows.get_by_role("row", name="acme-elsewhere")).to_contain_text("Waits for your key")
        expect(page.get_by_role("button", name="Resume acme-media")).to_be_visible()
        expect(page.get_by_role("button", name="Resume acme-elsewhere")).to_have_count(0)
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"storage-key-{width}.png"), full_page=True)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_notes_a_step_by_the_keyboard_and_takes_it_back(
    browser: Browser, platform: Platform, width: int, height: int
) -> None:
    with signed_in(browser, platform, "/storage", width=width, height=height) as page:
        steps = page.locator("rk-onboarding").get_by_role("listitem")
        expect(steps).to_have_count(7)
        expect(steps.get_by_role("button")).to_have_count(4)  # those that only people can judge
        review = steps.nth(1)
        review.get_by_role("button", name="Note: The security team").focus()
        page.keyboard.press("Enter")
        expect(review.get_by_label("It is")).to_be_focused()
        expect(review.get_by_label("Who")).not_to_have_value("")
        page.keyboard.press("Tab")
        page.keyboard.type("Grace Hopper")  # over the name of who is signed in, which the Tab has chosen
        page.keyboard.press("Tab")
        page.keyboard.type("x" * 600)
        expect(review.get_by_label("What shows it")).to_have_value("x" * 500)
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(f"ticket SEC-12 at {width}")
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            review.screenshot(path=str(Path(SCREENSHOTS) / f"note-{width}.png"))
            page.screenshot(path=str(Path(SCREENSHOTS) / f"noting-{width}.png"), full_page=True)
        page.keyboard.press("Enter")
        expect(review).to_contain_text(re.compile(rf"Done.*By Grace Hopper, .*: ticket SEC-12 at {width}", re.DOTALL))
        again = review.get_by_role("button", name="Note again")
        expect(again).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        expect(again).to_be_focused()
        page.keyboard.press("Enter")
        review.get_by_label("It is").select_option("Open again")
        review.get_by_label("What shows it").fill("signed for another stack")
        review.get_by_role("button", name="Save").click()
        expect(review).to_contain_text("For the company's security team: signed for another stack")
        page.reload()
        expect(review).to_contain_text("For the company's security team: signed for another stack")
    query = select(audit_events).where(audit_events.c.what == "onboarding.noted").order_by(audit_events.c.id.desc())
    with platform.company_engine().begin() as conn:
        last, first = conn.execute(query.limit(2)).all()
    assert (last.details["state"], first.details["state"], first.details["owner"]) == ("open", "done", "Grace Hopper")
    assert first.user_id is not None
    assert first.details["evidence"] == f"ticket SEC-12 at {width}"


def test_a_browser_finds_out_whether_the_bucket_lets_the_sites_pages_in(
    browser: Browser, platform: Platform, second: StorageConnection
) -> None:
    store = platform.store()
    agreed = store.get_bucket_cors(Bucket=second.bucket)["CORSRules"]
    elsewhere = [{**rule, "AllowedOrigins": ["https://elsewhere.example"]} for rule in agreed]
    reads_alone = [{**rule, "AllowedMethods": ["GET", "HEAD"], "ExposeHeaders": ["ETag"]} for rule in agreed]
    with signed_in(browser, platform, "/storage", width=1280, height=800) as page:
        tried = page.get_by_role("listitem").filter(has=page.get_by_role("button", name=f"Try {second.name}"))

        def expect_words(*words: str) -> None:
            tried.get_by_role("button").click()
            expect(tried.get_by_role("paragraph")).to_have_text([re.compile(each) for each in words])

        expect_words("reads from the bucket", "may send files to it", "sees the headers")
        assert axe.violations(page) == []
        try:
            store.put_bucket_cors(Bucket=second.bucket, CORSConfiguration={"CORSRules": elsewhere})
            until_it_says(page, tried, "may not read from the bucket")
            expect_words("may not read from the bucket", "may not send files")
            store.put_bucket_cors(Bucket=second.bucket, CORSConfiguration={"CORSRules": reads_alone})
            until_it_says(page, tried, "This browser reads from the bucket")
            expect_words("reads from the bucket", "may not send files", "does not see content-range")
        finally:
            store.put_bucket_cors(Bucket=second.bucket, CORSConfiguration={"CORSRules": agreed})
    query = select(audit_events.c.details).where(audit_events.c.what == "storage.tried_by_browser")
    with platform.company_engine().begin() as conn:
        first = conn.scalars(query.order_by(audit_events.c.id)).first()
    assert first == {"reads": True, "writes": True, "headers": ["etag", "content-range", "x-amz-request-id"]}


def until_it_says(page: Page, tried: Locator, words: str) -> None:
    """Try again until the store knows its new rules."""

    def says() -> bool:
        tried.get_by_role("button").click()
        with contextlib.suppress(TimeoutError):  # what was said before goes as soon as it is tried again
            tried.get_by_role("paragraph").first.wait_for(timeout=5_000)
        return words in tried.inner_text()

    until(says, 20, words, tried.inner_text)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_an_admin_is_told_what_an_audit_found_and_takes_note_of_it(
    browser: Browser, platform: Platform, second: StorageConnection, width: int, height: int
) -> None:
    operator, company = Installation(platform.data), platform.company
    assert isinstance(company, Company)
    key, store = f"<b>stranger {width}</b>/a {'long ' * 30}name.mov", platform.store()
    store.put_object(Bucket=second.bucket, Key=key, Body=b"x")
    try:
        in_use = operator.storage.connection(company, second.id)  # it was not when it was made
        assert Auditing(operator, company).by_listing(in_use).compared.fresh == {"foreign": 1}
    finally:
        store.delete_object(Bucket=second.bucket, Key=key)
    with signed_in(browser, platform, "/storage", width=width, height=height) as page:
        banner = page.get_by_text(f"An audit of {second.name} found what was not there before.")
        expect(banner).to_be_visible()
        newest = page.get_by_role("list", name="Audits, the newest first").get_by_role("listitem").first
        expect(newest).to_contain_text("Found: 1 foreign object.")
        newest.get_by_text("Which").click()
        expect(newest).to_contain_text(f"Foreign: {key}")
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"audits-{width}.png"), full_page=True)
        newest.get_by_role("button", name=f"Take note of the audit of {second.name}").click()
        expect(banner).to_have_count(0)
        expect(newest.get_by_role("button")).to_have_count(0)
