"""Reports of S3 Inventory in Parquet: read in a sandbox, with the same rows as in CSV; hostile ones are refused."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Table
from arro3.io import write_parquet
from tests.services.inventory import parquet_table, rewrite_data, write_parquet_report, write_report

from reelkeep.custody import inventory_parquet
from reelkeep.custody.inventory import open_inventory
from reelkeep.custody.inventory_rows import InventoryRefused
from reelkeep.isolation.sandbox import Limits

ONE = [("a", True, False, 1, "x")]


def _listed(manifest: Path, **limits: Any) -> list[Any]:
    return list(open_inventory(manifest).listed("", **limits))


def test_rows_in_parquet_are_the_same_as_in_csv(tmp_path: Path) -> None:
    keys = [f'media/{number:05}/Läufer +&%41,"\n.mov' for number in range(3_000)]
    random.Random(1).shuffle(keys)
    rows: list[tuple[Any, ...]] = [(key, True, False, 7, "e") for key in keys]
    rows += [("media/a", False, False, 2, "y"), ("media/a", True, True, "", ""), ("media-2/c", True, False, 3, "z")]
    csv, parquet = (
        list(open_inventory(write(tmp_path / name, rows[:1_400], rows[1_400:])).listed("media", rows_in_a_run=700))
        for name, write in (("csv", write_report), ("parquet", write_parquet_report))
    )
    assert len(parquet) == 3_002
    assert parquet == csv
    assert (parquet[0].modified_at.day, parquet[-1].is_delete_marker) == (20, False)


def test_a_report_without_versions_lists_what_is_there_now(tmp_path: Path) -> None:
    table = parquet_table(ONE).select(["bucket", "key", "size"])
    (one,) = _listed(write_parquet_report(tmp_path, table))
    assert (one.key, one.size_bytes, one.etag, one.modified_at, one.is_latest) == ("a", 1, None, None, True)


@pytest.mark.parametrize("kept", [0, 3, 4, 60, -1, -4, -8, -12, -200])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, kept: int) -> None:
    manifest = write_parquet_report(tmp_path, [(f"{number}", True, False, 1, "x") for number in range(200)])
    rewrite_data(manifest, lambda data: data[:kept])
    with pytest.raises(InventoryRefused, match="cannot be read as Parquet"):
        _listed(manifest)


def test_a_file_with_any_wrong_bytes_is_refused_or_read_and_never_more(tmp_path: Path) -> None:
    manifest = write_parquet_report(tmp_path, [(f"k{number}", True, False, 1, "x") for number in range(50)])
    draw, whole = random.Random(7), (manifest.parent.parent / "data" / "0.parquet").read_bytes()
    refused = 0
    for _ in range(12):
        spoilt = bytearray(whole)
        for _ in range(8):
            spoilt[draw.randrange(len(spoilt) - 600, len(spoilt))] = draw.randrange(256)  # the footer is at the end
        rewrite_data(manifest, lambda _, spoilt=spoilt: bytes(spoilt))
        try:
            assert all(one.key and one.size_bytes >= 0 for one in _listed(manifest))
        except InventoryRefused:
            refused += 1
    assert refused > 6


def test_a_file_that_wants_more_memory_than_there_is_for_it_is_refused(tmp_path: Path) -> None:
    limits = Limits(data_bytes=96 << 20)
    (small,) = open_inventory(write_parquet_report(tmp_path / "small", ONE)).files
    assert len(list(inventory_parquet.rows(small, limits=limits))) == 1
    manifest = write_parquet_report(tmp_path / "large", [("a", True, False, 1, "x" * (64 << 20))])
    (large,) = open_inventory(manifest).files
    assert large.path.stat().st_size < 4 << 20  # packed
    with pytest.raises(InventoryRefused, match="within the limits"):
        list(inventory_parquet.rows(large, limits=limits))
    with pytest.raises(InventoryRefused):  # also where there is room: no ETag is as long
        _listed(manifest)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"key": None}, "no column key"),
        ({"size": None}, "no column size"),
        ({"size": ["1"]}, "no column size"),
        ({"last_modified_date": ["2026-11-20"]}, "no column last_modified_date"),
        ({"size": [-1]}, "no object can have"),
        ({"key": [""]}, "1 to 1,024 bytes"),
        ({"key": ["k" * 1_025]}, "1 to 1,024 bytes"),
        ({"bucket": ["other"]}, "of another bucket"),
    ],
)
def test_a_table_that_is_no_inventory_is_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(InventoryRefused, match=words):
        _listed(write_parquet_report(tmp_path, parquet_table(ONE, **changed)))


def test_a_missing_size_is_that_of_a_delete_marker_only(tmp_path: Path) -> None:
    with pytest.raises(InventoryRefused, match="that is none"):
        _listed(write_parquet_report(tmp_path, [("a", True, False, "", "x")]))


def test_more_rows_than_are_sorted_here_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InventoryRefused, match="more than 9 rows"):
        _listed(write_parquet_report(tmp_path, ONE * 10), max_rows=9)


def test_where_the_library_is_not_installed_the_refusal_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_parquet_report(tmp_path, ONE)
    monkeypatch.setitem(sys.modules, "arro3", None)  # as the import system says "not there"
    with pytest.raises(InventoryRefused) as refused:
        open_inventory(manifest)
    assert "requirements/parquet.txt" in refused.value.advice()


def test_what_the_parser_sends_is_believed_no_more_than_the_bucket(tmp_path: Path) -> None:
    table = Table.from_pydict({"nothing": parquet_table(ONE)["key"]})
    manifest = write_parquet_report(tmp_path, ONE)
    write_parquet(table, manifest.parent.parent / "data" / "0.parquet")
    rewrite_data(manifest, lambda data: data)
    with pytest.raises(InventoryRefused, match="no column bucket"):
        _listed(manifest)
