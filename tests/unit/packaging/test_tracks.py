from __future__ import annotations

import contextlib
import dataclasses
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.encoded import Encoded, aac, h264

from reelkeep.media import TrackKind
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.tracks import audio_track, track_of, video_track


@cache
def video() -> Encoded:
    return h264(2)


def test_a_track_is_read_from_its_configuration_alone() -> None:
    track = video().track
    assert (track.width_px, track.height_px, track.timescale) == (640, 272, 24_000)
    assert track_of(TrackKind.VIDEO, track.codec_config, 24_000) == track
    sound = aac(0.1).track
    assert (sound.codecs, sound.channels, sound.timescale) == ("mp4a.40.2", 2, 48_000)
    assert track_of(TrackKind.AUDIO, sound.codec_config, 48_000) == sound


def test_codecs_names_profile_constraints_and_level() -> None:
    track = video().track
    assert track.codecs == f"avc1.{track.codec_config[1:4].hex()}"


def test_a_timescale_out_of_range_or_another_s_is_refused() -> None:
    for timescale in (0, -1, 1 << 31):
        with pytest.raises(BadBitstream, match="timescale"):
            video_track(video().track.codec_config, timescale)
    with pytest.raises(BadBitstream, match="sample rate"):
        track_of(TrackKind.AUDIO, bytes.fromhex("1190"), 44_100)


@pytest.mark.parametrize("config", ["", "11", "2b92", "1780", "11f8", "1180", "1190" + "00" * 64])
def test_other_audio_configurations_are_refused(config: str) -> None:
    with pytest.raises(BadBitstream):
        audio_track(bytes.fromhex(config))


@given(st.binary(max_size=80))
def test_hostile_configurations_are_read_or_refused(config: bytes) -> None:
    for kind in TrackKind:
        with contextlib.suppress(BadBitstream):
            track_of(kind, config, 48_000)


def test_a_track_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        video().track.width_px = 1  # type: ignore[misc]
