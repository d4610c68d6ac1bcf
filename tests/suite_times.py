"""A pytest plugin that prints how long each suite took, and the slowest files.

Suites are the folders right below tests/, and the set-up before them is told, too.

Loaded by scripts/test.sh, which runs the suites in parts: the last part tells of all, and names what failed before it.
It prints above pytest's closing line, which stays the last.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path

import pytest

_SETUP_SECONDS = Path(".venv/stamps/seconds")  # written by scripts/setup.sh, a line for each time it did something
_SLOWEST = 15
_PARTS = "RKTEST_PARTS"  # the file that a part adds its line to, for the next


class SuiteTimes:
    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.tests: defaultdict[str, set[str]] = defaultdict(set)
        self.files: defaultdict[str, float] = defaultdict(float)
        self.failed: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = report.nodeid.removeprefix("tests/").split("/", 1)[0]
        self.seconds[suite] += report.duration  # set-up and tear-down of fixtures count for the test that needed them
        self.files[report.nodeid.partition("::")[0]] += report.duration
        self.tests[suite].add(report.nodeid)
        if report.failed:
            self.failed[report.nodeid] = None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        own = {
            "suites": {suite: (seconds, len(self.tests[suite])) for suite, seconds in self.seconds.items()},
            "files": dict(self.files),
            "seconds": time.monotonic() - self.began,
            "failed": list(self.failed),
        }
        before = _parts_before(own)
        line = terminalreporter.write_line
        for part in before:
            for test in part["failed"]:
                line(f"FAILED {test} (in the part before)", red=True)
        terminalreporter.section("time of each suite")
        for part in [*before, own]:
            for suite, (seconds, tests) in part["suites"].items():
                line(f"{suite:<12} {seconds:7.1f} s  {tests:4} tests")
        files = {file: seconds for part in [*before, own] for file, seconds in part["files"].items()}
        for file in sorted(files, key=files.__getitem__, reverse=True)[:_SLOWEST]:
            line(f"{'':<12} {files[file]:7.1f} s  {file}")
        whole = sum(part["seconds"] for part in [*before, own])
        line(f"{'all suites':<12} {whole:7.1f} s  (by the clock; some run at the same time)")
        line(f"{'set-up':<12} {_setup_seconds():7.1f} s  (packages, once, not counted)")


def _parts_before(own: dict[str, object]) -> list[dict[str, object]]:
    """Return what earlier parts left, and leave our own for the next."""
    name = os.environ.get(_PARTS)
    if name is None:
        return []
    path = Path(name)
    before = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    with path.open("a") as file:
        file.write(json.dumps(own) + "\n")
    return before


def _setup_seconds() -> float:
    if not _SETUP_SECONDS.is_file():
        return 0.0
    return float(sum(int(line.split()[1]) for line in _SETUP_SECONDS.read_text().splitlines()))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the processes that share the work report to the first
        config.pluginmanager.register(SuiteTimes(), "reelkeep-suite-times")
