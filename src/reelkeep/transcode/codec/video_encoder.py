"""One rung's encoder: H.264 High in closed GOPs on the grid, given back as whole fragments in AVCC form."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av

from reelkeep.media import FrameRate, Rung, TrackKind
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.protocol import Fragment, SampleEntry, Track

PRESET: Final = "veryfast"
_BT709: Final = 1  # ITU-T H.273, for primaries, transfer and matrix alike
_LIMITED: Final = 1  # AVCOL_RANGE_MPEG
_BUFFER_SECONDS: Final = 2
# ITU-T H.264 table 7-1: slices are kept; SEI (x264's settings), SPS, PPS and delimiters are not part of a sample here.
_SLICES: Final = frozenset({1, 5})


class VideoEncoder:
    """Encodes frames of consecutive grid numbers from ``first`` on; a GOP begins at every ``gop_frames`` after it.

    Any instance made for the same rung and rate has the same SPS and PPS, so that fragments of several fit one track.
    """

    def __init__(self, rung: Rung, rate: FrameRate, first: int, threads: int) -> None:
        self._rung = rung
        self._rate = rate
        self.first = first
        self._gop_first = first
        self._taken = 0
        self._packets: list[Any] = []
        self._context = _context(rung, rate, threads)

    def track(self) -> Track:
        """Describe the track, also before the first frame."""
        return Track(
            rendition=self._rung.name,
            kind=TrackKind.VIDEO,
            codec_config=bytes(self._context.extradata),
            timescale=self._rate.numerator,
            sample_ticks=self._rate.denominator,
            width_px=self._rung.width_px,
            height_px=self._rung.height_px,
        )

    def encode(self, number: int, picture: Any) -> Iterator[Fragment]:
        """Take the picture of grid frame ``number``; yield GOPs that are complete now."""
        self._taken += 1
        picture.pts, picture.time_base, picture.pict_type = number, self._context.time_base, 0
        yield from self._collect(self._context.encode(picture))

    def finish(self) -> Iterator[Fragment]:
        """Yield everything that is left; the encoder cannot be used afterwards."""
        if self._taken:
            yield from self._collect(self._context.encode(None))
        if self._packets:
            yield self._fragment()

    def _collect(self, packets: list[Any]) -> Iterator[Fragment]:
        for packet in packets:
            self._packets.append(packet)
            if len(self._packets) == self._rung.gop_frames:
                yield self._fragment()

    def _fragment(self) -> Fragment:
        packets, first, ticks = self._packets, self._gop_first, self._rate.denominator
        self._packets = []
        self._gop_first += len(packets)
        bodies = [slices_only(bytes(packet)) for packet in packets]
        samples = tuple(
            SampleEntry(len(body), ticks, (packet.pts - first - number) * ticks, bool(packet.is_keyframe))
            for number, (packet, body) in enumerate(zip(packets, bodies, strict=True))
        )
        return Fragment(self._rung.name, first, samples, b"".join(bodies))


def slices_only(access_unit: bytes) -> bytes:
    """Return an access unit (4-byte lengths) without anything but its slices."""
    kept, place = [], 0
    while place + 5 <= len(access_unit):
        end = place + 4 + int.from_bytes(access_unit[place : place + 4], "big")
        if access_unit[place + 4] & 0x1F in _SLICES:
            kept.append(access_unit[place:end])
        place = end
    return b"".join(kept)


def _context(rung: Rung, rate: FrameRate, threads: int) -> Any:
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = rung.width_px, rung.height_px, "yuv420p"
    context.time_base, context.framerate = Fraction(rate.denominator, rate.numerator), rate.fraction
    context.sample_aspect_ratio = Fraction(1)
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    # libx264 cuts pictures into slices for threads unless told otherwise: slower, larger, 42 subsamples at most fit.
    context.thread_type, context.thread_count = "FRAME", threads
    context.flags |= int(av.codec.context.Flags.global_header) | int(av.codec.context.Flags.closed_gop)
    gop = f"keyint={rung.gop_frames}:min-keyint={rung.gop_frames}:scenecut=0:open-gop=0"
    context.options = {
        "preset": PRESET,
        "profile": "high",
        "crf": str(rung.crf),
        "maxrate": str(rung.max_bps),
        "bufsize": str(rung.max_bps * _BUFFER_SECONDS),
        "x264-params": f"{gop}:annexb=0:stitchable=1:force-cfr=1",
    }
    try:
        context.open()
    except av.error.FFmpegError as error:
        raise Refused("unsupported", f"{rung.width_px} by {rung.height_px} pixels") from error
    return context
