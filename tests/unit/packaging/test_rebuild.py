from __future__ import annotations

import dataclasses

import pytest
from tests.unit.packaging.proxy import COMPANY, DESCRIPTION, PLAN, SALT, VERSION, VERSION_KEY, writer

from reelkeep.encryption.keys import VersionKey
from reelkeep.encryption.sealing import SealBroken
from reelkeep.ids import CompanyId, GrantId
from reelkeep.media import TrackKind
from reelkeep.packaging.bundles import Bundle, BundleWriter
from reelkeep.packaging.rebuild import RebuiltSegment, RebuiltStill, rebuild
from reelkeep.packaging.stills import SealedStill, StillKind, StillWriter
from reelkeep.storage.memory import MemoryBucket, MemoryStore

GRANT = GrantId("g" * 20)
OTHER_SALT = bytes(range(7, 39))
AUDIO = dataclasses.replace(DESCRIPTION, name="a1", kind=TrackKind.AUDIO, is_step=False, width_px=None, height_px=None)


class Bucket:
    """A bucket of this version's proxies, and the rows that went into the database beside it."""

    def __init__(self) -> None:
        self.store = MemoryStore(MemoryBucket())
        self.rows: list[RebuiltSegment] = []

    def put(self, key: str, body: bytes) -> None:
        self.store.put_new(key, body, content_type="application/octet-stream", grant=GRANT)

    def publish(self, bundle: Bundle | None, attempt: int, rendition: str = "v360", *, committed: bool = True) -> None:
        assert bundle is not None
        self.put(bundle.object_key, bundle.body)
        if committed:
            self.rows += [RebuiltSegment(rendition, attempt, bundle.object_key, facts) for facts in bundle.segments]

    def still(self, still: SealedStill) -> None:
        self.put(still.object_key, still.body)


def add(bundles: BundleWriter, *numbers: int, text: bytes = b"segment") -> BundleWriter:
    for number in numbers:
        bundles.add(number, number * 48_048, 48_048, 48, text, now=0.0)
    return bundles


def by_number(rows: list[RebuiltSegment]) -> tuple[RebuiltSegment, ...]:
    return tuple(sorted(rows, key=lambda each: (each.rendition, each.facts.number)))


def test_bucket_and_keys_give_the_rows_that_were_written() -> None:
    bucket = Bucket()
    pictures, sound = writer(), writer(description=AUDIO)
    bucket.publish(add(pictures, 0).close(), 1)
    bucket.publish(add(pictures, 1, 2).close(), 1)
    bucket.publish(add(pictures, 3).finish(190), 1)
    bucket.publish(add(sound, 0, 1).finish(189), 1, "a1")
    stills = StillWriter(VERSION_KEY, SALT, COMPANY, VERSION, 1)
    poster, sheet = stills.seal(StillKind.POSTER, 0, b"poster"), stills.seal(StillKind.TILES, 0, b"tiles")
    bucket.still(poster)
    bucket.still(sheet)
    found = rebuild(bucket.store, COMPANY, VERSION, VERSION_KEY, grant=GRANT)
    assert found.segments == by_number(bucket.rows)
    assert found.renditions == {"v360": DESCRIPTION, "a1": AUDIO}
    assert (found.plan, found.total_frames, found.attempts) == (PLAN, {"v360": 190, "a1": 189}, {1: SALT})
    assert found.stills == tuple(
        RebuiltStill(each.kind, 0, 1, each.object_key, each.length) for each in (poster, sheet)
    )


def test_a_later_attempt_counts_for_what_the_first_had_not_published() -> None:
    bucket = Bucket()
    first = writer()
    bucket.publish(add(first, 0).close(), 1)
    bucket.publish(add(first, 1).close(), 1, committed=False)  # written, but the process died before the commit
    second = writer(2, OTHER_SALT)
    bucket.publish(add(second, 1, text=b"another encode").close(), 2)
    bucket.publish(add(second, 2).finish(140), 2)
    found = rebuild(bucket.store, COMPANY, VERSION, VERSION_KEY, grant=GRANT)
    assert found.segments == by_number(bucket.rows)
    assert [each.attempt_number for each in found.segments] == [1, 2, 2]
    assert found.attempts == {1: SALT, 2: OTHER_SALT}


def test_an_empty_prefix_gives_no_rows() -> None:
    found = rebuild(Bucket().store, COMPANY, VERSION, VERSION_KEY, grant=GRANT)
    assert (found.plan, found.segments, found.renditions, found.stills) == (None, (), {}, ())


def test_objects_that_are_not_ours_are_left_out() -> None:
    bucket = Bucket()
    bucket.publish(add(writer(), 0).close(), 1)
    for key in ("1/v360/readme.txt", "1/stills/film-0", "x", "1/v360/0/0"):
        bucket.put(f"proxies/{VERSION}/{key}", b"something else")
    found = rebuild(bucket.store, COMPANY, VERSION, VERSION_KEY, grant=GRANT)
    assert found.segments == by_number(bucket.rows)


def test_a_copied_altered_or_foreign_object_stops_the_rebuild() -> None:
    bundle = add(writer(), 0).close()
    assert bundle is not None
    poster = StillWriter(VERSION_KEY, SALT, COMPANY, VERSION, 1).seal(StillKind.POSTER, 0, b"poster")
    half = len(bundle.body) // 2
    scope = f"proxies/{VERSION}"
    for key, body in (
        (f"{scope}/1/v360/1", bundle.body),
        (f"{scope}/2/v360/0", bundle.body),
        (f"{scope}/1/v720/0", bundle.body),
        (f"{scope}/1/stills/poster-0", bundle.body),
        (f"{scope}/1/stills/poster-1", poster.body),
        (f"{scope}/1/stills/tiles-0", poster.body),
        (f"{scope}/1/v360/0", bundle.body[:half] + bytes([bundle.body[half] ^ 1]) + bundle.body[half + 1 :]),
        (f"{scope}/1/v360/0", b""),
    ):
        bucket = Bucket()
        bucket.put(key, body)
        with pytest.raises(SealBroken):
            rebuild(bucket.store, COMPANY, VERSION, VERSION_KEY, grant=GRANT)
    bucket = Bucket()
    bucket.publish(bundle, 1)
    with pytest.raises(SealBroken):
        rebuild(bucket.store, CompanyId("another"), VERSION, VERSION_KEY, grant=GRANT)
    with pytest.raises(SealBroken):
        rebuild(bucket.store, COMPANY, VERSION, VersionKey(VERSION, bytes(32)), grant=GRANT)


def test_two_salts_in_one_attempt_stop_the_rebuild() -> None:
    bucket = Bucket()
    bucket.publish(add(writer(), 0).close(), 1)
    bucket.publish(add(writer(1, OTHER_SALT, AUDIO), 0).close(), 1, "a1")
    with pytest.raises(SealBroken, match="salts"):
        rebuild(bucket.store, COMPANY, VERSION, VERSION_KEY, grant=GRANT)
