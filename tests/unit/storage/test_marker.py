"""The marker says whose a bucket is; nobody's is ever replaced."""

from __future__ import annotations

import pytest

from reelkeep.ids import GrantId, new_id
from reelkeep.storage import marker
from reelkeep.storage.layout import MARKER
from reelkeep.storage.marker import Marker, NotOurs
from reelkeep.storage.memory import MemoryBucket, MemoryStore

GRANT = GrantId(new_id())
OURS = Marker("installation", "company", "cHVibGlj", 1)


def test_a_marker_is_written_once_and_read_as_it_was() -> None:
    store = MemoryStore(MemoryBucket())
    assert marker.read(store, grant=GRANT) is None
    marker.put(store, OURS, grant=GRANT)
    marker.put(store, Marker("installation", "company", "another key"), grant=GRANT)
    assert marker.read(store, grant=GRANT) == OURS


@pytest.mark.parametrize("other", [Marker("another", "company"), Marker("installation", "another")])
def test_a_bucket_with_somebody_elses_marker_is_not_taken(other: Marker) -> None:
    store = MemoryStore(MemoryBucket())
    marker.put(store, other, grant=GRANT)
    with pytest.raises(NotOurs):
        marker.put(store, OURS, grant=GRANT)
    assert marker.read(store, grant=GRANT) == other


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"installation": 1}', b"[" * 4_000])
def test_something_else_at_its_place_is_not_ours_either(body: bytes) -> None:
    store = MemoryStore(MemoryBucket())
    store.put_new(MARKER, body, content_type="a/b", grant=GRANT)
    with pytest.raises(NotOurs):
        marker.put(store, OURS, grant=GRANT)
