from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from tests.unit.playback.test_manifest import proxy

from reelkeep.errors import Conflict, NotFound
from reelkeep.media import FrameRate, TrackKind
from reelkeep.playback.taking import choose, file_plan

RATE = FrameRate(24_000, 1_001)
SOUND = 200 * 48_000 * 1_001 // 24_000


def test_the_largest_picture_leads_unless_another_is_named() -> None:
    film = proxy(RATE, 200, SOUND, frames=200)
    assert choose(film, "").name == "v720"
    assert choose(film, "v360").name == "v360"
    assert choose(film, "a1").name == "a1"
    assert choose(replace(film, renditions=film.renditions[2:]), "").name == "a1"
    with pytest.raises(NotFound, match="rendition") as problem:
        choose(film, "v2160")
    assert "v360, v720, a1" in problem.value.advice()


def test_fragments_stand_in_the_order_of_their_times_and_none_is_missing() -> None:
    film = proxy(RATE, 200, SOUND, frames=200)
    plan = file_plan(film, choose(film, "v360"))
    assert [each.name for each in plan.tracks] == ["v360", "a1"]
    assert plan.seconds == Fraction(200 * 1_001, 24_000)
    order = [(each.rendition.name, each.number) for each in plan.fragments]
    # v360 starts at frames 0, 12, 48, 96, 144, 192; a1 every 94 AAC frames, the first without its priming frame
    video, audio = [("v360", number) for number in range(6)], [("a1", number) for number in range(5)]
    assert order == [
        video[0],
        audio[0],
        video[1],
        audio[1],
        video[2],
        audio[2],
        video[3],
        audio[3],
        video[4],
        audio[4],
        video[5],
    ]
    assert plan.parts_total == 12


def test_sound_alone_is_a_file_of_one_track() -> None:
    film = proxy(RATE, 0, SOUND, frames=0)
    film = replace(film, renditions=tuple(each for each in film.renditions if each.kind is TrackKind.AUDIO))
    plan = file_plan(film, choose(film, ""))
    assert [each.track_id for each in plan.fragments] == [1] * 5
    assert abs(plan.seconds - Fraction(SOUND, 48_000)) < Fraction(1_024 * 2, 48_000)


def test_a_proxy_in_the_making_is_not_taken() -> None:
    film = proxy(RATE, 200, SOUND)
    with pytest.raises(Conflict, match="not complete"):
        file_plan(film, choose(film, ""))
