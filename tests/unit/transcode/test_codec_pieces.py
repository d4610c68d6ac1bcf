"""The codec's pure pieces: the grid, rates, timecode, whole files, access units."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.media import FrameRate
from reelkeep.transcode.codec.grid import Grid, output_rate
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.timecode import parse_timecode
from reelkeep.transcode.codec.video_encoder import slices_only
from reelkeep.transcode.codec.whole import check_whole

NTSC = FrameRate(30000, 1001)


class Held:
    """Bytes that can be read at a place."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        return len(self._content)

    def read_at(self, offset: int, length: int) -> bytes:
        assert offset + length <= len(self._content)
        return self._content[offset : offset + length]


def placed(times: list[Fraction], rate: Fraction) -> list[tuple[int, int]]:
    grid: Grid[int] = Grid(rate, times[0])
    out = [pair for number, time in enumerate(times) for pair in grid.place(number, time)]
    return [*out, *grid.end()]


@given(
    st.integers(1, 200),
    st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)]),
    st.fractions(0, 9),
)
def test_a_constant_rate_passes_unchanged(count: int, rate: Fraction, origin: Fraction) -> None:
    assert placed([origin + n / rate for n in range(count)], rate) == [(n, n) for n in range(count)]


@given(st.lists(st.fractions(0, 4), min_size=1, max_size=40))
def test_the_grid_has_no_hole_and_never_goes_back(times: list[Fraction]) -> None:
    out = placed(sorted(times), Fraction(24))
    assert [place for place, _ in out] == list(range(len(out)))
    assert [frame for _, frame in out] == sorted(frame for _, frame in out)


def test_a_clock_rounded_to_milliseconds_does_not_shift_a_frame() -> None:
    rate = Fraction(24000, 1001)
    assert placed([Fraction(round(n / rate * 1000), 1000) for n in range(500)], rate) == [(n, n) for n in range(500)]


def test_a_clock_that_jumps_far_is_refused() -> None:
    with pytest.raises(ValueError, match="jump"):
        placed([Fraction(0), Fraction(100_000)], Fraction(24))


@pytest.mark.parametrize(
    ("guess", "rate"),
    [
        (Fraction(23976, 1000), Fraction(24000, 1001)),
        (Fraction(24), Fraction(24)),
        (Fraction(29970, 1000), Fraction(30000, 1001)),
        (Fraction(240), Fraction(120)),
        (Fraction(18), Fraction(18)),
    ],
)
def test_a_rate_is_moved_to_the_standard_one_it_stands_for(guess: Fraction, rate: Fraction) -> None:
    assert output_rate(guess) == rate


def test_a_clock_rate_is_not_taken_for_a_frame_rate() -> None:
    assert output_rate(Fraction(90_000), None, Fraction(25)) == 25
    assert output_rate(None) is None


@given(st.integers(0, 2_589_407))
def test_drop_frame_text_and_number_are_each_others_reverse(frame: int) -> None:
    from reelkeep.media import Timecode

    assert parse_timecode(Timecode(frame, NTSC, True).text(), NTSC) == Timecode(frame, NTSC, True)


@pytest.mark.parametrize("text", ["", "24:00:00:00", "00:00:00:30", "0:0:0:0", "00:61:00:00", "hello"])
def test_what_is_no_timecode_is_none(text: str) -> None:
    assert parse_timecode(text, NTSC) is None


def test_only_slices_stay_in_an_access_unit() -> None:
    def unit(kind: int, size: int) -> bytes:
        return (size + 1).to_bytes(4, "big") + bytes([kind]) + b"x" * size

    slices = unit(0x65, 9) + unit(0x65, 4)
    assert slices_only(unit(0x09, 1) + unit(0x06, 30) + slices + unit(0x67, 5)) == slices


BOX = b"\0\0\0\x10ftypisom\0\0\0\0"


@pytest.mark.parametrize(
    "content",
    [BOX + b"\0\0\0\x20mdat1234", BOX, BOX + b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", BOX + b"\0\0\0\0mdat1234"],
    ids=["ends within a box", "no index", "ends within a large box", "open end and no index"],
)
def test_a_film_without_its_end_is_told_from_its_boxes(content: bytes) -> None:
    with pytest.raises(Refused) as caught:
        check_whole(Held(content), "mov")
    assert caught.value.reason == "cut_off"


def test_a_whole_film_with_a_few_bytes_behind_it_is_whole() -> None:
    check_whole(Held(BOX + b"\0\0\0\x08moov" + b"\0\0\0\x08mdat" + bytes(5)), "mov")
    check_whole(Held(b"RIFF\x04\0\0\0WAVE"), "wav")


def test_a_riff_file_shorter_than_it_says_is_cut_off() -> None:
    with pytest.raises(Refused):
        check_whole(Held(b"RIFF\xff\0\0\0WAVE"), "wav")
