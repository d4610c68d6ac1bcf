"""A data file of an S3 Inventory report in CSV, gzip.

Follows the Amazon S3 User Guide, "Amazon S3 Inventory list": no header, the manifest names the columns, and keys are
URL-encoded in this format.
"""

from __future__ import annotations

import csv
import gzip
import io
import urllib.parse
import zlib
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Final

from reelkeep.custody.inventory_rows import UNKNOWN_TIME, DataFile, InventoryRefused, Row

MAX_FIELD_CHARACTERS: Final = 8_192  # a key has 1,024 bytes, three characters for each when encoded
NEEDED: Final = ("Bucket", "Key", "Size")


def columns_of(schema: str) -> Sequence[str]:
    """Return the columns that a manifest's ``fileSchema`` names; raise InventoryRefused if one that is needed lacks."""
    columns = [one.strip() for one in schema.split(",")]
    if missing := [one for one in NEEDED if one not in columns]:
        raise InventoryRefused(f"the report has no column {missing[0]}")
    return columns


def rows(file: DataFile, columns: Sequence[str]) -> Generator[tuple[str, Row], None, None]:
    """Yield the bucket and the row of each line; raise InventoryRefused where there is something else."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        with (
            file.opened() as packed,
            gzip.open(packed) as raw,
            io.TextIOWrapper(raw, encoding="utf-8", newline="") as text,
        ):
            for values in csv.reader(text):
                if len(values) != len(columns):
                    raise InventoryRefused(f"a row of {file.path.name} has another number of columns")
                fields = dict(zip(columns, values, strict=True))
                yield fields["Bucket"], _row(fields)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error):
        raise InventoryRefused(f"{file.path.name} cannot be read as gzip and CSV") from None


def _row(fields: Mapping[str, str]) -> Row:
    try:
        key = urllib.parse.unquote_plus(fields["Key"], errors="strict")
        marker, latest = fields.get("IsDeleteMarker") == "true", fields.get("IsLatest", "true") != "false"
        modified = fields.get("LastModifiedDate")
        seconds = datetime.fromisoformat(modified).timestamp() if modified else UNKNOWN_TIME
        size = 0 if marker else int(fields["Size"])
    except (ValueError, OverflowError):
        raise InventoryRefused("a row of the report has a key, a size or a date that is none") from None
    return Row(key, not latest, marker, size, fields.get("ETag", ""), seconds)
