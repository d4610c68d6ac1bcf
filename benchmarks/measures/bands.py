"""What mark bands cost: a rung with them beside the plain one of the ladder, on real footage with light grain at 1080p.

Both are encoded by the codec's own encoders, in this process. Quality is measured against the pictures that went in.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from tests.media.clips import footage

from benchmarks.results import Result
from benchmarks.vmaf import likeness
from reelkeep.media import MACROBLOCK_PX, FrameRate, Rung
from reelkeep.transcode.codec.band_encoder import BandEncoder
from reelkeep.transcode.codec.video_encoder import VideoEncoder
from reelkeep.transcode.ladder import plan_ladder

WIDTH, HEIGHT, FRAMES = 1920, 1080, 96
CLIPS = ("bikes.mp4", "bigbuckbunny.mp4")
GRAIN, GRAIN_SEED = 6, 20  # as in tests.media.clips.strip_clip
THREADS = 2
RATE = FrameRate(24, 1)
Pictures = list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Encode:
    bytes: int
    cpu_seconds: float
    pictures: Pictures


def measure() -> list[Result]:
    """Return the worse of two clips for each figure; the targets hold for two bands."""
    rows: dict[str, list[float]] = defaultdict(list)
    for name in CLIPS:
        source = _pictures(name)
        plain = _encode(plan_ladder(WIDTH, HEIGHT, 0)[-1], source)
        for count in (1, 2, 3):
            rung = plan_ladder(WIDTH, HEIGHT, count)[-1]
            banded = _encode(rung, source)
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


def _pictures(name: str) -> Pictures:
    grain = np.random.default_rng(GRAIN_SEED).integers(-GRAIN, GRAIN + 1, (8, HEIGHT, WIDTH), dtype=np.int16)
    taken: Pictures = []
    with av.open(str(footage(name))) as film:
        for number, frame in zip(range(FRAMES), film.decode(video=0), strict=False):
            picture = frame.reformat(width=WIDTH, height=HEIGHT, format="yuv420p").to_ndarray().copy()
            picture[:HEIGHT] = np.clip(picture[:HEIGHT].astype(np.int16) + grain[number % 8], 16, 235)
            taken.append(picture)
    return taken


def _encode(rung: Rung, source: Pictures) -> Encode:
    started = time.process_time()
    encoder = (BandEncoder if rung.bands else VideoEncoder)(rung, RATE, 0, THREADS)
    fragments = []
    for number, picture in enumerate(source):
        fragments += encoder.encode(number, av.VideoFrame.from_ndarray(picture, format="yuv420p"))
    fragments += encoder.finish()
    spent = time.process_time() - started
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata = encoder.track().codec_config
    frames = []
    for fragment in fragments:
        place = 0
        for sample in fragment.samples:
            frames += decoder.decode(av.Packet(fragment.body[place : place + sample.size]))
            place += sample.size
    frames += decoder.decode(None)
    return Encode(sum(len(each.body) for each in fragments), spent, [frame.to_ndarray() for frame in frames])


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
