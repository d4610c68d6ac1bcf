"""Originals made with PyAV, seeded: frames carry their number as the strip of clips.py, sound is a rising tone."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from tests.media.clips import STRIP_CELLS, strip_cells

SEED = 2026
SOUND_HZ = 48_000


def numbered_picture(number: int, width: int, height: int) -> np.ndarray:
    """An RGB picture with grain and, in its lower quarter, the frame's number as black and white cells."""
    grain = np.random.default_rng(SEED + number % 7).integers(60, 150, (height, width, 3), dtype=np.uint8)
    edges = np.linspace(0, width, STRIP_CELLS + 1).astype(int)
    for cell, (left, right) in zip(strip_cells(number), itertools.pairwise(edges), strict=True):
        grain[height * 3 // 4 :, left:right] = 235 if cell else 16
    return grain


def read_number(grey: np.ndarray) -> int:
    """Return the number a picture of ``numbered_picture`` shows, at any size."""
    height, width = grey.shape
    row = grey[height * 13 // 16 : height * 15 // 16]
    edges = np.linspace(0, width, STRIP_CELLS + 1)
    margin = width / STRIP_CELLS / 4
    means = [row[:, int(a + margin) : int(b - margin)].mean() for a, b in itertools.pairwise(edges)]
    middle = (means[0] + means[1]) / 2
    return int("".join("1" if mean > middle else "0" for mean in means[2:]), 2)


def make_original(
    path: Path,
    *,
    frames: int = 60,
    rate: Fraction = Fraction(25),
    size: tuple[int, int] = (320, 180),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str | None = "aac",
    timecode: str | None = None,
    times: list[int] | None = None,
    turn: int = 0,
    gop_frames: int | None = None,
    interlaced: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write one original. ``times`` are presentation times in milliseconds instead of the rate's grid."""
    with av.open(str(path), "w", options=options or {}) as out:
        clock = Fraction(1, 1000) if times else 1 / rate
        video: Any = out.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = *size, pixels
        if codec == "libx264":
            video.options = {"preset": "ultrafast", "bf": "2"}
        if codec == "dnxhd":
            video.bit_rate = 110_000_000
        if interlaced:
            video.codec_context.flags |= int(av.codec.context.Flags.interlaced_dct)
        if gop_frames:
            video.gop_size = gop_frames
        if times:
            video.codec_context.time_base = clock
        if timecode:
            video.metadata["timecode"] = timecode
        if turn:
            video.set_display_rotation(turn)
        audio = _add_sound(out, sound)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(numbered_picture(number, *size), format="rgb24")
            picture.pts, picture.time_base = times[number] if times else number, clock
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        if audio is not None:
            _write_sound(out, audio, round(frames / rate * SOUND_HZ))
    return path


def make_sound(path: Path, seconds: int = 3, codec: str = "pcm_s16le") -> Path:
    """Write a file that holds only sound."""
    with av.open(str(path), "w") as out:
        _write_sound(out, _add_sound(out, codec), seconds * SOUND_HZ)
    return path


def _add_sound(out: Any, codec: str | None) -> Any:
    if codec is None:
        return None
    stream = out.add_stream(codec, rate=SOUND_HZ)
    stream.layout = "stereo"
    return stream


def tone(samples: int) -> np.ndarray:
    """Stereo int16: the left a sine of 440 Hz at half level, the right of 880 Hz at a quarter."""
    clock = np.arange(samples) / SOUND_HZ
    left, right = np.sin(2 * np.pi * 440 * clock) * 16_384, np.sin(2 * np.pi * 880 * clock) * 8_192
    return np.stack((left, right), axis=1).astype(np.int16)


def _write_sound(out: Any, stream: Any, samples: int) -> None:
    whole = tone(samples)
    for start in range(0, samples, 1024):
        part = np.ascontiguousarray(whole[start : start + 1024].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
