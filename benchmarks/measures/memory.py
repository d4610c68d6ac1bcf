"""Memory of the codec, by resolution and kind of original, and whether it grows with the length of the film.

The carrier beside it holds at most ``source.BLOCKS_KEPT`` and ``BLOCKS_AHEAD`` blocks of the original and a few bundles
of each rendition, whatever the film is.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.media.codec_memory import KINDS, a_test_picture, peak_bytes

from benchmarks.results import Result
from reelkeep.media import MediaLimits

SIZES = {"540p": "960x540", "1080p": "1920x1080", "2160p": "3840x2160"}
SECONDS = 4
MIB = 1 << 20


def measure() -> list[Result]:
    """Return the peaks of all sizes and kinds, and how much more twenty minutes take than ten, in a tiny picture."""
    results = []
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        for size, pixels in SIZES.items():
            for kind in KINDS:
                clip = a_test_picture(Path(folder), kind, pixels, SECONDS)
                what = f"peak resident memory of the codec, {kind} {size}"
                most = MediaLimits.max_codec_bytes / MIB
                results.append(Result(f"memory-{kind}-{size}", what, peak_bytes(clip) / MIB, "MiB", most))
                clip.unlink()
        clips = (a_test_picture(Path(folder), "h264", "128x72", minutes * 60) for minutes in (10, 20))
        ten, twenty = map(peak_bytes, clips)  # a minute fills no tile sheet
        results.append(Result("memory-growth", "twenty minutes to ten of 128x72, peak", twenty / ten, "", 1.03))
    return results
