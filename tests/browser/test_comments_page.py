"""Comments on the page: ranges, changing, resolving, and what another person's page makes of it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, Route
from tests.browser.chromium import opened, player, player_state, shows, shows_full, signed_in, until
from tests.services.platform import Platform

from reelkeep.catalog import members, people
from reelkeep.catalog.roles import Role
from reelkeep.ids import ProductionId

REVIEWER, PASSWORD = "ben@acme.example", "correct horse battery"
_SHARES = """(element) => {
  const bar = element.parentElement.getBoundingClientRect(), box = element.getBoundingClientRect();
  return [(box.left - bar.left) / bar.width, (box.right - bar.left) / bar.width];
}"""


@contextmanager
def reviewer(browser: Browser, platform: Platform, path: str) -> Iterator[Page]:
    """Open a page as a reviewer of the production."""
    with platform.company_engine().begin() as conn:
        if REVIEWER not in [user.email for user in people.everyone(conn)]:
            user = people.create(conn, email=REVIEWER, name="Ben", password=PASSWORD, is_company_admin=False)
            members.put(conn, ProductionId(platform.production_id), user.id, Role.REVIEWER)
    with opened(browser, f"{platform.origin}/signin") as page:
        page.fill("input[name=email]", REVIEWER)
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/signin" not in url)
        page.goto(platform.origin + path)
        shows(page, 0)
        yield page


def go_to(page: Page, frame: int) -> None:
    page.keyboard.press("g")
    page.keyboard.type(str(frame))
    page.keyboard.press("Enter")
    shows(page, frame)


def comment_on(page: Page, text: str, *, first: int, last: int | None = None) -> Locator:
    """Write a comment by keyboard, on a frame or with in and out on a range."""
    go_to(page, first)
    if last is not None:
        page.keyboard.press("i")
        go_to(page, last)
        page.keyboard.press("o")
    page.keyboard.press("c")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    return noted(page, text)


def noted(page: Page, text: str) -> Locator:
    found = page.locator("rk-comments li", has_text=text)
    found.wait_for()
    return found


def delete(page: Page, *texts: str) -> None:
    for text in texts:
        one = noted(page, text)
        one.get_by_role("button", name="Delete").click()
        one.wait_for(state="detached")


def test_a_comment_covers_the_range_between_in_and_out_and_brings_it_back(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        frames = int(player_state(page)["frames"])
        comment = comment_on(page, "Hold this look", first=60, last=84)
        assert "00:00:02:10 – 00:00:03:09" in comment.inner_text()
        span = page.locator("rk-timeline .span")
        left, right = span.evaluate(_SHARES)
        assert left == pytest.approx(60.5 / frames, abs=0.002)
        assert right == pytest.approx(85 / frames, abs=0.002)
        page.keyboard.press("x")
        single = comment_on(page, "Here alone", first=100)
        assert "00:00:04:00" in single.inner_text()
        assert "–" not in single.inner_text()
        assert span.count() == 1

        comment.locator(".go").click()
        shows(page, 60)
        assert player(page).evaluate("(element) => element.range") == {"from": 60, "to": 84}
        assert page.locator("rk-timeline .range").count() == 1
        until(lambda: "here" in (comment.get_attribute("class") or ""), 5, "marked as the one on the screen")
        page.keyboard.press(".")
        shows(page, 100)
        assert page.locator("rk-timeline .range").count() == 0, "the range went with its comment"
        page.locator("rk-timeline .pin").first.click()
        shows(page, 60)
        assert player(page).evaluate("(element) => element.range") == {"from": 60, "to": 84}
        page.get_by_role("button", name="Comment on one frame").click()
        assert page.get_by_role("textbox", name="Comment at 00:00:02:10", exact=True).count() == 1
        delete(page, "Hold this look")
        assert page.evaluate(_FOCUSED) == "Ada", "the focus goes to the comment that took its place, not to the page"
        delete(page, "Here alone")
        assert page.evaluate(_FOCUSED) == "All"


def test_a_comment_is_changed_by_its_author_and_resolved_by_another_on_both_their_pages(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page, reviewer(browser, platform, film) as other:
        shows(page, 0)
        written = comment_on(page, "Too drak", first=30)
        theirs = noted(other, "Too drak")
        assert theirs.get_by_role("button", name="Change").count() == 0, "somebody else's"
        assert theirs.get_by_role("button", name="Delete").count() == 0
        written.get_by_role("button", name="Change the comment at 00:00:01:05").click()
        field = page.get_by_role("textbox", name="Change the comment at 00:00:01:05")
        field.fill("Too dull")
        page.keyboard.press("Escape")
        noted(page, "Too drak")
        written.get_by_role("button", name="Change the comment at 00:00:01:05").click()
        field.fill("Too dark")
        page.keyboard.press("Enter")
        assert "edited" in noted(page, "Too dark").inner_text()
        page.wait_for_timeout(100)
        assert page.evaluate(_FOCUSED).startswith("Change"), "whoever works by keyboard goes on from there"
        noted(other, "Too dark").get_by_role("button", name="Resolve the comment at 00:00:01:05").click()

        resolved = page.locator("rk-comments li.resolved", has_text="Too dark")
        resolved.wait_for()
        assert "resolved by Ben" in resolved.inner_text()
        pin = page.locator("rk-timeline .pin.resolved")
        pin.wait_for()
        page.get_by_role("button", name="Open 0").click()
        resolved.wait_for(state="detached")
        pin.wait_for(state="detached")
        assert "Everything is resolved" in page.locator("rk-comments .none").inner_text()
        page.reload()
        shows_full(page)
        page.get_by_text("Everything is resolved").wait_for()  # the choice is remembered
        page.get_by_role("button", name="All", exact=True).click()
        noted(page, "Too dark").get_by_role("button", name="Reopen").click()
        page.get_by_role("button", name="Open 1").wait_for()
        until(lambda: other.locator("rk-comments li.resolved").count() == 0, 5, "open again on the other page too")
        delete(page, "Too dark")
        other.locator("rk-comments li").wait_for(state="detached")


def test_what_a_comment_was_refused_for_is_said_and_its_text_is_kept(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        written = comment_on(page, "Of two minds", first=10)
        page.route("**/api/v1/comments/*", lambda route: route.abort("connectionreset"))
        written.get_by_role("button", name="Change").click()
        field = page.get_by_role("textbox", name="Change the comment at")
        field.fill("Of three minds")
        page.keyboard.press("Enter")
        page.get_by_role("alert").filter(has_text="The server does not answer").wait_for()
        assert field.input_value() == "Of three minds"
        page.unroute("**/api/v1/comments/*")
        page.keyboard.press("Enter")
        noted(page, "Of three minds")
        assert page.get_by_role("alert").filter(has_text="answer").count() == 0
        delete(page, "Of three minds")


def test_the_next_key_after_a_comment_is_the_players_and_nothing_written_is_lost(
    browser: Browser, platform: Platform, film: str
) -> None:
    with signed_in(browser, platform, film) as page:
        shows(page, 0)
        held: list[Route] = []
        page.route("**/api/v1/versions/*/comments", lambda route: held.append(route))
        page.keyboard.press("c")
        page.keyboard.type("First")
        with page.expect_request(lambda one: one.method == "POST" and one.url.endswith("/comments")):
            page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        shows(page, 1)
        page.keyboard.press("c")
        page.keyboard.type("Second")
        held.pop().abort("connectionreset")
        page.get_by_role("alert").filter(has_text="The server does not answer").wait_for()
        assert page.get_by_role("textbox", name="Comment at").input_value() == "First\nSecond"


_FOCUSED = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at.getAttribute("aria-label") ?? at.innerText.split("\\n")[0];
}"""
