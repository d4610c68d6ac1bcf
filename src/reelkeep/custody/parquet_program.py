"""Inside the sandbox: reads one Parquet file by ranges that it asks for, and sends its rows.

Talks on the channel alone. In: ``file`` (size_bytes), and ``bytes`` after each ``read``. Out: ``read`` (offset,
length), ``rows`` (JSON: lists in the order of COLUMNS), ``lacks`` (column), ``end``. Whatever is wrong with the file
ends this process with the library's own error; nobody outside needs its words.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, Final

from arro3.core import Array, DataType, RecordBatch, Schema
from arro3.io import read_parquet

from reelkeep.isolation.channel import Channel, Message

# S3 User Guide, "Locating your inventory list": the manifest's fileSchema of a report in Parquet.
COLUMNS: Final = ("bucket", "key", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag")
NEEDED: Final = ("bucket", "key", "size")
ROWS_AT_ONCE: Final = 1_024
MAX_READ_BYTES: Final = 1 << 20
_MILLISECONDS: Final = DataType.timestamp("ms")


def main(channel: Channel) -> None:
    """Read the file whose size the first message tells."""
    file = io.BufferedReader(_Remote(channel, int(channel.receive().fields["size_bytes"])), MAX_READ_BYTES)
    batches = read_parquet(file, batch_size=ROWS_AT_ONCE)
    lacking = _lacking(batches.schema)
    if lacking is not None:
        channel.send(Message("lacks", {"column": lacking}))
        return
    for batch in batches:
        rows = list(zip(*(_column(batch, name) for name in COLUMNS), strict=True))
        channel.send(Message("rows", body=json.dumps(rows, separators=(",", ":")).encode()))
    channel.send(Message("end"))


class _Remote(io.RawIOBase):
    """The file outside, which only the other end of the channel can read."""

    def __init__(self, channel: Channel, size_bytes: int) -> None:
        self._channel, self._size_bytes, self._place = channel, size_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size_bytes}[whence] + offset
        if self._place < 0:
            raise ValueError("a place before the file's start")
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        length = max(0, min(len(view), self._size_bytes - self._place, MAX_READ_BYTES))
        if not length:
            return 0
        self._channel.send(Message("read", {"offset": self._place, "length": length}))
        body = self._channel.receive().body
        view[: len(body)] = body
        self._place += len(body)
        return len(body)


def _lacking(schema: Schema) -> str | None:
    """Return a column that the report needs and does not have, or that is of another type than AWS documents."""
    for name in COLUMNS:
        if schema.names.count(name) != 1:
            if name in NEEDED or name in schema.names:
                return name
        elif not _fits(name, schema.field(name).type):
            return name
    return None


def _fits(name: str, kind: DataType) -> bool:
    if name == "size":
        return DataType.is_integer(kind)
    if name == "last_modified_date":
        return DataType.is_timestamp(kind)
    if name.startswith("is_"):
        return DataType.is_boolean(kind)
    return DataType.is_string(kind) or DataType.is_large_string(kind)


def _column(batch: RecordBatch, name: str) -> Sequence[Any]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    column = batch.column(name)
    assert isinstance(column, Array)
    if name == "last_modified_date":
        column = column.cast(_MILLISECONDS).cast(DataType.int64())
    return list(column.to_pylist())
