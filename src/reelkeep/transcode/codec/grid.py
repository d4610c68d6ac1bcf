"""The output grid: exact frame numbers at one rational rate, whatever times the source's frames carry. Pure.

The rule: each grid frame shows the source frame that is nearest to its time among those that fall on it; a grid frame
on which none falls repeats the one before it. A source with a constant rate passes through unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, Generic, TypeVar

_Frame = TypeVar("_Frame")
MAX_REPEATS: Final = 240 * 60  # a jump of more than a minute is a broken clock, not a held picture

_STANDARD: Final = tuple(
    Fraction(n, d)
    for n, d in (
        (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48000, 1001), (48, 1), (50, 1),
        (60000, 1001), (60, 1),
        (100, 1), (120000, 1001), (120, 1), (12, 1), (15, 1), (12000, 1001), (15000, 1001), (25, 2),
    )
)  # fmt: skip
_CLOSE: Final = Fraction(1, 4000)  # 24 and 23.976 differ by 1/1001
_HALF: Final = Fraction(1, 2)
MAX_OUTPUT_RATE: Final = Fraction(120)


def output_rate(*guesses: Fraction | None) -> Fraction | None:
    """Return the first believable guess, moved to the standard rate it stands for; None if there is none.

    >>> output_rate(Fraction(2997, 100))
    Fraction(30000, 1001)
    """
    for guess in guesses:
        if guess is None or not 1 <= guess <= 1000:
            continue
        rate = next((standard for standard in _STANDARD if abs(guess / standard - 1) <= _CLOSE), guess)
        while rate > MAX_OUTPUT_RATE:
            rate /= 2
        return rate.limit_denominator(1001)
    return None


class Grid(Generic[_Frame]):
    """Places source frames, in order of presentation, on the grid; frame 0 is at ``origin`` seconds."""

    def __init__(self, rate: Fraction, origin: Fraction) -> None:
        self._rate = rate
        self._origin = origin
        self._waiting: tuple[_Frame, int, Fraction] | None = None

    def place(self, frame: _Frame, time: Fraction) -> Iterator[tuple[int, _Frame]]:
        """Yield what is settled by the arrival of ``frame``: (grid number, frame), without a hole.

        Raises:
            ValueError: the time jumps by more than ``MAX_REPEATS`` frames.
        """
        exact = (time - self._origin) * self._rate
        number = max(0, math.ceil(exact - _HALF))  # what lies in the middle belongs to the earlier frame
        distance = abs(exact - number)
        if self._waiting is None:
            self._waiting = (frame, number, distance)
            return
        before, first, nearest = self._waiting
        if number <= first:
            if number == first and distance < nearest:
                self._waiting = (frame, first, distance)
            return
        if number - first > MAX_REPEATS:
            raise ValueError("the time stamps jump")
        for place in range(first, number):
            yield place, before
        self._waiting = (frame, number, distance)

    def end(self) -> Iterator[tuple[int, _Frame]]:
        """Yield the last frame."""
        if self._waiting is not None:
            yield self._waiting[1], self._waiting[0]
            self._waiting = None
