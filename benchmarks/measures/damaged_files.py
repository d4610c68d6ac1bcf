"""N15: ten thousand damaged files through the sandboxed codec, as in `make soak`: how many did harm, and how fast.

A file does harm if its codec dies or hangs, takes more than a job may, or ends without a clear error or a proxy.
"""

from __future__ import annotations

import time

from tests.isolation.test_bad_files import SOAK_FILES, harm_of_mutants

from benchmarks.results import Result


def measure() -> list[Result]:
    """Return how many of the files did harm, and the files a second on two threads."""
    started = time.monotonic()
    complaints = harm_of_mutants(0, SOAK_FILES)
    for complaint in complaints:
        print(f"  {complaint}", flush=True)
    what = f"{SOAK_FILES:,} damaged films, pictures and sounds"
    return [
        Result("N15-harm", f"{what}: those that did harm", len(complaints), "files", 0),
        Result("N15-rate", f"{what}, two at a time", SOAK_FILES / (time.monotonic() - started), "files/s"),
    ]
