"""Makes the demo's clip: numbered frames with a moving bar and a tone, H.264 and AAC in MP4."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH_PX: Final = 1280
HEIGHT_PX: Final = 720
RATE: Final = 24
SECONDS: Final = 8
TONE_HZ: Final = 440
AUDIO_RATE_HZ: Final = 48_000
AUDIO_FRAME_SAMPLES: Final = 1_024
_BACKGROUND: Final = (18, 20, 24)
_AMBER: Final = (240, 170, 60)


def make_clip(path: Path, *, seconds: int = SECONDS) -> Path:
    """Write the clip and return its path."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "20"})
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        audio = out.add_stream("aac", rate=AUDIO_RATE_HZ)
        audio.layout = "stereo"
        for number in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(np.asarray(_picture(number, seconds * RATE)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for start in range(0, seconds * AUDIO_RATE_HZ, AUDIO_FRAME_SAMPLES):
            out.mux(audio.encode(_tone(start)))
        out.mux(audio.encode(None))
    return path


def _picture(number: int, frames: int) -> Image.Image:
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((WIDTH_PX // 2, HEIGHT_PX // 2 - 40), f"{number:04d}", _AMBER, ImageFont.load_default(240), anchor="mm")
    text = f"{number // RATE:02d}:{number % RATE:02d}"
    draw.text((WIDTH_PX // 2, HEIGHT_PX - 190), text, "white", ImageFont.load_default(64), anchor="mm")
    draw.rectangle((0, HEIGHT_PX - 40, WIDTH_PX * (number + 1) // frames, HEIGHT_PX - 20), fill=_AMBER)
    return image


def _tone(start: int) -> av.AudioFrame:
    """Return one AAC frame's worth of a tone that beeps in the first tenth of each second."""
    at = np.arange(start, start + AUDIO_FRAME_SAMPLES)
    loud = (at % AUDIO_RATE_HZ) < AUDIO_RATE_HZ // 10
    wave = np.where(loud, 0.25 * np.sin(2 * np.pi * TONE_HZ * at / AUDIO_RATE_HZ), 0.0).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE_HZ, start, Fraction(1, AUDIO_RATE_HZ)
    return frame
