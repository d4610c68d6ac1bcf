"""What a track is, read from its decoder configuration alone, so that an init segment can be made again. Pure; no I/O.

Names follow RFC 6381; AudioSpecificConfig follows ISO/IEC 14496-3, 1.6.2.1. Only H.264 and AAC-LC are known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, assert_never

from reelkeep.media import TrackKind
from reelkeep.packaging.avcc import parse_avcc
from reelkeep.packaging.bits import BadBitstream, BitReader
from reelkeep.packaging.h264 import Colour, Pps, Sps

MAX_AUDIO_CONFIG_BYTES: Final = 64
MAX_TIMESCALE: Final = (1 << 31) - 1
_AAC_LC: Final = 2
_RATES_HZ: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8}  # 14496-3, table 1.19


@dataclass(frozen=True)
class TrackConfig:
    """One track of one rendition. Made by ``video_track`` and ``audio_track``."""

    kind: TrackKind
    timescale: int  # video: the numerator of the frame rate; audio: samples a second
    codec_config: bytes  # avcC or AudioSpecificConfig
    codecs: str  # RFC 6381
    width_px: int = 0
    height_px: int = 0
    channels: int = 0
    colour: Colour | None = None
    parameter_sets: dict[int, tuple[Sps, Pps]] = field(default_factory=dict, repr=False)


def video_track(avcc: bytes, timescale: int) -> TrackConfig:
    """Return the track of an AVCDecoderConfigurationRecord.

    Raises:
        BadBitstream: it is none, or of a kind that cannot be packaged.
    """
    if not 0 < timescale <= MAX_TIMESCALE:
        raise BadBitstream("the timescale of a track is out of its range")
    config = parse_avcc(avcc)
    sps = config.sps
    return TrackConfig(
        TrackKind.VIDEO, timescale, avcc, config.codecs, sps.width_px, sps.height_px, 0, sps.colour,
        config.parameter_sets,
    )  # fmt: skip


def audio_track(audio_specific_config: bytes) -> TrackConfig:
    """Return the track of an AudioSpecificConfig; its timescale is the sample rate.

    >>> track = audio_track(bytes.fromhex("1190"))
    >>> track.timescale, track.channels, track.codecs
    (48000, 2, 'mp4a.40.2')

    Raises:
        BadBitstream: it is none, or not of AAC-LC.
    """
    if len(audio_specific_config) > MAX_AUDIO_CONFIG_BYTES:
        raise BadBitstream("an audio configuration is too long")
    reader = BitReader(audio_specific_config)
    object_type, rate_index, channel_index = reader.bits(5), reader.bits(4), reader.bits(4)
    if object_type != _AAC_LC or rate_index >= len(_RATES_HZ) or channel_index not in _CHANNELS:
        raise BadBitstream("an audio configuration is not one of AAC-LC")
    return TrackConfig(
        TrackKind.AUDIO, _RATES_HZ[rate_index], audio_specific_config, f"mp4a.40.{_AAC_LC}",
        channels=_CHANNELS[channel_index],
    )  # fmt: skip


def track_of(kind: TrackKind, codec_config: bytes, timescale: int) -> TrackConfig:
    """Return the track of a rendition as the database keeps it.

    Raises:
        BadBitstream: the configuration is not one of this kind and timescale.
    """
    match kind:
        case TrackKind.VIDEO:
            return video_track(codec_config, timescale)
        case TrackKind.AUDIO:
            track = audio_track(codec_config)
            if track.timescale != timescale:
                raise BadBitstream("the timescale of an audio track is not its sample rate")
            return track
        case _:
            assert_never(kind)
