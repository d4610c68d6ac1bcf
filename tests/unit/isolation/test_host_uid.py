"""Host users are lent to one sandbox at a time, and root to none."""

import pytest

from reelkeep.errors import IsolationError
from reelkeep.isolation.host_uid import DEFAULT_UIDS, lend


def test_a_user_is_lent_once_until_it_is_given_back() -> None:
    only = range(DEFAULT_UIDS[-1], DEFAULT_UIDS[-1] + 1)
    lent = lend(only)
    assert lent.uid == only[0]
    with pytest.raises(IsolationError, match="no host user is free"):
        lend(only)
    lent.give_back()
    lend(only).give_back()


@pytest.mark.parametrize("uids", [range(0), range(10)], ids=["empty", "with root"])
def test_a_range_that_is_empty_or_holds_root_is_refused(uids: range) -> None:
    with pytest.raises(IsolationError, match="root"):
        lend(uids)


def test_a_range_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(IsolationError) as caught:
        lend(range(2**32 + 1, 2**32 + 5))
    assert "Map this range" in caught.value.advice()
