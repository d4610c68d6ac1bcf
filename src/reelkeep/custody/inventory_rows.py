"""One row of an S3 Inventory report, whatever its format, and the files that rows come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final, NamedTuple

from reelkeep.errors import RequestError

MAX_KEY_BYTES: Final = 1_024  # S3 User Guide, "Naming Amazon S3 objects"
MAX_ETAG_CHARACTERS: Final = 64  # an MD5 in hex, and the number of parts behind a dash
MAX_SIZE_BYTES: Final = (1 << 63) - 1  # of the report's own type; what S3 allows grows
MAX_SECONDS: Final = 253_402_300_799.0  # the end of the year 9999, after which datetime has nothing
UNKNOWN_TIME: Final = -1.0


class InventoryRefused(RequestError):
    """This is no S3 Inventory report that can be read here."""

    code = "inventory"
    default_advice = (
        "Give the manifest.json of a report in CSV or Parquet with the columns Size and ETag; its data files lie "
        "beside it as in the destination bucket."
    )


class Row(NamedTuple):
    """In this order, so that a key's latest version comes first when rows are sorted."""

    key: str
    is_earlier: bool
    is_delete_marker: bool
    size_bytes: int
    etag: str
    modified_seconds: float  # since 1970; UNKNOWN_TIME if the report has no such column


@dataclass(frozen=True)
class DataFile:
    """A data file as the manifest names it."""

    path: Path
    md5: str  # hex

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        """Open the file at its start, if it is the one that the manifest names; raise InventoryRefused."""
        with self._open() as file:
            if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() != self.md5:
                raise InventoryRefused(f"{self.path.name} is not the file that the manifest names: its MD5 differs")
            file.seek(0)
            yield file

    def _open(self) -> BufferedReader:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            raise InventoryRefused(f"the data file {self.path.name} is not there") from None
        except OSError:
            raise InventoryRefused(f"the data file {self.path.name} cannot be opened") from None


def checked(row: Row) -> Row:
    """Return a row whose values can be those of an object; raise InventoryRefused."""
    if not 1 <= len(row.key.encode("utf-8", "surrogatepass")) <= MAX_KEY_BYTES:
        raise InventoryRefused(f"a key of the report has not 1 to {MAX_KEY_BYTES:,} bytes")
    if not 0 <= row.size_bytes <= MAX_SIZE_BYTES or row.modified_seconds > MAX_SECONDS:
        raise InventoryRefused("a row of the report has a size or a date that no object can have")
    if len(row.etag) > MAX_ETAG_CHARACTERS:
        raise InventoryRefused("an ETag of the report is longer than S3 makes them")
    return row
