"""Reads a LUT from a ``.cube`` file, without trust. Pure; no I/O.

Follows the Cube LUT Specification 1.0 (Adobe, 2013): ASCII text in lines of up to 250 bytes; keywords ``TITLE``,
``LUT_3D_SIZE``, ``DOMAIN_MIN`` and ``DOMAIN_MAX`` in any order, then size^3 lines of three numbers, red changing
fastest; ``#`` begins a comment. Beyond it, because programs write it: a byte order mark, CRLF and CR, space before and
after words, and ``LUT_3D_INPUT_RANGE low high``, which stands for a domain that is alike for all colours.

A file with ``LUT_1D_SIZE`` and ``LUT_3D_SIZE`` is read as DaVinci Resolve writes and OpenColorIO reads it
(FileFormatResolveCube): the lines of the one-dimensional table, a shaper, come first; ``LUT_1D_INPUT_RANGE`` is its
domain, and what comes out lies in that of the cube, ``LUT_3D_INPUT_RANGE``.

Left out: a one-dimensional table alone, one beside ``DOMAIN_MIN`` and ``DOMAIN_MAX``, since no program says whose
domain that is, and every other keyword. They would change what is shown, so a file that has them is refused by name and
not read in part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from reelkeep.errors import MediaError
from reelkeep.luts import MAX_LUT_NUMBER, MAX_POINTS, MAX_SHAPER_POINTS, MIN_POINTS, Lut, Shaper, Triple, shaper_bytes

MAX_CUBE_BYTES: Final = 12 << 20  # 65 points with ten decimals are 10.7 MB
MAX_LINES: Final = MAX_POINTS**3 + MAX_SHAPER_POINTS + 10_000  # room for comments
MAX_LINE_BYTES: Final = 250  # Cube LUT Specification 1.0, "line length"; comments are not counted
MAX_TITLE_CHARACTERS: Final = 64
_NUMBER: Final = rb"[-+]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?"
_SAMPLE: Final = re.compile(rb"[ \t]*(%b)[ \t]+(%b)[ \t]+(%b)[ \t]*" % (_NUMBER, _NUMBER, _NUMBER))
_KEYWORD: Final = re.compile(rb"[ \t]*([A-Z][A-Z0-9_]{1,40})(?:[ \t]+(.*?))?[ \t]*", re.DOTALL)
_DOMAIN: Final = frozenset({b"DOMAIN_MIN", b"DOMAIN_MAX"})
_SHAPER: Final = frozenset({b"LUT_1D_SIZE", b"LUT_1D_INPUT_RANGE"})
_KNOWN: Final = frozenset({b"TITLE", b"LUT_3D_SIZE", b"LUT_3D_INPUT_RANGE"}) | _DOMAIN | _SHAPER


class NotACube(MediaError):
    """The file is not a 3D LUT in a format that is read here."""

    default_advice = "Export it again as a 3D .cube file of 2 to 65 points, and add that."


@dataclass(frozen=True)
class Cube:
    title: str  # as the file says it, cut and without what could mislead a reader; "" if it says none
    lut: Lut


def parse_cube(body: bytes) -> Cube:
    """Return the LUT that a file holds.

    Args:
        body: the whole file.

    Raises:
        NotACube: it holds none, or one that is not taken here; the message names the line.
    """
    if not body or len(body) > MAX_CUBE_BYTES:
        raise NotACube("the file is empty" if not body else f"the file is larger than {MAX_CUBE_BYTES >> 20} MiB")
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if text.count(b"\n") > MAX_LINES:
        raise NotACube(f"the file has more than {MAX_LINES} lines")
    lines = text.split(b"\n")
    head, first = _head(lines)
    points, before = _points(head), _shaper_points(head)
    low, high = _domain(head)
    asks = "LUT_1D_SIZE and LUT_3D_SIZE ask" if before else "LUT_3D_SIZE asks"
    numbers = _samples(lines, first, before + points**3, asks)
    shaper = Shaper(*_ends(head, b"LUT_1D_INPUT_RANGE"), numbers[: shaper_bytes(before)]) if before else None
    return Cube(_title(head.get(b"TITLE", b"")), Lut(points, low, high, numbers[shaper_bytes(before) :], shaper))


def _head(lines: list[bytes]) -> tuple[dict[bytes, bytes], int]:
    """Return the keywords with what stands behind them, and where the first line of numbers is."""
    found: dict[bytes, bytes] = {}
    for place, line in enumerate(lines):
        if _is_silent(line):
            continue
        _check_length(line, place)
        if _SAMPLE.fullmatch(line):
            return found, place
        keyword = _KEYWORD.fullmatch(line)
        if keyword is None:
            raise NotACube(f"line {place + 1} is neither a keyword of the .cube format nor three numbers")
        name, value = keyword[1], keyword[2] or b""
        if name not in _KNOWN:
            raise NotACube(f"line {place + 1} has the keyword {name.decode()}, which the .cube format does not know")
        if name in found:
            raise NotACube(f"line {place + 1} says {name.decode()} for the second time")
        found[name] = value
    raise NotACube("the file ends before its numbers begin")


def _points(head: dict[bytes, bytes]) -> int:
    text = head.get(b"LUT_3D_SIZE")
    if text is None and b"LUT_1D_SIZE" in head:
        raise NotACube("the file holds a one-dimensional table alone, and only a 3D LUT can be used")
    if text is None:
        raise NotACube("the file does not say LUT_3D_SIZE before its numbers")
    points = int(text) if re.fullmatch(rb"[0-9]{1,4}", text) else 0
    if not MIN_POINTS <= points <= MAX_POINTS:
        raise NotACube(f"LUT_3D_SIZE is not a whole number from {MIN_POINTS} to {MAX_POINTS}")
    return points


def _shaper_points(head: dict[bytes, bytes]) -> int:
    """Return how many points the shaper has; 0: there is none."""
    if not _SHAPER & head.keys():
        return 0
    if _DOMAIN & head.keys():
        raise NotACube("the file has a shaper and DOMAIN_MIN or DOMAIN_MAX, which does not say whose domain it is")
    text = head.get(b"LUT_1D_SIZE", b"")
    points = int(text) if re.fullmatch(rb"[0-9]{1,5}", text) else 0
    if not MIN_POINTS <= points <= MAX_SHAPER_POINTS:
        raise NotACube(f"LUT_1D_SIZE is not a whole number from {MIN_POINTS} to {MAX_SHAPER_POINTS}")
    return points


def _ends(head: dict[bytes, bytes], name: bytes) -> tuple[float, float]:
    """Return the two numbers behind a keyword, which is 0 and 1 where it is not there."""
    if (text := head.get(name)) is None:
        return 0.0, 1.0
    ends = re.fullmatch(rb"(%b)[ \t]+(%b)" % (_NUMBER, _NUMBER), text)
    if ends is None:
        raise NotACube(f"{name.decode()} is not followed by two numbers")
    low, high = float(ends[1]), float(ends[2])
    if not -MAX_LUT_NUMBER <= low < high <= MAX_LUT_NUMBER:
        raise NotACube(f"{name.decode()} does not rise, or is out of all bounds")
    return low, high


def _domain(head: dict[bytes, bytes]) -> tuple[Triple, Triple]:
    low, high = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if b"LUT_3D_INPUT_RANGE" in head:
        if _DOMAIN & head.keys():
            raise NotACube("the file says its domain twice, as DOMAIN_MIN or DOMAIN_MAX and as LUT_3D_INPUT_RANGE")
        start, end = _ends(head, b"LUT_3D_INPUT_RANGE")
        low, high = (start,) * 3, (end,) * 3
    low, high = _triple(head, b"DOMAIN_MIN", low), _triple(head, b"DOMAIN_MAX", high)
    if not all(-MAX_LUT_NUMBER <= one < other <= MAX_LUT_NUMBER for one, other in zip(low, high, strict=True)):
        raise NotACube("DOMAIN_MIN is not below DOMAIN_MAX in every colour, or one of them is out of all bounds")
    return low, high


def _triple(head: dict[bytes, bytes], name: bytes, otherwise: Triple) -> Triple:
    if (text := head.get(name)) is None:
        return otherwise
    three = _SAMPLE.fullmatch(text)
    if three is None:
        raise NotACube(f"{name.decode()} is not followed by three numbers")
    return float(three[1]), float(three[2]), float(three[3])


def _samples(lines: list[bytes], first: int, count: int, asks: str) -> bytes:
    """Return ``count`` triples as little-endian floats."""
    found = []
    for place in range(first, len(lines)):
        line = lines[place]
        if _is_silent(line):
            continue
        _check_length(line, place)
        if not _SAMPLE.fullmatch(line):
            raise NotACube(f"line {place + 1} is not three numbers")
        found.append(line)
        if len(found) > count:
            raise NotACube(f"the file has more than the {count} lines of numbers that {asks} for")
    if len(found) < count:
        raise NotACube(f"the file has {len(found)} lines of numbers, and {asks} for {count}")
    numbers = np.fromstring(b" ".join(found), np.float64, sep=" ")
    if not (np.abs(numbers) <= MAX_LUT_NUMBER).all():
        raise NotACube("a number of the table is out of all bounds")
    return numbers.astype("<f4").tobytes()


def _is_silent(line: bytes) -> bool:
    stripped = line.lstrip(b" \t")
    return not stripped or stripped.startswith(b"#")


def _check_length(line: bytes, place: int) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise NotACube(f"line {place + 1} is longer than the {MAX_LINE_BYTES} bytes that the .cube format allows")


def _title(text: bytes) -> str:
    """Return a title without its quotes.

    >>> _title(b'"Show LUT"'), _title(b"plain"), _title(b"")
    ('Show LUT', 'plain', '')
    """
    shown = text.strip(b' \t"').decode("utf-8", "replace")
    return "".join(c for c in shown if c.isprintable())[:MAX_TITLE_CHARACTERS].strip()
