"""Fixtures of the whole suite."""

pytest_plugins = [
    "tests.services.databases",
    "tests.services.stores",
    "tests.services.sites",
    "tests.services.platform",
]
