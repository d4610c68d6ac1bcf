"""A rendition's track is believed only as far as its codec configuration and the plan agree."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import pytest

from reelkeep.errors import IsolationError
from reelkeep.isolation.channel import BadFrame
from reelkeep.media import FrameRate, Rung, TrackKind
from reelkeep.packaging.avcc import avcc_from_annex_b
from reelkeep.transcode.protocol import Track
from reelkeep.transcode.rendition import checked_config

RATE = FrameRate(24_000, 1_001)
RUNG = Rung("v360", 640, 360, 12, 23.0, 1_000_000, is_step=True)
AAC_LC_48K_STEREO = bytes.fromhex("1190")
SOUND = Track("a1", TrackKind.AUDIO, AAC_LC_48K_STEREO, 48_000, 1_024, channels=2, priming_samples=1_024)


@pytest.fixture(scope="module")
def picture() -> Track:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1_001, 24_000), Fraction(24_000, 1_001)
    encoder.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: parameter sets in extradata
    encoder.open()
    config = avcc_from_annex_b(bytes(encoder.extradata))
    return Track("v360", TrackKind.VIDEO, config, 24_000, 1_001, width_px=640, height_px=360)


def test_a_track_as_planned_is_taken(picture: Track) -> None:
    config = checked_config(picture, RUNG, RATE)
    assert (config.width_px, config.height_px, config.timescale) == (640, 360, 24_000)
    assert checked_config(SOUND, None, RATE).timescale == 48_000


@pytest.mark.parametrize(
    "change", [{"timescale": 25_000}, {"sample_ticks": 1_000}], ids=["another timescale", "other frame durations"]
)
def test_another_frame_rate_is_refused(picture: Track, change: dict[str, int]) -> None:
    with pytest.raises(BadFrame):
        checked_config(replace(picture, **change), RUNG, RATE)


def test_a_size_that_the_parameter_sets_do_not_have_is_refused(picture: Track) -> None:
    with pytest.raises(BadFrame):
        checked_config(picture, replace(RUNG, width_px=1_280, height_px=720), RATE)


@pytest.mark.parametrize("change", [{"timescale": 44_100}, {"sample_ticks": 960}, {"priming_samples": 0}])
def test_sound_off_its_grid_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(BadFrame):
        checked_config(replace(SOUND, **change), None, RATE)


@pytest.mark.parametrize("config", [b"\0\0", b"\xff" * 40, bytes.fromhex("1210")], ids=["zeros", "ones", "44.1 kHz"])
def test_a_configuration_that_is_none_is_refused(config: bytes, picture: Track) -> None:
    for track, rung in ((picture, RUNG), (SOUND, None)):
        with pytest.raises(IsolationError):
            checked_config(replace(track, codec_config=config), rung, RATE)
