from __future__ import annotations

import pytest

from reelkeep import errors
from reelkeep.errors import IsolationError, MediaError, NotFound, ReelkeepError


def tree(root: type[ReelkeepError]) -> list[type[ReelkeepError]]:
    own = [each for each in root.__subclasses__() if each.__module__ == errors.__name__]
    return [root, *(inner for each in own for inner in tree(each))]


@pytest.mark.parametrize("kind", tree(ReelkeepError), ids=lambda kind: kind.__name__)
def test_every_error_says_what_happened_and_what_to_do(kind: type[ReelkeepError]) -> None:
    error = kind()
    assert str(error) == error.message
    for sentence in (error.message, error.advice()):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_codes_are_distinct() -> None:
    codes = [kind.code for kind in tree(ReelkeepError)]
    assert len(set(codes)) == len(codes)


def test_message_and_advice_can_be_given() -> None:
    error = MediaError("the file is empty", advice="Export it again.")
    assert (str(error), error.advice(), error.code) == ("the file is empty", "Export it again.", "media")


def test_a_subclass_of_a_package_inherits_code_and_advice() -> None:
    class Broken(IsolationError):
        """A seal is broken."""

    assert (str(Broken()), Broken().advice(), Broken.code) == (
        "A seal is broken.",
        IsolationError.default_advice,
        "isolation",
    )


def test_what_must_stop_the_work_is_no_request_error() -> None:
    assert not issubclass(IsolationError, errors.RequestError)
    assert issubclass(NotFound, errors.RequestError)
