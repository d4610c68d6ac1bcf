"""LUT files of Autodesk's programs: read as libavfilter reads them, and what could be read in two ways is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph
from tests.unit.transcode.test_luts import colours_of, floats, through

from reelkeep.ingest.cube import MAX_CUBE_BYTES, NotACube
from reelkeep.ingest.mesh import parse_3dl
from reelkeep.luts import ChosenLut, LutInput, LutScope

PLACES = "0 64 128 192 256 320 384 448 512 576 640 704 768 832 896 960 1023\n"
SCALE_DIFFERENCE = 4e-4  # libavfilter takes 12 bits for 4,096 steps, where the format's white is 4,095
TWO = "0 1023\n" + "".join(f"{r} {g} {b}\n" for r in (0, 1023) for g in (0, 1023) for b in (0, 1023))


def cube(text: str) -> np.ndarray:
    lut = parse_3dl(text.encode("latin-1")).lut
    return np.frombuffer(lut.numbers, "<f4").reshape(lut.points, lut.points, lut.points, 3)


def by_libavfilter(path: Path, colours: np.ndarray) -> np.ndarray:
    frame, graph = floats(colours), Graph()
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    source: Any = graph.add_buffer(
        width=frame.width, height=frame.height, format=av.VideoFormat("gbrpf32le"), time_base=Fraction(1, 25)
    )
    lut: Any = graph.add("lut3d", f"file={path}:interp=tetrahedral")
    sink: Any = graph.add("buffersink")
    source.link_to(lut)
    lut.link_to(sink)
    graph.configure()
    source.push(frame)
    return colours_of(sink.pull())


def test_a_file_shows_what_libavfilter_shows(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    rows = chance.integers(0, 4_096, (17**3, 3))
    path = tmp_path / "show.3dl"
    path.write_text(PLACES + "".join(f"{r} {g} {b}\n" for r, g, b in rows))
    colours = chance.random((40, 32, 3)).astype(np.float32)
    lut = parse_3dl(path.read_bytes()).lut
    found = through(ChosenLut(lut, LutInput.LINEAR, LutScope.ALL), colours)
    assert np.abs(found - by_libavfilter(path, colours)).max() < SCALE_DIFFERENCE


def test_blue_changes_fastest_and_mesh_says_the_bits() -> None:
    assert cube(TWO)[1, 0, 0].tolist() == [0, 0, 1]
    assert cube(TWO)[0, 0, 1].tolist() == [1, 0, 0]
    mesh = "3DMESH\nMesh 2 12\n0 256 512 768 1023\n" + "0 0 0\n" * 124 + "4095 1023 0\n"
    assert np.allclose(cube(mesh)[-1, -1, -1], [1, 1023 / 4095, 0])
    assert np.allclose(cube(TWO.replace("1023", "4095")), cube(TWO))
    assert np.allclose(cube("# Kodak\r\n" + TWO.replace("\n", "\r\n") + "LUT8\r\ngamma 1.0\r\n"), cube(TWO))


BAD = {
    "the file is empty": b"",
    "ends before its numbers": b"3DMESH\nMesh 4 12\n",
    "line 1 is not the places of 2 to 65 points": b"<html>\n",
    "line 1 is not the places": b"0 512 1023\n1 1 1\n",
    "line 1 is not the": b" ".join(b"%d" % n for n in range(66)) + b"\n",
    "line 1 is a shaper that is not even": PLACES.replace("64", "80").encode(),
    "line 3 has not the places of the 17 points": b"3DMESH\nMesh 4 12\n0 1023\n",
    "line 1 says neither 8 nor up to 16 bits": b"Mesh 4 32\n" + PLACES.encode(),
    "more than the 8 bits that Mesh says": b"Mesh 2 8\n0 64 128 191 255\n" + b"256 0 0\n" * 125,
    "largest does not tell": TWO.replace("1023", "400").replace("0 400", "0 1023", 1).encode(),
    "the largest does not": TWO.replace("1023", "0").replace("0 0\n", "0 1023\n", 1).encode(),
    "line 3 is not three whole numbers": TWO.replace("0 0 1023", "0 0 10.5").encode(),
    "line 3 is not three": TWO.replace("0 0 1023", "0 0 -1").encode(),
    "line 3 is not": TWO.replace("0 0 1023", "0 0").encode(),
    "line 10 stands behind the 8 points": (TWO + "0 0 0\n").encode(),
    "has 7 points, and its first line asks for 8": TWO.removesuffix("1023 1023 1023\n").encode(),
    "line 1 is longer than": b"0 " * 600,
    "lines": b"\n" * (MAX_CUBE_BYTES - 1),
    "larger than 12 MiB": b"#" * (MAX_CUBE_BYTES + 1),
}


@pytest.mark.parametrize("words", BAD)
def test_a_file_that_is_broken_or_could_be_read_in_two_ways_is_refused(words: str) -> None:
    with pytest.raises(NotACube) as refused:
        parse_3dl(BAD[words])
    assert words in refused.value.message
    assert len(refused.value.message) < 160
    assert refused.value.message.isascii()
