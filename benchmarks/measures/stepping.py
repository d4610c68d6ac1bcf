"""N11: the frame test of the browser suite with 1,000 moves instead of 200, and its times.

The test writes what it saw as JSON where RKTEST_FRAME_REPORT points: moves, wrong, step_milliseconds,
full_milliseconds and seek_milliseconds (lists).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measures.unable import Unable
from benchmarks.results import ROOT, Result

TEST = ROOT / "tests" / "browser" / "test_frames.py"
MOVES = 1_000
SECONDS = 3_600


def measure() -> list[Result]:
    """Return how many of the moves showed a wrong frame, and how long the frames took."""
    if not TEST.is_file():
        raise Unable(f"there is no {TEST.relative_to(ROOT)} yet")
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        report = Path(folder) / "frames.json"
        environment = {**os.environ, "RKTEST_FRAME_MOVES": str(MOVES), "RKTEST_FRAME_REPORT": str(report)}
        command = [sys.executable, "-m", "pytest", "-q", "--timeout", str(SECONDS), str(TEST)]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if not report.is_file():
            raise Unable(f"the frame test wrote no report: {ended.stdout.strip()[-300:]}")
        seen = json.loads(report.read_text(encoding="utf-8"))
    what = f"1080p, default ladder, EME on, {seen['moves']} moves"
    return [
        Result("N11-wrong", f"{what}: wrong frames", seen["wrong"], "frames", 0),
        *_median("N11-step", f"{what}: key press to the step rung's frame, median", seen["step_milliseconds"], 50),
        *_median("N11-full", f"{what}: key press to the full frame, median", seen["full_milliseconds"], 300),
        *_median("N11-seek", f"{what}: random seek to the full frame, median", seen["seek_milliseconds"], None),
    ]


def _median(identity: str, what: str, milliseconds: list[float], target: float | None) -> list[Result]:
    return [Result(identity, what, statistics.median(milliseconds), "ms", target)] if milliseconds else []
