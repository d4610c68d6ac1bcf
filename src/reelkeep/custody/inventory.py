"""An S3 Inventory report (CSV, gzip) as a listing in the order of keys.

Follows the Amazon S3 User Guide, "Locating your inventory list" and "Amazon S3 Inventory list": ``manifest.json`` names
the files, their MD5 and their columns; keys are URL-encoded. Nothing is promised about the order of rows, so they are
sorted here: runs of some 200,000 rows are written to temporary files, keys and sizes alone, and merged.
Reports in Parquet or ORC are not read.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import heapq
import io
import json
import tempfile
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from reelkeep.errors import RequestError
from reelkeep.storage.listing import Listed

ROWS_IN_A_RUN: Final = 200_000
MAX_MANIFEST_BYTES: Final = 16 << 20
MAX_FIELD_CHARACTERS: Final = 8_192  # a key has 1,024 bytes, three characters for each when encoded
NEEDED: Final = ("Bucket", "Key", "Size")


class InventoryRefused(RequestError):
    """This is no S3 Inventory report that can be read here."""

    code = "inventory"
    default_advice = (
        "Give the manifest.json of a report in CSV with the columns Size and ETag; its data files lie beside it as in "
        "the destination bucket."
    )


@dataclass(frozen=True)
class Inventory:
    """A report's manifest."""

    bucket: str
    made_at: datetime  # when the bucket began to be listed; aware UTC
    columns: Sequence[str]
    files: Sequence[tuple[Path, str]]  # and its MD5, hex

    def listed(self, prefix: str, *, rows_in_a_run: int = ROWS_IN_A_RUN) -> Iterator[Listed]:
        """Yield what lies below a connection's prefix ("" or "a/b"), by key in the order of bytes.

        Raises:
            InventoryRefused: a file is missing, damaged, or no such table.
        """
        below = f"{prefix}/" if prefix else ""
        with contextlib.ExitStack() as files:
            folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="reelkeep-inventory-")))
            runs: list[Iterator[_Row]] = []
            for rows in _cut(self._rows(below), rows_in_a_run):
                path = folder / str(len(runs))
                with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as run:
                    run.writelines(json.dumps(row) + "\n" for row in sorted(rows))
                runs.append(_read(files.enter_context(gzip.open(path, "rt", encoding="utf-8"))))
            for key, *rest in heapq.merge(*runs):
                yield _listed(key, rest)

    def _rows(self, below: str) -> Iterator[_Row]:
        for path, md5 in self.files:
            for fields in _table(path, md5, self.columns):
                key = urllib.parse.unquote_plus(fields["Key"])
                if fields["Bucket"] != self.bucket:
                    raise InventoryRefused("a row of the report is of another bucket")
                if key.startswith(below):
                    yield _row(key[len(below) :], fields)


# key, not the latest, delete marker, size, etag, seconds since 1970: in this order a key's latest version comes first
_Row = list[Any]


def open_inventory(manifest: Path) -> Inventory:
    """Read a report's ``manifest.json``; raise InventoryRefused."""
    try:
        with manifest.open("rb") as file:
            fields = json.loads(file.read(MAX_MANIFEST_BYTES))
        if fields["fileFormat"] != "CSV":
            raise InventoryRefused(f"the report is in the format {str(fields['fileFormat'])[:20]}")
        columns = [one.strip() for one in fields["fileSchema"].split(",")]
        if missing := [one for one in NEEDED if one not in columns]:
            raise InventoryRefused(f"the report has no column {missing[0]}")
        made_at = datetime.fromtimestamp(int(fields["creationTimestamp"]) / 1000, UTC)
        files = [(_local(manifest, str(one["key"])), str(one["MD5checksum"])) for one in fields["files"]]
        return Inventory(str(fields["sourceBucket"]), made_at, columns, files)
    except InventoryRefused:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InventoryRefused(f"{manifest.name} cannot be read as a manifest") from None


def _local(manifest: Path, key: str) -> Path:
    """Return where a data file lies: beside the manifest, or in ``data`` beside its folder, as in the bucket."""
    name = key.rpartition("/")[2]
    if not name or name in (".", ".."):
        raise InventoryRefused("the manifest names a file without a name")
    beside = manifest.parent / name
    return beside if beside.exists() else manifest.parent.parent / "data" / name


def _table(path: Path, md5: str, columns: Sequence[str]) -> Iterator[Mapping[str, str]]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() != md5:
                raise InventoryRefused(f"{path.name} is not the file that the manifest names: its MD5 differs")
            file.seek(0)
            with gzip.open(file) as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
                for row in csv.reader(text):
                    if len(row) != len(columns):
                        raise InventoryRefused(f"a row of {path.name} has another number of columns")
                    yield dict(zip(columns, row, strict=True))
    except FileNotFoundError:
        raise InventoryRefused(f"the data file {path.name} is not there") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error):
        raise InventoryRefused(f"{path.name} cannot be read as gzip and CSV") from None


def _row(key: str, fields: Mapping[str, str]) -> _Row:
    try:
        marker, latest = fields.get("IsDeleteMarker") == "true", fields.get("IsLatest", "true") != "false"
        modified = fields.get("LastModifiedDate")
        seconds = datetime.fromisoformat(modified).timestamp() if modified else None
        size = 0 if marker else int(fields["Size"])
    except ValueError:
        raise InventoryRefused("a row of the report has a size or a date that is none") from None
    return [key, not latest, marker, size, fields.get("ETag", ""), -1.0 if seconds is None else seconds]


def _listed(key: str, rest: Sequence[Any]) -> Listed:
    earlier, marker, size, etag, seconds = rest
    at = datetime.fromtimestamp(seconds, UTC) if seconds >= 0 else None
    return Listed(key, size, etag or None, at, not earlier, marker)


def _cut(rows: Iterable[_Row], length: int) -> Iterator[list[_Row]]:
    run: list[_Row] = []
    for row in rows:
        run.append(row)
        if len(run) == length:
            yield run
            run = []
    if run:
        yield run


def _read(run: IO[str]) -> Iterator[_Row]:
    for line in run:
        yield json.loads(line)
