"""Writes reports of S3 Inventory as AWS does (User Guide, "Locating your inventory list")."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

COLUMNS = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag")


def write_report(folder: Path, *parts: Sequence[tuple[Any, ...]], bucket: str = "acme-media", **changed: Any) -> Path:
    """Write a report as it lies in its destination bucket; each row is key, latest, delete marker, size, etag."""
    (folder / "data").mkdir(parents=True)
    files = []
    for number, rows in enumerate(parts):
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for key, latest, marker, size, etag in rows:
            bools = ["true" if one else "false" for one in (latest, marker)]
            name = urllib.parse.quote(key, safe="/")
            writer.writerow((bucket, name, "v", *bools, size, "2026-11-20T01:02:03.000Z", etag))
        body = gzip.compress(text.getvalue().encode())
        (folder / "data" / f"{number}.csv.gz").write_bytes(body)
        md5 = hashlib.md5(body).hexdigest()
        files.append({"key": f"inv/acme-media/daily/data/{number}.csv.gz", "size": len(body), "MD5checksum": md5})
    manifest = {
        "sourceBucket": bucket,
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


PARQUET_SCHEMA = (
    "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional binary version_id "
    "(UTF8); optional boolean is_latest; optional boolean is_delete_marker; optional int64 size; optional int64 "
    "last_modified_date (TIMESTAMP_MILLIS); optional binary e_tag (UTF8);}"
)
MODIFIED_MS = 1_795_136_523_000  # 2026-11-20T01:02:03Z


def parquet_table(rows: Sequence[tuple[Any, ...]], source: str = "acme-media", **changed: Any) -> Table:
    """Return rows as AWS writes them in Parquet; ``changed`` gives other values of a column, or None: without it."""
    text, many = DataType.string(), len(rows)
    keys, latest, markers, sizes, etags = (list(values) for values in zip(*rows, strict=True))
    columns: dict[str, tuple[list[Any], DataType]] = {
        "bucket": ([source] * many, text),
        "key": (keys, text),
        "version_id": (["v"] * many, text),
        "is_latest": (latest, DataType.bool()),
        "is_delete_marker": (markers, DataType.bool()),
        "size": ([None if size == "" else size for size in sizes], DataType.int64()),
        "last_modified_date": ([MODIFIED_MS] * many, DataType.int64()),
        "e_tag": ([etag or None for etag in etags], text),
    }
    arrays = {name: Array(values, type=kind) for name, (values, kind) in columns.items()}
    arrays["last_modified_date"] = arrays["last_modified_date"].cast(DataType.timestamp("ms", tz="UTC"))
    for name, values in changed.items():
        if values is None:
            del arrays[name]
        else:
            arrays[name] = Array(values, type=text if isinstance(values[0], str) else DataType.int64())
    return Table.from_pydict(arrays)


def write_parquet_report(
    folder: Path, *parts: Sequence[tuple[Any, ...]] | Table, bucket: str = "acme-media", **changed: Any
) -> Path:
    """Write a report in Parquet as it lies in its destination bucket; rows as in ``write_report``, or whole tables."""
    (folder / "data").mkdir(parents=True)
    files = []
    for number, rows in enumerate(parts):
        path = folder / "data" / f"{number}.parquet"
        table = rows if isinstance(rows, Table) else parquet_table(rows, bucket)
        write_parquet(table, path, compression="snappy", skip_arrow_metadata=True)
        files.append({"key": f"inv/acme-media/daily/data/{path.name}", "size": path.stat().st_size, "MD5checksum": ""})
    path = folder / "2026-11-26T00-00Z" / "manifest.json"
    path.parent.mkdir()
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": "arn:aws:s3:::acme-inventory",
        "version": "2016-11-30",
        "creationTimestamp": "1795651200000",
        "fileFormat": "Parquet",
        "fileSchema": PARQUET_SCHEMA,
        "files": files,
        **changed,
    }
    path.write_text(json.dumps(manifest))
    rewrite_data(path, lambda data: data)
    return path


def rewrite_data(manifest: Path, change: Callable[[bytes], bytes]) -> None:
    """Change each data file of a report, and let the manifest name what is there now."""
    fields = json.loads(manifest.read_text())
    for file in fields["files"]:
        path = manifest.parent.parent / "data" / file["key"].rpartition("/")[2]
        path.write_bytes(change(path.read_bytes()))
        file["MD5checksum"] = hashlib.md5(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(fields))
