"""N1: from the end of an upload to frame 0 painted in a page that is already open, by the demo's own browser.

The clock starts when the client has the answer to the completion, a little after the store gave its own.
"""

from __future__ import annotations

import statistics
import tempfile
from fractions import Fraction
from pathlib import Path

from tests.media.clips import strip_clip

from benchmarks.measures.demo import figures
from benchmarks.measures.unable import Unable
from benchmarks.results import Result

FRAMES = 240
ROUNDS = 3
TARGET_SECONDS = 3.0


def measure() -> list[Result]:
    """Return the median of some demos, for H.264 with AAC and for ProRes with PCM at 1080 lines."""
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        h264 = strip_clip(Path(folder) / "clip.mp4", FRAMES, rate=Fraction(24), sound="aac")
        prores = strip_clip(
            Path(folder) / "clip.mov", FRAMES, codec="prores_ks", pixel_format="yuv422p10le", options={"profile": "2"},
            rate=Fraction(24), sound="pcm_s16le",
        )  # fmt: skip
        return [_result("N1-h264", "H.264 and AAC", h264), _result("N1-prores", "ProRes 422 and PCM", prores)]


def _result(identity: str, what: str, clip: Path) -> Result:
    seconds = [figures(clip, browser=True)["first_frame_seconds"] for _ in range(ROUNDS)]
    if None in seconds:
        raise Unable("there is no browser here")
    text = f"upload's end to frame 0 painted, {what}, 1080p24, median of {ROUNDS}"
    return Result(identity, text, statistics.median(seconds), "s", TARGET_SECONDS)
