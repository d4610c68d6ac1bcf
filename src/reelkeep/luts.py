"""The LUT of a production: a table of colours that turns what a picture's numbers mean into what a screen shows.

Values only; how a file is read is in ``ingest.cube``, how pictures go through a table in ``transcode.codec.look``.
Pure; no I/O.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from reelkeep.media import Light

MIN_POINTS: Final = 2
MAX_POINTS: Final = 65  # what grading programs write at most; the specification allows 256, which is 192 MiB
MAX_LUT_NUMBER: Final = 65_504.0  # the largest finite half float: more than any screen shows, and any picture holds
VALUE_BYTES: Final = 4
MAX_SHAPER_POINTS: Final = 65_536  # one for each value of 16 bits; Resolve writes 4,096

Triple = tuple[float, float, float]  # red, green, blue


class LutInput(enum.Enum):
    """What the numbers of a scene-linear picture are turned into before the table; docs/adr/0012 says why these.

    Pictures in any other light go into the table by their own numbers, from 0 to 1.
    """

    LINEAR = "linear"  # nothing: the table's domain is scene-linear light
    ACESCCT = "acescct"  # ACEScct of pictures in ACEScg (primaries AP1)
    ACESCCT_FROM_ACES = "acescct-from-aces"  # ACEScct of pictures in ACES2065-1 (primaries AP0)
    LOGC3 = "logc3"  # ARRI LogC3 for EI 800, of pictures in ARRI Wide Gamut 3


class LutScope(enum.Enum):
    """Which versions of a production are shown through its LUT."""

    LINEAR = "linear"  # whose original is scene-linear
    ALL = "all"

    def holds(self, light: Light) -> bool:
        """Whether a film in this light is shown through the LUT."""
        return self is LutScope.ALL or light is Light.LINEAR


@dataclass(frozen=True)
class Shaper:
    """A one-dimensional table for each colour, before a three-dimensional one. Its points are evenly spaced.

    Args:
        low, high: its domain, alike for all colours; what lies beyond is cut.
        numbers: little-endian floats, red, green and blue for each point; they lie in the domain of the table behind.
    """

    low: float
    high: float
    numbers: bytes = field(repr=False)

    def __post_init__(self) -> None:
        points, rest = divmod(len(self.numbers), shaper_bytes(1))
        if rest or not MIN_POINTS <= points <= MAX_SHAPER_POINTS:
            raise ValueError(f"a shaper has 2 to {MAX_SHAPER_POINTS} points")
        if not -MAX_LUT_NUMBER <= self.low < self.high <= MAX_LUT_NUMBER:
            raise ValueError("the domain of a shaper is empty or without bounds")

    @property
    def points(self) -> int:
        return len(self.numbers) // shaper_bytes(1)


@dataclass(frozen=True)
class Lut:
    """A three-dimensional table with as many points along each axis, over a domain for each colour.

    Args:
        shaper: what each colour goes through first, by itself; None: nothing.
        numbers: little-endian floats, three for each point: red, green and blue as a display with BT.709 shows them,
            from 0 to 1. Points follow each other with red changing fastest.
    """

    points: int
    domain_min: Triple
    domain_max: Triple
    numbers: bytes = field(repr=False)
    shaper: Shaper | None = None

    def __post_init__(self) -> None:
        if not MIN_POINTS <= self.points <= MAX_POINTS or len(self.numbers) != table_bytes(self.points):
            raise ValueError("a LUT has 2 to 65 points along each axis, and as many numbers as that takes")
        if not all(
            -MAX_LUT_NUMBER <= low < high <= MAX_LUT_NUMBER
            for low, high in zip(self.domain_min, self.domain_max, strict=True)
        ):
            raise ValueError("the domain of a LUT is empty or without bounds")


@dataclass(frozen=True)
class ChosenLut:
    """A LUT, what goes into it, and which films are shown through it."""

    lut: Lut
    input: LutInput
    scope: LutScope


def table_bytes(points: int) -> int:
    """Return how many bytes the numbers of a LUT take.

    >>> table_bytes(33)
    431244
    """
    return points**3 * 3 * VALUE_BYTES


def shaper_bytes(points: int) -> int:
    """Return how many bytes the numbers of a shaper take.

    >>> shaper_bytes(4_096)
    49152
    """
    return points * 3 * VALUE_BYTES
