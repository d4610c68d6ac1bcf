"""Fixtures of the browser tests."""

from tests.browser.chromium import browser, film

__all__ = ["browser", "film"]
