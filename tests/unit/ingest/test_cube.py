"""LUT files: what programs write is read, and what is broken is said in one sentence that names the line."""

from __future__ import annotations

import numpy as np
import pytest

from reelkeep.errors import sentence
from reelkeep.ingest.cube import MAX_CUBE_BYTES, NotACube, parse_cube
from reelkeep.luts import MAX_POINTS, Shaper

ROWS = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
TWO = "LUT_3D_SIZE 2\n" + "\n".join(ROWS) + "\n"


def numbers(text: str) -> np.ndarray:
    lut = parse_cube(text.encode()).lut
    return np.frombuffer(lut.numbers, "<f4").reshape(lut.points, lut.points, lut.points, 3)


def test_a_plain_file_is_read_with_red_changing_fastest() -> None:
    assert numbers(TWO)[0, 0, 1].tolist() == [1, 0, 0]
    assert numbers(TWO)[1, 0, 0].tolist() == [0, 0, 1]
    lut = parse_cube(TWO.encode()).lut
    assert (lut.points, lut.domain_min, lut.domain_max) == (2, (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TWO,
        TWO.replace("\n", "\r\n"),
        TWO.replace("\n", "\r"),
        TWO.removesuffix("\n"),
        "# made by hand: é\n\n" + TWO.replace("1 1 1", "  1.0\t1e0   .1E+1 \t\n# the end"),
        TWO.replace("LUT_3D_SIZE 2", "  LUT_3D_SIZE   2  "),
        TWO.replace("LUT_3D_SIZE 2", 'TITLE "x"\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1. 1\nLUT_3D_SIZE 2'),
        TWO.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0.0 1.0"),
        "# " + "x" * 5_000 + "\n" + TWO,
    ],
)
def test_what_programs_write_around_the_numbers_changes_nothing(text: str) -> None:
    assert parse_cube(text.encode()).lut == parse_cube(TWO.encode()).lut


def test_title_and_domain_are_those_of_the_file() -> None:
    head = 'TITLE "Night \u202elook\x07"\nDOMAIN_MIN -0.5 0 0.25\nDOMAIN_MAX 4 2e0 1\n'
    cube = parse_cube((head + TWO).encode())
    assert (cube.title, cube.lut.domain_min, cube.lut.domain_max) == ("Night look", (-0.5, 0, 0.25), (4, 2, 1))
    assert parse_cube(b"LUT_3D_INPUT_RANGE -1 3\n" + TWO.encode()).lut.domain_max == (3, 3, 3)


def test_a_file_with_as_many_points_as_programs_write_fits() -> None:
    line = "0.1234567890 0.1234567890 0.1234567890\n"
    text = f"LUT_3D_SIZE {MAX_POINTS}\n" + line * MAX_POINTS**3
    assert len(text) <= MAX_CUBE_BYTES
    assert np.allclose(numbers(text), 0.123456789)


def test_a_shaper_comes_before_its_cube_with_a_domain_of_its_own() -> None:
    head = "LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE -0.5 4\nLUT_3D_INPUT_RANGE 0 2\n"
    lut = parse_cube(
        (head + TWO.replace("LUT_3D_SIZE 2\n", "LUT_3D_SIZE 2\n0 0.1 0.2\n1 1.1 1.2\n2 1.9 1.8\n")).encode()
    ).lut
    assert lut.shaper is not None
    assert (lut.shaper.low, lut.shaper.high, lut.shaper.points) == (-0.5, 4, 3)
    rows = np.frombuffer(lut.shaper.numbers, "<f4").reshape(3, 3)
    assert np.allclose(rows, [[0, 0.1, 0.2], [1, 1.1, 1.2], [2, 1.9, 1.8]])
    plain = parse_cube(("LUT_3D_INPUT_RANGE 0 2\n" + TWO).encode()).lut
    assert (lut.numbers, lut.domain_max) == (plain.numbers, (2, 2, 2))
    assert parse_cube(("LUT_1D_SIZE 8\n" + TWO + "\n".join(ROWS)).encode()).lut.shaper == Shaper(0, 1, plain.numbers)


BAD = {
    "the file is empty": b"",
    "the file ends before its numbers begin": b"# nothing\n",
    "LUT_3D_SIZE is not a whole number from 2 to 65": TWO.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE 66").encode(),
    "LUT_3D_SIZE is not a whole": TWO.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE -2").encode(),
    "LUT_3D_SIZE is not": b"LUT_3D_SIZE\n0 0 0\n",
    "does not say LUT_3D_SIZE": "\n".join(ROWS).encode(),
    "a one-dimensional table alone": b"LUT_1D_SIZE 2\n0 0 0\n1 1 1\n",
    "does not say whose domain": b"DOMAIN_MAX 1 1 1\nLUT_1D_SIZE 2\n" + TWO.encode(),
    "LUT_1D_SIZE is not a whole number from 2 to 65536": b"LUT_1D_SIZE 65537\n" + TWO.encode(),
    "LUT_1D_SIZE is not a whole": b"LUT_1D_SIZE 1\n" + TWO.encode(),
    "LUT_1D_SIZE is not": b"LUT_1D_INPUT_RANGE 0 1\n" + TWO.encode(),
    "LUT_1D_INPUT_RANGE does not rise": b"LUT_1D_SIZE 8\nLUT_1D_INPUT_RANGE 1 1\n" + (TWO + TWO[14:]).encode(),
    "LUT_3D_INPUT_RANGE does not rise": b"LUT_3D_INPUT_RANGE 1 0\n" + TWO.encode(),
    "has 8 lines of numbers, and LUT_1D_SIZE and LUT_3D_SIZE ask for 10": b"LUT_1D_SIZE 2\n" + TWO.encode(),
    "line 2 says LUT_3D_SIZE for the second time": b"LUT_3D_SIZE 2\n" + TWO.encode(),
    "keyword LUT_IN_VIDEO_RANGE": b"LUT_IN_VIDEO_RANGE\n" + TWO.encode(),
    "line 1 is neither": b"<html>\n",
    "line 3 is not three numbers": TWO.replace("1 0 0", "1 0").encode(),
    "line 4 is not three numbers": TWO.replace("0 1 0", "0 nan 0").encode(),
    "line 9 is not three": TWO.replace("1 1 1", "1 1 inf").encode(),
    "line 9 is not": TWO.replace("1 1 1", "1 1 1_0").encode(),
    "line 9 is": TWO.replace("1 1 1", "1 1 0x1").encode(),
    "line 9": TWO.replace("1 1 1", "1 1 \u0661").encode(),
    "line 10 is not three numbers": (TWO + "LUT_3D_SIZE 2\n").encode(),
    "out of all bounds": TWO.replace("1 1 1", "1 1 1e9").encode(),
    "a number of the table is out": TWO.replace("1 1 1", "1 1 1e999").encode(),
    "has 7 lines of numbers, and LUT_3D_SIZE asks for 8": TWO.replace("1 1 1\n", "").encode(),
    "more than the 8 lines": (TWO + "1 1 1\n").encode(),
    "line 10 is longer than the 250 bytes": (TWO + " " * 246 + "1 1 1\n").encode(),
    "line 1 is longer": b"A" * 251,
    "DOMAIN_MIN is not followed by three numbers": b"DOMAIN_MIN 0 0\n" + TWO.encode(),
    "DOMAIN_MIN is not below DOMAIN_MAX": b"DOMAIN_MAX 1 1 0\n" + TWO.encode(),
    "DOMAIN_MIN is not below": b"DOMAIN_MAX 1e38 1e38 1e38\n" + TWO.encode(),
    "LUT_3D_INPUT_RANGE is not followed by two": b"LUT_3D_INPUT_RANGE 0\n" + TWO.encode(),
    "domain twice": b"LUT_3D_INPUT_RANGE 0 1\nDOMAIN_MIN 0 0 0\n" + TWO.encode(),
    "lines": b"\n" * (MAX_CUBE_BYTES - 1),
    "larger than 12 MiB": b"#" * (MAX_CUBE_BYTES + 1),
    "line 1": bytes(range(128, 200)),
    "neither a keyword": b"\0" * 40,
}


@pytest.mark.parametrize("words", BAD)
def test_a_broken_file_is_refused_in_one_sentence(words: str) -> None:
    with pytest.raises(NotACube) as refused:
        parse_cube(BAD[words])
    said = sentence(refused.value.message)
    assert words in refused.value.message
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 160
    assert said.count(".") <= 2  # ".cube" has one
    assert refused.value.advice()
