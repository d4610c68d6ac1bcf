"""Segments on the grid: complete, in order, and nothing a codec says gets past it."""

from __future__ import annotations

import pytest

from reelkeep.isolation.channel import BadFrame
from reelkeep.media import TrackKind
from reelkeep.transcode.grid import Assembler, Grid
from reelkeep.transcode.protocol import Fragment, SampleEntry

STEP, LARGE, AUDIO = Grid(TrackKind.VIDEO, is_step=True), Grid(TrackKind.VIDEO), Grid(TrackKind.AUDIO)


def fragment(first: int, frames: int) -> Fragment:
    return Fragment("v360", first, tuple(SampleEntry(1, 1, 0, True) for _ in range(frames)), bytes(frames))


@pytest.mark.parametrize("grid", [STEP, LARGE, AUDIO])
def test_segments_cover_every_frame_once(grid: Grid) -> None:
    covered = [frame for number in range(6) for frame in range(grid.start(number), grid.start(number + 1))]
    assert covered == list(range(grid.start(6)))
    assert [grid.number(frame) for frame in covered] == sorted(grid.number(frame) for frame in covered)
    assert all(grid.start(grid.number(frame)) <= frame for frame in covered)


def test_the_step_rung_publishes_its_first_twelve_frames_alone() -> None:
    assembler = Assembler(STEP, 0)
    first = assembler.add(fragment(0, 12))
    assert first is not None
    assert (first.number, len(first.samples)) == (0, 12)
    made = [assembler.add(fragment(12 * gop, 12)) for gop in range(1, 8)]
    assert [(each.number, each.first, len(each.samples)) for each in made if each] == [(1, 12, 36), (2, 48, 48)]


def test_a_resumed_step_rung_goes_on_in_whole_segments() -> None:
    assembler = Assembler(STEP, 96)
    made = [assembler.add(fragment(96 + 12 * gop, 12)) for gop in range(4)]
    assert made[:3] == [None] * 3
    assert made[3] is not None
    assert made[3].number == 3


def test_the_last_segment_may_be_short_and_nothing_follows_it() -> None:
    assembler = Assembler(LARGE, 0)
    assert assembler.add(fragment(0, 24)) is None
    assert assembler.add(fragment(24, 24)) is not None
    assert assembler.add(fragment(48, 5)) is None
    with pytest.raises(BadFrame):
        assembler.add(fragment(53, 43))
    last = assembler.finish()
    assert last is not None
    assert (last.number, last.first, len(last.samples)) == (1, 48, 5)
    assert assembler.finish() is None


@pytest.mark.parametrize(("first", "frames"), [(48, 48), (0, 13), (1, 12)], ids=["a hole", "too long", "off the grid"])
def test_a_fragment_off_its_place_breaks_the_protocol(first: int, frames: int) -> None:
    with pytest.raises(BadFrame):
        Assembler(STEP, 0).add(fragment(first, frames))


def test_a_fragment_that_comes_twice_breaks_the_protocol() -> None:
    assembler = Assembler(LARGE, 0)
    assembler.add(fragment(0, 24))
    with pytest.raises(BadFrame):
        assembler.add(fragment(0, 24))


def test_audio_has_94_frames_to_a_segment() -> None:
    made = Assembler(AUDIO, 94).add(fragment(94, 94))
    assert made is not None
    assert (made.number, made.first) == (1, 94)
