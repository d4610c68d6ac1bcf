"""A data file of an S3 Inventory report in Parquet, read in a sandbox.

Parquet is a nest of lengths, offsets and compressed pages, and whoever can write into the bucket's inventory chooses
them. So the parser (``parquet_program``) runs as the codec does: no network, no file, bounded memory, and a fresh
sandbox for each data file. It asks for ranges of the file and sends rows back, and what it sends is checked here as if
it came from the bucket itself. Any end that is not its own word is the file's fault.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any, Final

from reelkeep.custody import parquet_program
from reelkeep.custody.inventory_rows import UNKNOWN_TIME, DataFile, InventoryRefused, Row
from reelkeep.isolation.channel import BadFrame, Channel, ChannelClosed, Message
from reelkeep.isolation.sandbox import Limits, start_sandboxed
from reelkeep.isolation.view import Bind

LIMITS: Final = Limits(data_bytes=1 << 30, cpu_seconds=3_600)  # pages are 1 MiB by the format's habit; see ADR 0018
SILENCE_SECONDS: Final = 120.0  # between two messages, each of which is one range or one batch of rows
_PACKAGES: Final = ("arro3.core", "arro3.io", "typing_extensions")
_INSIDE: Final = "/packages/reelkeep/custody"


def require_reader() -> None:
    """Raise InventoryRefused where the library that reads Parquet is not installed."""
    if importlib.util.find_spec("arro3") is None:
        raise InventoryRefused(
            "the report is in Parquet, and the library that reads it is not installed",
            advice="Install the extra with `.venv/bin/pip install --require-hashes -r requirements/parquet.txt`, or "
            "let the bucket's inventory be written in CSV, which needs nothing.",
        )


def rows(file: DataFile, *, limits: Limits = LIMITS) -> Generator[tuple[str, Row], None, None]:
    """Yield the bucket and the row of each object.

    Raises:
        InventoryRefused: no such file, or none that can be read within the limits.
        IsolationError: there can be no sandbox on this machine; nothing was parsed.
    """
    require_reader()
    with file.opened() as opened:
        here = Path(parquet_program.__file__).parent
        binds = tuple(Bind(here / name, f"{_INSIDE}/{name}") for name in ("__init__.py", "parquet_program.py"))
        with start_sandboxed(parquet_program.__name__, packages=_PACKAGES, extra=binds, limits=limits) as program:
            program.channel.limit(SILENCE_SECONDS)
            try:
                yield from _talk(program.channel, opened, file.path.name)
            except (ChannelClosed, BadFrame):
                raise InventoryRefused(f"{file.path.name} cannot be read as Parquet within the limits") from None


def _talk(channel: Channel, file: IO[bytes], name: str) -> Iterator[tuple[str, Row]]:
    size_bytes = os.fstat(file.fileno()).st_size
    channel.send(Message("file", {"size_bytes": size_bytes}))
    while (message := channel.receive()).kind != "end":
        if message.kind == "read":
            channel.send(Message("bytes", body=_range(file, size_bytes, message)))
        elif message.kind == "rows":
            yield from _rows(message.body)
        elif message.kind == "lacks":
            column = next((one for one in parquet_program.COLUMNS if one == message.fields.get("column")), "it needs")
            raise InventoryRefused(f"{name} has no column {column}, or one of another type")
        else:
            raise BadFrame("the program said something that it does not know")


def _range(file: IO[bytes], size_bytes: int, message: Message) -> bytes:
    offset, length = message.fields.get("offset"), message.fields.get("length")
    if type(offset) is not int or type(length) is not int or not 0 <= offset <= size_bytes:
        raise BadFrame("a range of the file is none")
    file.seek(offset)
    return file.read(max(0, min(length, parquet_program.MAX_READ_BYTES)))


def _rows(body: bytes) -> Iterator[tuple[str, Row]]:
    try:
        table = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadFrame("rows are not JSON") from error
    if not isinstance(table, list):
        raise BadFrame("rows are no list")
    for values in table:
        yield _row(values)


def _row(values: Any) -> tuple[str, Row]:
    """Return bucket and row of what the program sent, in the order of its COLUMNS; raise InventoryRefused."""
    match values:
        case [
            str(bucket),
            str(key),
            bool() | None as latest,
            bool() | None as marker,
            int() | None as size,
            int() | None as modified,
            str() | None as etag,
        ] if (size is not None or marker) and not isinstance(size, bool):
            seconds = UNKNOWN_TIME if modified is None else modified / 1_000
            return bucket, Row(key, latest is False, marker is True, 0 if marker else size or 0, etag or "", seconds)
        case _:
            raise InventoryRefused("a row of the report has a key, a size or a date that is none")
