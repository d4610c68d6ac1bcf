"""The merge of rows and listing: what each difference is called, in both orders, and how much it keeps."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.custody.merge import Counts, Expected, FindingKind, Order, OutOfOrder, merge, sort_key
from reelkeep.ids import AssetId, ProductionId, VersionId
from reelkeep.storage.layout import bundle_key, original_key, proxy_scope
from reelkeep.storage.listing import Listed

NOW = datetime(2026, 11, 26, tzinfo=UTC)
VERSION = VersionId("v" * 20)


def row(key: str, size: int | None = 5, **changed: object) -> Expected:
    fields = {"kind": "original", "is_required": True, "is_least_size": False, "etag": None, "version_id": VERSION}
    return Expected(key=key, size_bytes=size, **{**fields, **changed})  # type: ignore[arg-type]


def prefix(version_id: VersionId = VERSION) -> Expected:
    return row(proxy_scope(version_id), None, kind="prefix", is_required=False)


def there(key: str, size: int = 5, etag: str | None = None, **changed: object) -> Listed:
    return Listed(key, size, etag, NOW - timedelta(days=1), **changed)  # type: ignore[arg-type]


def found(
    rows: list[Expected], objects: list[Listed], *, order: Order = Order.BYTES, seen_at: datetime | None = None
) -> list[tuple[FindingKind, str]]:
    place = sort_key(order)
    rows.sort(key=lambda one: place(one.key))
    objects.sort(key=lambda one: place(one.key))
    return [(one.kind, one.key) for one in merge(rows, objects, Counts(), order=order, seen_at=seen_at)]


def test_what_is_as_the_rows_say_is_no_finding() -> None:
    rows = [row("a"), row("b", etag="x"), row("c", 3, is_least_size=True), row("d", None, is_required=False)]
    assert found(rows, [there("a"), there("b", etag="x"), there("c", 9), there("d", 1)]) == []
    assert found([row("d", None, is_required=False)], []) == []


def test_each_difference_has_its_name() -> None:
    rows = [row("a"), row("b"), row("c", etag="x"), row("d", 9, is_least_size=True)]
    objects = [there("b", 6), there("c", etag="y"), there("d", 8), there("zz")]
    assert found(rows, objects) == [
        (FindingKind.MISSING, "a"),
        (FindingKind.MISMATCHED, "b"),
        (FindingKind.MISMATCHED, "c"),
        (FindingKind.MISMATCHED, "d"),
        (FindingKind.FOREIGN, "zz"),
    ]


def test_a_proxy_object_that_no_row_names_is_ours_only_below_a_version_of_ours() -> None:
    ours, theirs = bundle_key(VERSION, 1, "v360", 3), bundle_key(VersionId("x" * 20), 1, "v360", 3)
    assert found([prefix()], [there(ours), there(theirs), there(f"proxies/{VERSION}/notes.txt")]) == [
        (FindingKind.UNNAMED, ours),
        (FindingKind.FOREIGN, f"proxies/{VERSION}/notes.txt"),
        (FindingKind.FOREIGN, theirs),
    ]


def test_an_object_that_arrived_after_the_rows_were_read_is_new_and_not_foreign() -> None:
    key = original_key("demo", ProductionId("0" * 20), "clip", AssetId("1" * 20), VERSION, "clip.mov")
    seen_at = NOW - timedelta(hours=1)
    young, old = Listed(key, 5, None, NOW), Listed(key, 5, None, NOW - timedelta(days=1))
    assert found([], [young], seen_at=seen_at) == [(FindingKind.NEW, key)]
    assert found([], [old], seen_at=seen_at) == [(FindingKind.FOREIGN, key)]
    assert found([], [Listed("a.mov", 5, None, NOW)], seen_at=seen_at) == [(FindingKind.FOREIGN, "a.mov")]


def test_earlier_versions_are_counted_and_a_deleted_object_is_missing() -> None:
    counts = Counts()
    objects = [
        there("a"),
        there("a", 7, is_latest=False),
        there("b", 0, is_delete_marker=True),
        there("b", is_latest=False),
        there("gone", 0, is_delete_marker=True),
    ]
    (missing,) = merge([row("a"), row("b")], objects, counts)
    assert (missing.kind, missing.key) == (FindingKind.MISSING, "b")
    assert "earlier version" in missing.what
    assert (counts.objects, counts.noncurrent, counts.noncurrent_bytes, counts.delete_markers) == (1, 2, 12, 2)


@pytest.mark.parametrize("order", Order)
def test_any_sets_of_keys_give_the_same_findings_as_sets_would(order: Order) -> None:
    dice = random.Random(20261126)
    for _ in range(300):
        pool = ["".join(dice.choices("ab/-.é\U0001f3ac", k=dice.randint(1, 6))).strip("/") or "a" for _ in range(12)]
        rows, objects = {*dice.sample(pool, 6)}, {*dice.sample(pool, 6)}
        outcome = found([row(key) for key in rows], [there(key) for key in objects], order=order)
        assert {key for kind, key in outcome if kind is FindingKind.MISSING} == rows - objects
        assert {key for kind, key in outcome if kind is FindingKind.FOREIGN} == objects - rows
        assert len(outcome) == len(rows ^ objects)


def test_a_listing_that_goes_back_is_refused_and_not_misread() -> None:
    tree = [there("a/x"), there("a-b")]
    with pytest.raises(OutOfOrder):
        list(merge([], tree, Counts()))
    assert len(list(merge([], tree, Counts(), order=Order.TREE))) == 2
    with pytest.raises(OutOfOrder):
        list(merge([row("b"), row("a")], [], Counts()))


COUNT = 100_000


def _rows() -> Iterator[Expected]:
    for number in range(COUNT):
        if number % 1_000 != 7:
            yield row(f"proxies/{number:09}", 10)


def _objects() -> Iterator[Listed]:
    for number in range(COUNT):
        if number % 1_000 != 3:
            yield there(f"proxies/{number:09}", 11 if number % 1_000 == 5 else 10)


def test_a_hundred_thousand_keys_are_compared_in_little_memory() -> None:
    counts, kinds = Counts(), Counter[FindingKind]()
    before, most_blocks = sys.getallocatedblocks(), 0
    for finding in merge(_rows(), _objects(), counts):
        kinds[finding.kind] += 1
        most_blocks = max(most_blocks, sys.getallocatedblocks() - before)
    assert kinds == {FindingKind.FOREIGN: 100, FindingKind.MISSING: 100, FindingKind.MISMATCHED: 100}
    assert (counts.objects, counts.expected) == (99_900, 99_900)
    assert most_blocks < 2_000  # a key that was kept would take some blocks each
