"""A rung's encoder on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from reelkeep.media import SEGMENT_FRAMES
from reelkeep.transcode.codec.lane import MAX_WAITING, Lane
from reelkeep.transcode.codec.problems import Refused

SECONDS = 20


class Encoder:
    """Makes a word of every two pictures, when it is let go on."""

    first = 3

    def __init__(self, fails_at: int = -1) -> None:
        self.go_on = threading.Event()
        self.taken: list[int] = []
        self._fails_at = fails_at

    def encode(self, number: int, _picture: Any) -> Iterator[Any]:
        assert self.go_on.wait(SECONDS)
        if number == self._fails_at:
            raise Refused("unsupported")
        self.taken.append(number)
        if len(self.taken) % 2 == 0:
            yield tuple(self.taken[-2:])

    def finish(self) -> Iterator[Any]:
        yield "end"


def lane_of(encoder: Encoder) -> Lane:
    return Lane(encoder, goes_first=True)  # type: ignore[arg-type]


def feed(lane: Lane, count: int) -> list[Any]:
    return [each for number in range(count) for each in lane.encode(number, None)]


def test_what_a_rung_makes_comes_out_in_its_order() -> None:
    encoder = Encoder()
    encoder.go_on.set()
    lane = lane_of(encoder)
    made = feed(lane, SEGMENT_FRAMES)
    lane.end()
    made += lane.rest()
    assert made == [*((number, number + 1) for number in range(0, SEGMENT_FRAMES, 2)), "end"]


def test_so_many_pictures_wait_and_no_more() -> None:
    encoder = Encoder()
    lane = lane_of(encoder)
    assert feed(lane, MAX_WAITING) == []
    threading.Timer(0.2, encoder.go_on.set).start()
    list(lane.encode(MAX_WAITING, None))
    assert encoder.taken, "the caller went on while nothing was done"
    lane.end()
    list(lane.rest())


def test_a_failure_reaches_who_feeds_the_rung() -> None:
    encoder = Encoder(fails_at=1)
    encoder.go_on.set()
    lane = lane_of(encoder)
    with pytest.raises(Refused):
        feed(lane, MAX_WAITING + 2)
    lane.end()
