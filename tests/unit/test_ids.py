from __future__ import annotations

import time

import pytest

from reelkeep.ids import ID_CHARACTERS, is_id, new_id


def test_identifiers_are_unique_and_well_formed() -> None:
    made = {new_id() for _ in range(10_000)}
    assert len(made) == 10_000
    assert all(is_id(each) and len(each) == ID_CHARACTERS for each in made)


def test_identifiers_sort_by_the_millisecond_they_were_made_in() -> None:
    made = []
    for _ in range(10):
        made.append(new_id())
        time.sleep(0.002)
    assert made == sorted(made)


def test_the_first_nine_characters_are_the_clock_in_milliseconds() -> None:
    before, made, after = time.time_ns() // 1_000_000, new_id(), time.time_ns() // 1_000_000
    value = 0
    for character in made[:9]:
        value = value * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(character)
    assert before % (1 << 45) <= value <= after % (1 << 45)


@pytest.mark.parametrize(
    "text", ["", "0" * 19, "0" * 21, "0" * 19 + "u", "0" * 19 + "A", "0" * 20 + "\n", " " + "0" * 19, "٣" * 20]
)
def test_other_texts_are_no_identifiers(text: str) -> None:
    assert not is_id(text)
