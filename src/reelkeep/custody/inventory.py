"""An S3 Inventory report (CSV or Parquet) as a listing in the order of keys.

Follows the Amazon S3 User Guide, "Locating your inventory list" and "Amazon S3 Inventory list": ``manifest.json`` names
the files and their MD5. Nothing is promised about the order of rows, so they are sorted here: runs of some 200,000 rows
are written to temporary files, keys and sizes alone, and merged. Reports in ORC are not read.
"""

from __future__ import annotations

import contextlib
import gzip
import heapq
import json
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from reelkeep.custody import inventory_csv, inventory_parquet
from reelkeep.custody.inventory_rows import DataFile, InventoryRefused, Row, checked
from reelkeep.storage.listing import Listed

ROWS_IN_A_RUN: Final = 200_000
MAX_ROWS: Final = 100_000_000  # 500 runs, which are open at once (the usual limit is 1,024), and some 10 GB of disk
MAX_MANIFEST_BYTES: Final = 16 << 20

Reader = Callable[[DataFile], Generator[tuple[str, Row], None, None]]


@dataclass(frozen=True)
class Inventory:
    """A report's manifest."""

    bucket: str
    made_at: datetime  # when the bucket began to be listed; aware UTC
    files: Sequence[DataFile]
    read: Reader  # of the report's format

    def listed(self, prefix: str, *, rows_in_a_run: int = ROWS_IN_A_RUN, max_rows: int = MAX_ROWS) -> Iterator[Listed]:
        """Yield what lies below a connection's prefix ("" or "a/b"), by key in the order of bytes.

        Raises:
            InventoryRefused: a file is missing, damaged, or no such table, or there are more than ``max_rows``.
            IsolationError: the report is in Parquet, and this machine cannot build a sandbox to read it in.
        """
        below = f"{prefix}/" if prefix else ""
        with contextlib.ExitStack() as files:
            folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="reelkeep-inventory-")))
            runs: list[Iterator[Row]] = []
            for rows in _cut(self._rows(below, max_rows), rows_in_a_run):
                path = folder / str(len(runs))
                with gzip.open(path, "wt", compresslevel=1, encoding="ascii") as run:
                    run.writelines(json.dumps(row) + "\n" for row in sorted(rows))
                runs.append(_read(files.enter_context(gzip.open(path, "rt", encoding="ascii"))))
            yield from map(_listed, heapq.merge(*runs))

    def _rows(self, below: str, max_rows: int) -> Iterator[Row]:
        left = max_rows
        for file in self.files:
            with contextlib.closing(self.read(file)) as found:
                for bucket, row in found:
                    if bucket != self.bucket:
                        raise InventoryRefused("a row of the report is of another bucket")
                    if (left := left - 1) < 0:
                        raise InventoryRefused(f"the report has more than {max_rows:,} rows")
                    if checked(row).key.startswith(below):
                        yield row._replace(key=row.key[len(below) :])


def open_inventory(manifest: Path) -> Inventory:
    """Read a report's ``manifest.json``; raise InventoryRefused."""
    try:
        with manifest.open("rb") as file:
            fields = json.loads(file.read(MAX_MANIFEST_BYTES))
        reader = _reader(str(fields["fileFormat"]), fields["fileSchema"])
        made_at = datetime.fromtimestamp(int(fields["creationTimestamp"]) / 1000, UTC)
        files = [DataFile(_local(manifest, str(one["key"])), str(one["MD5checksum"])) for one in fields["files"]]
        return Inventory(str(fields["sourceBucket"]), made_at, files, reader)
    except InventoryRefused:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InventoryRefused(f"{manifest.name} cannot be read as a manifest") from None


def _reader(file_format: str, schema: Any) -> Reader:
    """Return what reads a data file. A file in Parquet names its columns itself; the manifest's copy is not asked."""
    if file_format == "CSV":
        return partial(inventory_csv.rows, columns=inventory_csv.columns_of(schema))
    if file_format == "Parquet":
        inventory_parquet.require_reader()
        return inventory_parquet.rows
    raise InventoryRefused(f"the report is in the format {file_format[:20]}")


def _local(manifest: Path, key: str) -> Path:
    """Return where a data file lies: beside the manifest, or in ``data`` beside its folder, as in the bucket."""
    name = key.rpartition("/")[2]
    if not name or name in (".", ".."):
        raise InventoryRefused("the manifest names a file without a name")
    beside = manifest.parent / name
    return beside if beside.exists() else manifest.parent.parent / "data" / name


def _listed(row: Row) -> Listed:
    at = datetime.fromtimestamp(row.modified_seconds, UTC) if row.modified_seconds >= 0 else None
    return Listed(row.key, row.size_bytes, row.etag or None, at, not row.is_earlier, row.is_delete_marker)


def _cut(rows: Iterable[Row], length: int) -> Iterator[list[Row]]:
    run: list[Row] = []
    for row in rows:
        run.append(row)
        if len(run) == length:
            yield run
            run = []
    if run:
        yield run


def _read(run: IO[str]) -> Iterator[Row]:
    for line in run:
        yield Row(*json.loads(line))
