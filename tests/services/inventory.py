"""Writes reports of S3 Inventory as AWS does (User Guide, "Locating your inventory list")."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
