"""The part of the codec's protocol that carries encoded samples: tracks and their fragments. Pure; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.media import AUDIO_SEGMENT_AAC_FRAMES, SEGMENT_FRAMES, TrackKind, is_sound
from reelkeep.transcode.fields import (
    MAX_AUDIO_SAMPLES,
    MAX_CONFIG_BYTES,
    MAX_EDGE_PX,
    MAX_SAMPLE_BYTES,
    MAX_TICKS,
    RENDITION_NAME,
    Fields,
    bodyless,
    integer,
)


@dataclass(frozen=True)
class Track:
    """How to decode one rendition; comes before its first fragment.

    ``codec_config`` is the AVCDecoderConfigurationRecord (ISO/IEC 14496-15) or the AudioSpecificConfig (14496-3).
    Video: ``timescale`` is the rate's numerator and ``sample_ticks`` its denominator. Audio: 48,000 and 1,024, with
    ``priming_samples`` of silence at the start that a player must leave out.
    """

    rendition: str
    kind: TrackKind
    codec_config: bytes
    timescale: int
    sample_ticks: int
    width_px: int = 0
    height_px: int = 0
    channels: int = 0
    priming_samples: int = 0

    def message(self) -> Message:
        fields = {name: value for name, value in vars(self).items() if name != "kind"}
        return Message("track", {**fields, "kind_of_track": self.kind.value, "codec_config": self.codec_config.hex()})

    @staticmethod
    def parse(message: Message) -> Track:
        fields = bodyless(message)
        name = fields.word("rendition", RENDITION_NAME)
        kind = TrackKind.AUDIO if is_sound(name) else TrackKind.VIDEO
        if fields.take("kind_of_track") != kind.value:
            raise BadFrame("a track's kind contradicts its name")
        config = fields.word("codec_config", re.compile(rf"(?:[0-9a-f]{{2}}){{2,{MAX_CONFIG_BYTES}}}"))
        least_px = 0 if kind is TrackKind.AUDIO else 2
        track = Track(
            rendition=name,
            kind=kind,
            codec_config=bytes.fromhex(config),
            timescale=fields.integer("timescale", 1, 10_000_000),
            sample_ticks=fields.integer("sample_ticks", 1, 1_000_000),
            width_px=fields.integer("width_px", least_px, MAX_EDGE_PX),
            height_px=fields.integer("height_px", least_px, MAX_EDGE_PX),
            channels=fields.integer("channels", 0, 2),
            priming_samples=fields.integer("priming_samples", 0, 4_096),
        )
        fields.end()
        return track


@dataclass(frozen=True)
class SampleEntry:
    """One sample in decode order; ``cts_offset`` may be negative, so that presentation starts at exactly 0."""

    size: int
    duration: int
    cts_offset: int
    sync: bool


@dataclass(frozen=True)
class Fragment:
    """One closed GOP (12 frames on the step rung, else 48; the last may be shorter) or up to 94 AAC frames.

    ``first`` is the number of its first frame on the rendition's grid: video frames or AAC frames. Fragments of one
    rendition come in order without a hole, the first one at the plan's resume point. The body is the samples' bytes
    back to back: length-prefixed NAL units (4 bytes) or raw AAC.
    """

    rendition: str
    first: int
    samples: tuple[SampleEntry, ...]
    body: bytes = field(repr=False)

    def message(self) -> Message:
        rows = [[s.size, s.duration, s.cts_offset, int(s.sync)] for s in self.samples]
        return Message("fragment", {"rendition": self.rendition, "first": self.first, "samples": rows}, self.body)

    @staticmethod
    def parse(message: Message) -> Fragment:
        fields = Fields(message.fields)
        name = fields.word("rendition", RENDITION_NAME)
        first = fields.integer("first", 0, MAX_AUDIO_SAMPLES)
        rows = fields.take("samples")
        fields.end()
        most = AUDIO_SEGMENT_AAC_FRAMES if is_sound(name) else SEGMENT_FRAMES
        if not isinstance(rows, list) or not 1 <= len(rows) <= most:
            raise BadFrame("a fragment has no samples, or more than a segment holds")
        samples = tuple(_sample(row) for row in rows)
        if sum(sample.size for sample in samples) != len(message.body):
            raise BadFrame("a fragment's bytes are not what its samples add up to")
        _check_order(samples)
        return Fragment(name, first, samples, message.body)


def _sample(row: Any) -> SampleEntry:
    if not isinstance(row, list) or len(row) != 4:
        raise BadFrame("a sample is not described by four numbers")
    size, duration, cts_offset, sync = row
    return SampleEntry(
        size=integer(size, 1, MAX_SAMPLE_BYTES),
        duration=integer(duration, 1, 1_000_000),
        cts_offset=integer(cts_offset, -MAX_TICKS, MAX_TICKS),
        sync=bool(integer(sync, 0, 1)),
    )


def _check_order(samples: tuple[SampleEntry, ...]) -> None:
    """A closed GOP shows exactly the times it covers: one sync sample first, presentation from 0 without a hole."""
    ticks = samples[0].duration
    shown = sorted(number * ticks + sample.cts_offset for number, sample in enumerate(samples))
    if any(sample.duration != ticks for sample in samples) or shown != [n * ticks for n in range(len(samples))]:
        raise BadFrame("a fragment's samples do not fill its time")
    if not samples[0].sync:
        raise BadFrame("a fragment does not start with a sync sample")
