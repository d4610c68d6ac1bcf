"""A pytest plugin that prints how long each suite took: the folders right below tests/, and the set-up before them.

Loaded by `make test`. It prints above pytest's closing line, which stays the last.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

_SETUP_SECONDS = Path(".venv/stamps/seconds")  # written by scripts/setup.sh, a line for each time it did something


class SuiteTimes:
    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.tests: defaultdict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = report.nodeid.removeprefix("tests/").split("/", 1)[0]
        self.seconds[suite] += report.duration  # set-up and tear-down of fixtures count for the test that needed them
        self.tests[suite].add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("time of each suite")
        for suite, seconds in self.seconds.items():
            terminalreporter.write_line(f"{suite:<12} {seconds:7.1f} s  {len(self.tests[suite]):4} tests")
        terminalreporter.write_line(f"{'all suites':<12} {sum(self.seconds.values()):7.1f} s")
        terminalreporter.write_line(f"{'set-up':<12} {_setup_seconds():7.1f} s  (packages, once, not counted)")


def _setup_seconds() -> float:
    if not _SETUP_SECONDS.is_file():
        return 0.0
    return float(sum(int(line.split()[1]) for line in _SETUP_SECONDS.read_text().splitlines()))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SuiteTimes(), "reelkeep-suite-times")
