"""Fixtures of the whole suite."""

import signal

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.services.databases",
    "tests.services.stores",
    "tests.services.sites",
    "tests.services.platform",
    "tests.services.networks",
]
