"""The times of an original's pictures: kept where the rate is not constant, in the order of presentation, bounded."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.codec_runs import run_codec
from tests.media.originals import make_original

from reelkeep.transcode import picture_times, protocol
from reelkeep.transcode.codec.times import PictureTimes
from reelkeep.transcode.fields import MAX_RUNS

MILLISECONDS = Fraction(1, 1000)
FILM = Fraction(24000, 1001)


def message(ticks: list[int], rate: Fraction = Fraction(25), frames: int | None = None) -> protocol.Times | None:
    times = PictureTimes()
    for each in ticks:
        times.add(each)
    return times.message(MILLISECONDS, rate, ticks[0] * MILLISECONDS, len(ticks) if frames is None else frames)


def steps(times: protocol.Times) -> list[int]:
    return [ticks for ticks, count in struct.iter_unpack("<II", times.body) for _ in range(count)]


@pytest.mark.parametrize("rate", [FILM, Fraction(25), Fraction(60000, 1001), Fraction(120)])
def test_the_rounding_of_a_clock_is_no_variable_rate_in_two_hours_of_film(rate: Fraction) -> None:
    assert message([round(1000 * n / rate) for n in range(round(7_200 * rate))], rate) is None


@pytest.mark.parametrize(
    ("ticks", "frames"), [([0, 40, 80, 131, 160], 5), ([0, 40, 160, 200], 6), ([0, 20, 40, 80], 3), ([5, 45, 125], 4)]
)
def test_a_picture_off_the_grid_or_one_more_or_less_is_a_variable_rate(ticks: list[int], frames: int) -> None:
    found = message(ticks, frames=frames)
    assert found is not None
    assert steps(found) == np.diff(ticks).tolist()
    assert (found.pictures, found.shortest_ticks, found.longest_ticks) == (
        len(ticks), min(np.diff(ticks)), max(np.diff(ticks)),
    )  # fmt: skip


def test_pictures_come_in_any_order_and_those_before_the_beginning_are_left_out() -> None:
    times = PictureTimes()
    for ticks in (0, 120, 40, 300, None, -40, 200):
        times.add(ticks)
    found = times.message(MILLISECONDS, Fraction(25), Fraction(0), 5)
    assert found is not None
    assert steps(found) == [40, 80, 80, 100]


def test_what_is_kept_of_hours_without_two_equal_steps_is_bounded() -> None:
    jitter = np.random.default_rng(2026).integers(4, 30, 1_300_000)
    found = message(np.cumsum(jitter).tolist(), Fraction(60))
    assert found is not None
    assert len(found.body) == MAX_RUNS * 8
    assert len(picture_times.encode(found)) < 16 << 20


def test_a_film_of_variable_rate_keeps_the_times_of_its_pictures(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 233, 300, 340, *range(380, 4_000, 40)]
    path = make_original(tmp_path / "variable.mp4", sound=None, frames=len(times), times=times)
    run = run_codec(path)
    found = run.only(protocol.Times)
    clock = Fraction(found.numerator, found.denominator)
    assert [float(step * clock * 1000) for step in steps(found)] == pytest.approx(np.diff(times).tolist(), abs=0.1)
    assert run_codec(path, resume_frame=48).only(protocol.Times) == found


@pytest.mark.parametrize("name", ["constant.mp4", "constant.mkv", "constant.ts"])
def test_a_film_of_constant_rate_keeps_none(name: str, tmp_path: Path) -> None:
    run = run_codec(make_original(tmp_path / name, frames=60, rate=FILM))
    assert run.only(protocol.Done).frames == 60
    assert run.all_of(protocol.Times) == []
