"""Reports of S3 Inventory: read as AWS documents them, sorted, and refused in words where they are none."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.services.inventory import write_report

from reelkeep.custody.inventory import open_inventory
from reelkeep.custody.inventory_rows import InventoryRefused


def test_rows_of_many_files_come_in_the_order_of_keys(tmp_path: Path) -> None:
    keys = [f'originals/{number:05}/Läufer +&,"\n.mov' for number in range(1_000)]
    random.Random(1).shuffle(keys)
    rows = [(key, True, False, 7, "e") for key in keys]
    found = open_inventory(write_report(tmp_path, rows[:400], rows[400:]))
    listed = list(found.listed("", rows_in_a_run=100))
    assert [one.key for one in listed] == sorted(keys)
    assert {(one.size_bytes, one.etag, one.is_latest) for one in listed} == {(7, "e", True)}
    assert (found.bucket, found.made_at.year, listed[0].modified_at.day) == ("acme-media", 2026, 20)


def test_only_what_lies_below_the_prefix_is_listed_with_its_versions(tmp_path: Path) -> None:
    rows = [
        ("media/a", True, False, 1, "x"),
        ("media/a", False, False, 2, "y"),
        ("media/b", True, True, "", ""),
        ("media-2/c", True, False, 3, "z"),
    ]
    listed = list(open_inventory(write_report(tmp_path, rows)).listed("media"))
    assert [(one.key, one.is_latest, one.is_delete_marker, one.size_bytes) for one in listed] == [
        ("a", True, False, 1),
        ("a", False, False, 2),
        ("b", True, True, 0),
    ]


def _spoil(path: Path) -> None:
    data = path.parent.parent / "data" / "0.csv.gz"
    data.write_bytes(data.read_bytes()[:-9])


def _take_away(path: Path) -> None:
    (path.parent.parent / "data" / "0.csv.gz").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_spoil, "MD5 differs"),
        (_take_away, "is not there"),
        (lambda path: path.write_text("no JSON"), "cannot be read as a manifest"),
        (lambda path: path.write_text("[]"), "cannot be read as a manifest"),
    ],
)
def test_a_damaged_report_is_refused(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    path = write_report(tmp_path, [("a", True, False, 1, "x")])
    spoil(path)
    with pytest.raises(InventoryRefused, match=words):
        list(open_inventory(path).listed(""))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"fileFormat": "ORC"}, "in the format ORC"),
        ({"fileSchema": "Bucket, Key"}, "no column Size"),
        ({"fileSchema": "Bucket, Key, Size"}, "another number of columns"),
        ({"sourceBucket": "other"}, "of another bucket"),
        ({"files": [{"key": "a/..", "MD5checksum": ""}]}, "without a name"),
    ],
)
def test_another_kind_of_report_is_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    path = write_report(tmp_path, [("a", True, False, 1, "x")], **changed)
    with pytest.raises(InventoryRefused, match=words):
        list(open_inventory(path).listed(""))
