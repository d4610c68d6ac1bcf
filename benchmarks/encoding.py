"""Real footage with grain, and what a rung's own encoder makes of it: for measures of bits and quality."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from tests.media.clips import footage

from reelkeep.media import FrameRate, Rung
from reelkeep.transcode.codec.band_encoder import BandEncoder
from reelkeep.transcode.codec.video_encoder import VideoEncoder

CLIPS: Final = ("bikes.mp4", "bigbuckbunny.mp4")
GRAIN: Final = 6  # as in tests.media.clips.strip_clip
RATE: Final = FrameRate(24, 1)
_GRAIN_SEED: Final = 20
Pictures = list[NDArray[np.uint8]]  # planar 4:2:0, as av.VideoFrame.to_ndarray gives it


@dataclass(frozen=True)
class Encode:
    """What was stored, and the pictures that a decoder gives back."""

    bytes: int
    cpu_seconds: float
    pictures: Pictures


def grained(name: str, width_px: int, height_px: int, grain: int = GRAIN, frames: int | None = None) -> Pictures:
    """Return the first pictures of a clip (all of them for None), scaled, with seeded grain on luma."""
    noise = np.random.default_rng(_GRAIN_SEED).integers(-grain, grain + 1, (8, height_px, width_px), dtype=np.int16)
    taken: Pictures = []
    with av.open(str(footage(name))) as film:
        for number, frame in enumerate(itertools.islice(film.decode(video=0), frames)):
            picture = frame.reformat(width=width_px, height=height_px, format="yuv420p").to_ndarray().copy()
            picture[:height_px] = np.clip(picture[:height_px].astype(np.int16) + noise[number % 8], 16, 235)
            taken.append(picture)
    return taken


def encode(rung: Rung, source: Pictures) -> Encode:
    """Encode pictures as the codec does for this rung, and decode them."""
    started = time.process_time()
    encoder = (BandEncoder if rung.bands else VideoEncoder)(rung, RATE, 0)
    config = encoder.track().codec_config
    fragments = []
    for number, picture in enumerate(source):
        fragments += encoder.encode(number, av.VideoFrame.from_ndarray(picture, format="yuv420p"))
    fragments += encoder.finish()
    spent = time.process_time() - started
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata = config
    frames = []
    for fragment in fragments:
        place = 0
        for sample in fragment.samples:
            frames += decoder.decode(av.Packet(fragment.body[place : place + sample.size]))
            place += sample.size
    frames += decoder.decode(None)
    return Encode(sum(len(each.body) for each in fragments), spent, [frame.to_ndarray() for frame in frames])
