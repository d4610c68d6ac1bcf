"""One rung's encoder: H.264 High in closed GOPs on the grid, given back as whole fragments in AVCC form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av

from reelkeep.media import FrameRate, Rung, TrackKind
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.processors import x264_instructions
from reelkeep.transcode.codec.splice import slices_of
from reelkeep.transcode.protocol import Fragment, SampleEntry, Track

PRESET: Final = "veryfast"
_BT709: Final = 1  # ITU-T H.273, for primaries, transfer and matrix alike
_LIMITED: Final = 1  # AVCOL_RANGE_MPEG
_BUFFER_SECONDS: Final = 2


class VideoEncoder:
    """Encodes frames of consecutive grid numbers from ``first`` on; a GOP begins at every ``gop_frames`` after it.

    Any instance made for the same rung and rate has the same SPS and PPS, so that fragments of several fit one track.
    """

    def __init__(self, rung: Rung, rate: FrameRate, first: int) -> None:
        self._rung = rung
        self._rate = rate
        self.first = first
        self._gop_first = first
        self._taken = 0
        self._packets: list[Any] = []
        self._context = open_x264(rung.width_px, rung.height_px, Settings.of(rung), rate)

    def track(self) -> Track:
        """Describe the track, also before the first frame."""
        return track_of(self._rung, self._rate, self._context)

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
        packets, first = self._packets, self._gop_first
        self._packets = []
        self._gop_first += len(packets)
        return fragment_of(self._rung, self._rate, first, packets, [slices_only(bytes(packet)) for packet in packets])


@dataclass(frozen=True)
class Settings:
    """What is asked of x264 beside size and rate. ``extra`` is in the form of x264-params."""

    gop_frames: int
    crf: float
    max_bps: int
    extra: tuple[str, ...] = ()

    @staticmethod
    def of(rung: Rung) -> Settings:
        return Settings(rung.gop_frames, rung.crf, rung.max_bps)


def track_of(rung: Rung, rate: FrameRate, context: Any) -> Track:
    """Describe the track of an encoder that was opened for this rung."""
    return Track(
        rendition=rung.name,
        kind=TrackKind.VIDEO,
        codec_config=bytes(context.extradata),
        timescale=rate.numerator,
        sample_ticks=rate.denominator,
        width_px=rung.width_px,
        height_px=rung.height_px,
    )


def fragment_of(rung: Rung, rate: FrameRate, first: int, packets: Sequence[Any], bodies: Sequence[bytes]) -> Fragment:
    """Return a GOP from its frame ``first`` on: times of ``packets``, in decode order, and bytes of ``bodies``."""
    ticks = rate.denominator
    samples = tuple(
        SampleEntry(len(body), ticks, (packet.pts - first - number) * ticks, bool(packet.is_keyframe))
        for number, (packet, body) in enumerate(zip(packets, bodies, strict=True))
    )
    return Fragment(rung.name, first, samples, b"".join(bodies))


def slices_only(access_unit: bytes) -> bytes:
    """Return an access unit (4-byte lengths) without anything but its slices: SEI (x264's settings) among the rest."""
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in slices_of(access_unit))


def open_x264(width_px: int, height_px: int, settings: Settings, rate: FrameRate) -> Any:
    """Return an open encoder that makes the same bytes of the same pictures each time.

    Raises:
        Refused: x264 does not take this size.
    """
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width_px, height_px, "yuv420p"
    context.time_base, context.framerate = Fraction(rate.denominator, rate.numerator), rate.fraction
    context.sample_aspect_ratio = Fraction(1)
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    # With more, what a picture may take depends on how far other threads are with theirs, wherever the rate cap holds.
    context.thread_count = 1
    context.flags |= int(av.codec.context.Flags.global_header) | int(av.codec.context.Flags.closed_gop)
    gop = (f"keyint={settings.gop_frames}", f"min-keyint={settings.gop_frames}", "scenecut=0", "open-gop=0")
    form = ("annexb=0", "stitchable=1", "force-cfr=1")
    context.options = {
        "preset": PRESET,
        "profile": "high",
        "crf": str(settings.crf),
        "maxrate": str(settings.max_bps),
        "bufsize": str(settings.max_bps * _BUFFER_SECONDS),
        "x264-params": ":".join((*gop, *form, *x264_instructions(), *settings.extra)),
    }
    try:
        context.open()
    except av.error.FFmpegError as error:
        raise Refused("unsupported", f"{width_px} by {height_px} pixels") from error
    return context
