"""Encoded samples for the packaging tests, with the file that another muxer makes of the same packets."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from tests.media.clips import footage

from reelkeep.media import AUDIO_FRAME_SAMPLES, AUDIO_RATE_HZ
from reelkeep.packaging.avcc import annex_b_to_length_prefixed, avcc_from_annex_b
from reelkeep.packaging.cmaf import Sample
from reelkeep.packaging.tracks import TrackConfig, audio_track, video_track

RATE = Fraction(24000, 1001)


@dataclass(frozen=True)
class Encoded:
    track: TrackConfig
    samples: list[Sample]
    bodies: list[bytes]
    file: bytes  # the same packets as FFmpeg's muxer writes them, in the clear

    def groups(self, size: int) -> Iterator[tuple[int, list[Sample], bytes]]:
        """Yield (decode time, samples, payload) of each group of ``size`` samples."""
        for start in range(0, len(self.samples), size):
            part = self.samples[start : start + size]
            yield sum(each.duration for each in self.samples[:start]), part, b"".join(self.bodies[start : start + size])


def h264(
    frames: int = 48, *, gop_frames: int = 24, height_px: int = 272, pixel_format: str = "yuv420p", **x264: object
) -> Encoded:
    """Encode the first frames of bikes.mp4, live footage, at RATE."""
    sink, packets = io.BytesIO(), []
    options = {"keyint": gop_frames, "min-keyint": gop_frames, "scenecut": 0, "open-gop": 0, **x264}
    with av.open(sink, "w", format="mp4") as out, av.open(str(footage("bikes.mp4"))) as source:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 640 * height_px // 272 // 2 * 2, height_px, pixel_format
        stream.thread_type, stream.codec_context.gop_size = "FRAME", gop_frames
        stream.codec_context.color_primaries = stream.codec_context.color_trc = stream.codec_context.colorspace = 1
        stream.options = {
            "preset": "veryfast",
            "crf": "23",
            "x264-params": ":".join(f"{name.replace('_', '-')}={value}" for name, value in options.items()),
        }
        for number, frame in enumerate(itertools.islice(source.decode(video=0), frames)):
            picture = frame.reformat(stream.width, stream.height, pixel_format)
            picture.pts, picture.time_base, picture.pict_type = number, 1 / RATE, 0
            packets += _mux(out, stream.encode(picture))
        packets += _mux(out, stream.encode(None))
        extradata = bytes(stream.codec_context.extradata)
    duration = RATE.denominator
    bodies = [annex_b_to_length_prefixed(body) for _, body, _ in packets]
    samples = [
        Sample(len(body), duration, (round(seconds * RATE) - index) * duration, is_sync)
        for index, (body, (seconds, _, is_sync)) in enumerate(zip(bodies, packets, strict=True))
    ]
    return Encoded(video_track(avcc_from_annex_b(extradata), RATE.numerator), samples, bodies, sink.getvalue())


def aac(seconds: float = 2.0) -> Encoded:
    """Encode a seeded noisy tone as stereo AAC-LC; the first frame is the encoder's priming."""
    sink, packets = io.BytesIO(), []
    rng = np.random.default_rng(4)
    with av.open(sink, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=AUDIO_RATE_HZ, layout="stereo")
        stream.bit_rate = 160_000
        for index in range(round(seconds * AUDIO_RATE_HZ / AUDIO_FRAME_SAMPLES)):
            times = np.arange(AUDIO_FRAME_SAMPLES) + index * AUDIO_FRAME_SAMPLES
            wave = 0.3 * np.sin(times / 20) + 0.05 * rng.standard_normal((2, AUDIO_FRAME_SAMPLES))
            frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts = AUDIO_RATE_HZ, index * AUDIO_FRAME_SAMPLES
            packets += _mux(out, stream.encode(frame))
        packets += _mux(out, stream.encode(None))
        extradata = bytes(stream.codec_context.extradata)
    bodies = [body for _, body, _ in packets]
    samples = [Sample(len(body), AUDIO_FRAME_SAMPLES, 0, True) for body in bodies]
    return Encoded(audio_track(extradata), samples, bodies, sink.getvalue())


def _mux(out: av.container.OutputContainer, packets: list[av.Packet]) -> list[tuple[Fraction, bytes, bool]]:
    """Mux packets; return presentation time, bytes and sync of each as the encoder made them."""
    made = [(packet.pts * packet.time_base, bytes(packet), packet.is_keyframe) for packet in packets]
    out.mux(packets)
    return made
