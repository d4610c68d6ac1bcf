"""The marker says whose a prefix is, and nothing that anybody else wrote passes for one."""

from __future__ import annotations

import json

import pytest

from reelkeep.errors import StorageSetupError
from reelkeep.ids import CompanyId, new_id
from reelkeep.storage.marker import Marker, read_marker

OURS = Marker(new_id(), CompanyId(new_id()), "acme-reels", "media")


def test_a_marker_is_read_as_it_was_written_and_is_the_same_each_time() -> None:
    assert read_marker(OURS.encoded()) == OURS
    assert OURS.encoded() == OURS.encoded()
    assert set(json.loads(OURS.encoded())) == {"reelkeep", "installation", "company", "bucket", "prefix"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 2_000,
        OURS.encoded() + b" " * 3_000,
        OURS.encoded().replace(b'"reelkeep": 1', b'"reelkeep": 2'),
        OURS.encoded().replace(OURS.company.encode(), b"../../x"),
        OURS.encoded().replace(b'"media"', b"7"),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(StorageSetupError):
        read_marker(body)
