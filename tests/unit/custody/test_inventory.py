"""Reports of S3 Inventory: read as AWS documents them, sorted, and refused in words where they are none."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reelkeep.custody.inventory import InventoryRefused, open_inventory

COLUMNS = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag")


def write_report(folder: Path, *parts: Sequence[tuple[Any, ...]], **changed: Any) -> Path:
    """Write a report as it lies in its destination bucket; each row is key, latest, delete marker, size, etag."""
    (folder / "data").mkdir(parents=True)
    files = []
    for number, rows in enumerate(parts):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for key, latest, marker, size, etag in rows:
            bools = ["true" if one else "false" for one in (latest, marker)]
            name = urllib.parse.quote(key, safe="/")
            writer.writerow(("acme-media", name, "v", *bools, size, "2026-11-20T01:02:03.000Z", etag))
        body = gzip.compress(text.getvalue().encode())
        (folder / "data" / f"{number}.csv.gz").write_bytes(body)
        md5 = hashlib.md5(body).hexdigest()
        files.append({"key": f"inv/acme-media/daily/data/{number}.csv.gz", "size": len(body), "MD5checksum": md5})
    manifest = {
        "sourceBucket": "acme-media",
        "destinationBucket": "arn:aws:s3:::acme-inventory",
        "version": "2016-11-30",
        "creationTimestamp": "1795651200000",
        "fileFormat": "CSV",
        "fileSchema": ", ".join(COLUMNS),
        "files": files,
        **changed,
    }
    path = folder / "2026-11-26T00-00Z" / "manifest.json"
    path.parent.mkdir()
    path.write_text(json.dumps(manifest))
    return path


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
        ({"fileFormat": "Parquet"}, "in the format Parquet"),
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
