"""Memory of the codec, by resolution and kind of original, and whether it grows with the length of the film.

The carrier beside it holds at most ``source.BLOCKS_KEPT`` and ``BLOCKS_AHEAD`` blocks of the original and a few bundles
of each rendition, whatever the film is.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.media.codec_memory import a_test_picture, peak_bytes

from benchmarks.results import Result
from reelkeep.media import MediaLimits
from reelkeep.transcode.codec.processors import MAX_THREADS

SIZES = {"540p": "960x540", "1080p": "1920x1080", "2160p": "3840x2160"}
SECONDS = 4
MIB = 1 << 20
MOST_MIB = MediaLimits.max_codec_bytes / MIB


def measure() -> list[Result]:
    """Return the peaks of all sizes and kinds, and how much more twenty minutes take than ten, in a tiny picture."""
    results = []
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        for size, pixels in SIZES.items():
            for kind in ("h264", "prores"):
                clip = a_test_picture(Path(folder), kind, pixels, SECONDS)
                what = f"peak resident memory of the codec, {kind} {size}"
                results.append(Result(f"memory-{kind}-{size}", what, peak_bytes(clip).resident / MIB, "MiB", MOST_MIB))
                clip.unlink()
        clip = a_test_picture(Path(folder), "prores-4444", SIZES["2160p"], SECONDS)
        most = peak_bytes(clip, MAX_THREADS)
        what = f"memory of the codec, 12-bit 4:4:4 with alpha 2160p, {MAX_THREADS} threads each, "
        results.append(Result("memory-most", what + "resident at once", most.resident / MIB, "MiB", MOST_MIB))
        results.append(Result("memory-most-data", what + "as its limit counts it", most.data / MIB, "MiB", MOST_MIB))
        clips = (a_test_picture(Path(folder), "h264", "128x72", minutes * 60) for minutes in (10, 20))
        ten, twenty = (peak_bytes(clip).resident for clip in clips)  # a minute fills no tile sheet
        results.append(Result("memory-growth", "twenty minutes to ten of 128x72, peak", twenty / ten, "", 1.03))
    return results
