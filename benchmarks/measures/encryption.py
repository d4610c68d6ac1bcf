"""The two encryptions of a proxy, each alone on one core: cbcs of a video rendition, and the seal of a segment."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

from benchmarks.results import Result
from reelkeep.encryption.keys import ContentKey
from reelkeep.encryption.sealing import SealContext, SealKind, seal
from reelkeep.ids import CompanyId, VersionId
from reelkeep.packaging.avcc import annex_b_to_length_prefixed, avcc_from_annex_b
from reelkeep.packaging.cmaf import Sample
from reelkeep.packaging.segmenter import RenditionPackager
from reelkeep.packaging.tracks import video_track

FRAMES = 48
ROUNDS = 7
SEGMENT_BYTES = 2_500_000  # 2 s at 10 Mb/s


def measure() -> list[Result]:
    """Return the rates of both; the best of some rounds, since a neighbour on the machine only ever slows one down."""
    return [_cbcs(), _seal()]


def _seal() -> Result:
    plain = secrets.token_bytes(SEGMENT_BYTES)
    context = SealContext(CompanyId("company"), VersionId("version"), 1, "v1080")

    def gigabyte() -> None:
        key = secrets.token_bytes(32)
        for number in range(400):
            seal(key, SealKind.SEGMENT, number, context, plain)

    rate = 400 * SEGMENT_BYTES / _best(gigabyte) / 1e9
    return Result("seal", "AES-256-GCM seal of 2.5 MB segments, one core", rate, "GB/s")


def _cbcs() -> Result:
    avcc, samples, payload = _video()
    packager = RenditionPackager(
        video_track(avcc, 24), ContentKey(secrets.token_bytes(16), secrets.token_bytes(16)), secrets.token_bytes(16)
    )
    seconds = _best(lambda: packager.segment(0, 0, samples, payload))
    rate = len(payload) / seconds / 1e6
    return Result(
        "cbcs", f"cbcs and CMAF boxes of a 1080p segment of {len(payload) / 1e6:.1f} MB, one core", rate, "MB/s"
    )


def _best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _video() -> tuple[bytes, list[Sample], bytes]:
    """Return one 1080p segment at about 10 Mb/s: flat grey with grain, so that the encoder fills its budget."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 1920, 1080, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 24), Fraction(24)
    encoder.bit_rate = 10_000_000
    encoder.options = {"preset": "ultrafast", "x264-params": f"keyint={FRAMES}:scenecut=0:bframes=0"}
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.open()
    noise = np.random.default_rng(1).integers(118, 138, (8, 1620, 1920), np.uint8)
    packets: list[bytes] = []
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(noise[number % 8], format="yuv420p")
        frame.pts = number
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    contents = [annex_b_to_length_prefixed(packet) for packet in packets]
    samples = [Sample(len(content), 1, 0, number == 0) for number, content in enumerate(contents)]
    return avcc_from_annex_b(bytes(encoder.extradata or b"")), samples, b"".join(contents)
