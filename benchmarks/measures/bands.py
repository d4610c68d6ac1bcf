"""What mark bands cost: a rung with them beside the plain one of the ladder, on real footage with light grain at 1080p.

Both are encoded by the codec's own encoders, in this process. Quality is measured against the pictures that went in.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from benchmarks.encoding import CLIPS, Encode, Pictures, encode, grained
from benchmarks.results import Result
from benchmarks.vmaf import likeness
from reelkeep.media import MACROBLOCK_PX, Rung
from reelkeep.transcode.ladder import plan_ladder

WIDTH, HEIGHT, FRAMES = 1920, 1080, 96


def measure() -> list[Result]:
    """Return the worse of two clips for each figure; the targets hold for two bands."""
    rows: dict[str, list[float]] = defaultdict(list)
    for name in CLIPS:
        source = grained(name, WIDTH, HEIGHT, frames=FRAMES)
        plain = encode(plan_ladder(WIDTH, HEIGHT, 0)[-1], source)
        for count in (1, 2, 3):
            rung = plan_ladder(WIDTH, HEIGHT, count)[-1]
            banded = encode(rung, source)
            rows["bits" if count == 2 else f"bits-{count}"].append(banded.bytes / plain.bytes)
            if count == 2:
                inside = _rows_inside(rung)
                rows["outside"].append(_psnr(source, plain, ~inside) - _psnr(source, banded, ~inside))
                rows["inside"].append(_psnr(source, banded, inside))
                rows["vmaf"].append(_vmaf(source, plain) - _vmaf(source, banded))
                rows["cpu"].append(banded.cpu_seconds / plain.cpu_seconds)
    of = f"{FRAMES} frames of 1080p24, worse of two clips"
    return [
        Result("bands-bits", f"two mark bands / plain rung, bytes, {of}", max(rows["bits"]), "", 1.12),
        Result("bands-bits-1", f"one mark band / plain rung, bytes, {of}", max(rows["bits-1"]), ""),
        Result("bands-bits-3", f"three mark bands / plain rung, bytes, {of}", max(rows["bits-3"]), ""),
        Result("bands-psnr-outside", f"lost outside two mark bands, {of}", max(rows["outside"]), "dB", 0.2),
        Result("bands-psnr-inside", f"luma inside two mark bands, {of}", min(rows["inside"]), "dB", 36, "at least"),
        Result("bands-vmaf", f"VMAF lost with two mark bands, {of}", max(rows["vmaf"]), "", 0.5),
        Result("bands-cpu", f"two mark bands / plain rung, CPU with the leakage check, {of}", max(rows["cpu"]), ""),
    ]  # fmt: skip


def _rows_inside(rung: Rung) -> NDArray[np.bool_]:
    inside = np.zeros(HEIGHT, bool)
    for band in rung.bands:
        inside[band.first_row * MACROBLOCK_PX : band.end_row * MACROBLOCK_PX] = True
    return inside


def _psnr(source: Pictures, made: Encode, lines: NDArray[np.bool_]) -> float:
    squares = [
        float(np.square(one[:HEIGHT][lines].astype(np.int32) - two[:HEIGHT][lines]).mean())
        for one, two in zip(source, made.pictures, strict=True)
    ]
    return 10 * math.log10(255**2 / (sum(squares) / len(squares)))


def _vmaf(source: Pictures, made: Encode) -> float:
    return likeness(source, made.pictures, WIDTH, HEIGHT).vmaf
