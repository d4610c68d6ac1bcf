"""Which files are one film, told by their names alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reelkeep.sequences import (
    MAX_FRAMES_OF_SEQUENCE,
    MAX_MISSING_IN_A_ROW,
    frame_name,
    gaps,
    group,
    numbers_text,
    pattern_name,
    twins,
)

CASES = json.loads((Path(__file__).parents[1] / "media" / "sequence_names.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["files"][0]))
def test_the_files_of_a_folder_are_sorted_into_films_by_their_names(case: dict[str, Any]) -> None:
    grouped = group(case["files"])
    found = []
    for members in grouped.sequences:
        first, last = frame_name(members[0]), frame_name(members[-1])
        assert first is not None
        assert last is not None
        numbers = numbers_text(first.number, last.number, len(members))
        found.append(
            {"name": pattern_name([first, last]), "numbers": numbers, "first": members[0], "last": members[-1]}
        )
    assert found == case["sequences"]
    taken = [name for members in grouped.sequences for name in members]
    assert sorted([*taken, *grouped.others]) == sorted(case["files"])
    if "twins" in case:
        assert twins(grouped.sequences[0]) == tuple(case["twins"])


def test_a_hole_is_part_of_a_film_up_to_a_thousand_numbers() -> None:
    inside, outside = (f"a.{MAX_MISSING_IN_A_ROW + more}.png" for more in (1, 2))
    assert group(["a.0.png", inside]).sequences
    assert not group(["a.0.png", outside]).sequences
    assert gaps([0, MAX_MISSING_IN_A_ROW + 1]) == [(1, MAX_MISSING_IN_A_ROW)]


def test_more_files_than_a_film_may_have_stay_files() -> None:
    names = [f"a.{number}.png" for number in range(MAX_FRAMES_OF_SEQUENCE + 1)]
    assert not group(names).sequences
    assert len(group(names[1:]).sequences[0]) == MAX_FRAMES_OF_SEQUENCE
