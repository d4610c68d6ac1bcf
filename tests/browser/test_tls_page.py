"""A film over TLS: a certificate for each of the two names, cookies of one host, encryption in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response, expect
from tests.browser import axe
from tests.browser.chromium import launch, shows, shows_full, sign_in
from tests.browser.test_main_job import play_without_a_dropped_frame
from tests.media.clips import bunny_loop
from tests.services.platform import Platform, running_platform

from reelkeep.cli.demo_browser import pin_of
from reelkeep.cli.installation import Installation
from reelkeep.companies.certificates import KeptCertificate

pytestmark = pytest.mark.alone  # it counts dropped frames
SCREENSHOTS = os.environ.get("RKTEST_SCREENSHOTS")  # a folder to look at them in


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, str]]:
    """A platform that serves HTTPS, and the path of a film on it."""
    with running_platform(is_tls=True) as platform:
        sent = platform.upload(bunny_loop(tmp_path_factory.mktemp("clips") / "over tls.mp4", 10))
        platform.wait_for(sent.version_id, "ready")
        yield platform, f"/assets/{sent.asset_id}"


def certificates(platform: Platform) -> dict[str, KeptCertificate]:
    assert platform.company is not None
    return Installation(platform.data).certificates(platform.company)


def trusting(browser: Browser, *hosts: KeptCertificate) -> Browser:
    """Start another Chromium, which takes these certificates and no other that nobody has signed."""
    pins = ",".join(pin_of(one.chain) for one in hosts)
    return launch(browser.browser_type, f"--ignore-certificate-errors-spki-list={pins}")


def test_a_film_plays_over_tls_without_a_dropped_frame(browser: Browser, secure: tuple[Platform, str]) -> None:
    platform, film = secure
    with trusting(browser, *certificates(platform).values()) as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))  # playwright marks what it is given
        page.goto(f"{platform.origin}/signin")
        sign_in(page, platform)
        page.goto(platform.origin + film)
        shows(page, 0)
        shows_full(page)
        play_without_a_dropped_frame(page)

        (cookie,) = page.context.cookies()
        assert (cookie["name"], cookie["secure"], cookie["httpOnly"]) == ("__Host-reelkeep_login", True, True)
        assert page.evaluate("isSecureContext")
        segments = [one for one in answers if one.url.endswith(".m4s")]
        assert {one.url.partition("/p/")[0] for one in segments} == {platform.origin.replace("acme.", "acme-media.")}
        assert {(one.security_details() or {}).get("protocol") for one in segments} == {"TLS 1.3"}


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_a_browser_that_does_not_take_the_second_certificate_is_told_where(
    browser: Browser, secure: tuple[Platform, str], width: int, height: int
) -> None:
    platform, _ = secure
    assert platform.company is not None
    found = certificates(platform)
    with trusting(browser, found[platform.company.app_host]) as chromium:
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.goto(f"{platform.origin}/signin")
        sign_in(page, platform)
        media = platform.origin.replace("acme.", "acme-media.")
        expect(page.locator(".unreached a")).to_have_attribute("href", f"{media}/")
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if SCREENSHOTS:
            page.screenshot(path=str(Path(SCREENSHOTS) / f"unreached-{width}.png"))


def test_the_page_of_the_media_name_says_what_it_is_for(browser: Browser, secure: tuple[Platform, str]) -> None:
    platform, _ = secure
    with trusting(browser, *certificates(platform).values()) as chromium:
        page = chromium.new_page()
        page.goto(platform.origin.replace("acme.", "acme-media."))
        expect(page.locator("body")).to_contain_text("You can close this page")
        page.goto(f"{platform.origin}/signin")
        sign_in(page, platform)
        page.wait_for_timeout(500)
        assert page.locator(".unreached").count() == 0
