"""Reads a LUT from a ``.3dl`` file, without trust. Pure; no I/O.

The format has no specification; what is read is what Autodesk's programs (Lustre, Flame) write and both OpenColorIO
(FileFormat3DL) and libavfilter's ``lut3d`` read: ``3DMESH`` and ``Mesh POWER BITS`` where they are there, one line with
the places of the points along an axis, then a line of three whole numbers for each point, *blue* changing fastest.
``Mesh`` says that there are 2^POWER + 1 points and that the numbers have BITS bits.

Three places would look like a point, so there are never three. That line is read by some programs as where the points
lie and by others as a table that colours go through first, which are each other's inverse: one that is not even is
refused. Without ``Mesh`` the file does not say how many bits its numbers have; the largest tells, if it is in the upper
half of 10, 12 or 16 bits, as in a table that reaches white; else the file is refused.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from reelkeep.ingest.cube import MAX_CUBE_BYTES, Cube, NotACube
from reelkeep.luts import MAX_POINTS, MIN_POINTS, Lut

MAX_LINES: Final = MAX_POINTS**3 + 10_000
MAX_LINE_BYTES: Final = 1_000  # the places of 65 points take 390
_WORDS: Final = re.compile(r"[ \t]*[0-9]{1,6}(?:[ \t]+[0-9]{1,6}){1,64}[ \t]*", re.ASCII)
_MESH: Final = re.compile(r"[Mm]esh[ \t]+([2-6])[ \t]+([0-9]{1,2})")
_BITS_OF_MESH: Final = range(8, 17)
_BITS_WITHOUT: Final = (10, 12, 16)
_AFTER: Final = re.compile(r"LUT[0-9]{1,2}|gamma[ \t]+1(?:\.0{1,10})?")  # what Kodak's programs write at the end
_UNEVEN: Final = 1  # by which a place may be rounded


def parse_3dl(body: bytes) -> Cube:
    """Return the LUT that a file holds.

    Args:
        body: the whole file.

    Raises:
        NotACube: it holds none, or one that is not taken here; the message names the line.
    """
    if not body or len(body) > MAX_CUBE_BYTES:
        raise NotACube("the file is empty" if not body else f"the file is larger than {MAX_CUBE_BYTES >> 20} MiB")
    lines = _lines(body)
    bits, place = _head(lines)
    if place == len(lines):
        raise NotACube("the file ends before its numbers begin")
    number, text = lines[place]
    places = [int(word) for word in text.split()] if _WORDS.fullmatch(text) else []
    if not MIN_POINTS <= len(places) <= MAX_POINTS or len(places) == 3:
        raise NotACube(f"line {number} is not the places of {MIN_POINTS} to {MAX_POINTS} points along an axis")
    even = np.linspace(0, places[-1], len(places))
    if places[-1] == 0 or np.abs(np.array(places) - even).max() > _UNEVEN:
        raise NotACube(f"line {number} is a shaper that is not even, which programs read in two ways")
    values = _values(lines[place + 1 :], len(places) ** 3)
    scale = (1 << (bits or _bits_of(int(values.max())))) - 1
    if values.max() > scale:
        raise NotACube(f"a number of the table has more than the {bits} bits that Mesh says")
    cube = (values / scale).reshape(len(places), len(places), len(places), 3).transpose(2, 1, 0, 3)
    return Cube("", Lut(len(places), (0.0,) * 3, (1.0,) * 3, np.ascontiguousarray(cube, "<f4").tobytes()))


def _lines(body: bytes) -> list[tuple[int, str]]:
    """Return the lines that say something, with their numbers."""
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    if text.count("\n") > MAX_LINES:
        raise NotACube(f"the file has more than {MAX_LINES} lines")
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t")
        if stripped.startswith("#") or not stripped:
            continue
        if len(stripped) > MAX_LINE_BYTES:
            raise NotACube(f"line {number} is longer than {MAX_LINE_BYTES} bytes")
        found.append((number, stripped))
    return found


def _head(lines: list[tuple[int, str]]) -> tuple[int, int]:
    """Return how many bits the numbers have (0: not said), and where the places of the points stand."""
    bits = place = 0
    if place < len(lines) and lines[place][1] == "3DMESH":
        place += 1
    if place < len(lines) and (mesh := _MESH.fullmatch(lines[place][1])):
        bits = int(mesh[2])
        if bits not in _BITS_OF_MESH:
            raise NotACube(f"line {lines[place][0]} says neither 8 nor up to 16 bits")
        place += 1
        points = (1 << int(mesh[1])) + 1
        if place < len(lines) and len(lines[place][1].split()) != points:
            raise NotACube(f"line {lines[place][0]} has not the places of the {points} points that Mesh says")
    return bits, place


def _values(lines: list[tuple[int, str]], count: int) -> np.ndarray:
    rows: list[list[int]] = []
    for place, (number, text) in enumerate(lines):
        if len(rows) == count:
            if all(_AFTER.fullmatch(rest) for _, rest in lines[place:]):
                break
            raise NotACube(f"line {number} stands behind the {count} points that the file has")
        if not _WORDS.fullmatch(text) or len(words := text.split()) != 3:
            raise NotACube(f"line {number} is not three whole numbers")
        rows.append([int(word) for word in words])
    if len(rows) < count:
        raise NotACube(f"the file has {len(rows)} points, and its first line asks for {count}")
    return np.array(rows, np.float64)


def _bits_of(largest: int) -> int:
    for bits in _BITS_WITHOUT:
        if 1 << (bits - 1) <= largest < 1 << bits:
            return bits
    raise NotACube("the file does not say how many bits its numbers have, and the largest does not tell")
