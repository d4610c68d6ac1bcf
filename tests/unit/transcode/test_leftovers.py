"""Leftovers: what no row names goes, what is named or new stays."""

from __future__ import annotations

from reelkeep.ids import VersionId
from reelkeep.storage.layout import bundle_key, still_key
from reelkeep.transcode.leftovers import delete_unnamed, unnamed

VERSION = VersionId("01h00000000000000000")
NAMED, DEAD = bundle_key(VERSION, 1, "v360", 0), bundle_key(VERSION, 1, "v360", 1)
DEAD_STILL, NEW = still_key(VERSION, 1, "tiles", 0), bundle_key(VERSION, 2, "v360", 7)
FOREIGN = "proxies/somebody-put-this-here"


class Bucket:
    def __init__(self) -> None:
        self.held = [NAMED, DEAD, DEAD_STILL, NEW, FOREIGN]

    def keys(self) -> list[str]:
        return list(self.held)

    def delete(self, keys: list[str]) -> None:
        self.held = [key for key in self.held if key not in keys]


def test_only_unnamed_objects_of_earlier_attempts_may_go() -> None:
    assert unnamed([NAMED, DEAD, DEAD_STILL, NEW, FOREIGN], {NAMED}, 2) == [DEAD, DEAD_STILL]


def test_they_are_deleted_and_the_rest_stays() -> None:
    bucket = Bucket()
    assert delete_unnamed(bucket, {NAMED}, 2) == 2
    assert bucket.held == [NAMED, NEW, FOREIGN]


def test_a_first_attempt_looks_for_nothing() -> None:
    assert delete_unnamed(Bucket(), set(), 1) == 0
