"""Units: the parts of a long film that several jobs make at the same time. Pure; no I/O.

A job takes units one after the other, in one pass through the original, and stops where the next one is another's.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """Frames ``first_frame`` to ``end_frame`` of the grid, the end not included; None: to the end of the film."""

    number: int
    first_frame: int
    end_frame: int | None


class Standing(enum.Enum):
    """What a unit is to the job that looks at it."""

    FREE = "free"
    MINE = "mine"
    BUSY = "busy"  # another job that runs has it
    DONE = "done"


def choose(standings: Sequence[Standing]) -> int | None:
    """Return the number of the unit to begin with, or None if there is none.

    One's own comes first: a job that was taken up again goes on with it. Else it is a unit of the longest run that
    nobody has: its first one, or the middle one where somebody is about to come in from the unit before, so that
    both have as long a way as possible before they meet.

    >>> free, mine, busy, done = Standing
    >>> choose([busy, free, free, free, free]), choose([busy, free, free, busy, free]), choose([busy, free])
    (3, 2, 1)
    >>> choose([done, free, free]), choose([busy, free, mine]), choose([done, busy])
    (1, 2, None)
    """
    if Standing.MINE in standings:
        return standings.index(Standing.MINE)
    longest: list[int] = []
    for standing, run in itertools.groupby(range(len(standings)), key=lambda number: standings[number]):
        numbers = list(run)
        if standing is Standing.FREE and len(numbers) > len(longest):
            longest = numbers
    if not longest:
        return None
    comes_in = longest[0] > 0 and standings[longest[0] - 1] is Standing.BUSY
    return longest[len(longest) // 2] if comes_in else longest[0]
