from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep import media
from reelkeep.media import FrameRate, Timecode

NTSC, NTSC_60, PAL, FILM = FrameRate(30000, 1001), FrameRate(60000, 1001), FrameRate(25, 1), FrameRate(24000, 1001)


@pytest.mark.parametrize(
    ("rate", "nominal"),
    [(FILM, 24), (FrameRate(24, 1), 24), (PAL, 25), (NTSC, 30), (NTSC_60, 60), (FrameRate(1, 10), 1)],
)
def test_a_timecode_second_counts_whole_frames(rate: FrameRate, nominal: int) -> None:
    assert rate.nominal == nominal


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (24, 0), (-24, 1), (24, -1)])
def test_a_rate_is_a_positive_fraction(numerator: int, denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        FrameRate(numerator, denominator)


@pytest.mark.parametrize(
    ("frame", "rate", "drop_frame", "text"),
    [
        (0, PAL, False, "00:00:00:00"),
        (90_000, PAL, False, "01:00:00:00"),
        (86_400, FILM, False, "01:00:00:00"),  # non-drop: the count of frames, not of seconds
        (1_799, NTSC, True, "00:00:59;29"),
        (1_800, NTSC, True, "00:01:00;02"),
        (3_597, NTSC, True, "00:01:59;29"),
        (3_598, NTSC, True, "00:02:00;02"),
        (17_981, NTSC, True, "00:09:59;29"),
        (17_982, NTSC, True, "00:10:00;00"),
        (107_892, NTSC, True, "01:00:00;00"),
        (3_600, NTSC_60, True, "00:01:00;04"),
        (35_964, NTSC_60, True, "00:10:00;00"),
        (24 * 86_400, FILM, False, "00:00:00:00"),  # midnight begins anew
        (2_589_408, NTSC, True, "00:00:00;00"),
    ],
)
def test_timecodes_are_those_of_st_12_1(frame: int, rate: FrameRate, drop_frame: bool, text: str) -> None:
    assert Timecode(frame, rate, drop_frame).text() == text


@pytest.mark.parametrize("rate", [NTSC, NTSC_60])
def test_drop_frame_skips_numbers_and_never_repeats_one(rate: FrameRate) -> None:
    frames = rate.nominal * 60 * 21
    seen = [Timecode(0, rate, drop_frame=True).text(frame) for frame in range(frames)]
    assert len(set(seen)) == frames
    assert seen == sorted(seen)
    dropped = {f"00:{minute:02d}:00;{number:02d}" for minute in range(21) for number in range(rate.nominal // 15)}
    assert dropped & set(seen) == {text for text in dropped if text[4] == "0"}


def test_drop_frame_stays_within_a_frame_of_the_clock_over_an_hour() -> None:
    one_hour = round(3600 * NTSC.fraction)
    assert Timecode(0, NTSC, drop_frame=True).text(one_hour) == "01:00:00;00"


@given(start=st.integers(0, 2_000_000), offset=st.integers(0, 100_000), drop_frame=st.booleans())
def test_an_offset_counts_from_the_start(start: int, offset: int, drop_frame: bool) -> None:
    moved = Timecode(start + offset, NTSC, drop_frame).text()
    assert Timecode(start, NTSC, drop_frame).text(offset) == moved


def test_the_grid_fits_together() -> None:
    assert media.SEGMENT_FRAMES % media.STEP_GOP_FRAMES == media.SEGMENT_FRAMES % media.GOP_FRAMES == 0
    assert media.FIRST_STEP_SEGMENT_FRAMES % media.STEP_GOP_FRAMES == 0
    audio_segment = Fraction(media.AUDIO_SEGMENT_AAC_FRAMES * media.AUDIO_FRAME_SAMPLES, media.AUDIO_RATE_HZ)
    assert abs(audio_segment - 2) < Fraction(1, 100)
    assert NTSC.fraction == Fraction(30000, 1001)
