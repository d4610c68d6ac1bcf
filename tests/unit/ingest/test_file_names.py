import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.errors import RequestError
from reelkeep.ingest.file_names import MAX_CHARACTERS, true_name
from reelkeep.storage.layout import safe_name


@given(st.text(max_size=400))
def test_whatever_comes_in_is_shown_safely_or_refused(text: str) -> None:
    try:
        name = true_name(text)
    except RequestError:
        return
    assert 1 <= len(name) <= MAX_CHARACTERS
    assert not set("/\\\0\n\r\u202e\u2066\ufeff") & set(name)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
    assert name.encode()
    assert safe_name(name).isascii()


@given(st.text(max_size=100))
def test_a_name_once_cleaned_stays_as_it_is(text: str) -> None:
    try:
        name = true_name(text)
    except RequestError:
        return
    assert true_name(name) == name


@pytest.mark.parametrize("text", ["", "/", "..", "a/../..", " ", "\u202e", "\x00", "..."])
def test_a_name_of_which_nothing_is_left_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        true_name(text)
