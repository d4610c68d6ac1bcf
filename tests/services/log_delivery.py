"""Delivers lines of S3 server access logs, as no model of AWS here does: MiniStack writes none, and moto's lines have
neither quotes nor query.

Written by hand after the Amazon S3 User Guide, "Amazon S3 server access log format", and apart from the parser;
*not verified on AWS*.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
AFTER = "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234="


def line(
    request: str,
    *,
    bucket: str = "reels",
    at: datetime | None = None,
    operation: str = "REST.GET.OBJECT",
    key: str = "a/b.mov",
    status: int = 200,
    error: str = "-",
    referer: str = "-",
    agent: str = "Boto3/1.40",
    version_id: str = "-",
) -> str:
    """Return the line of one request, given by its first line."""
    moment = (at or datetime.now(UTC)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    requester = "arn:aws:sts::222222222222:assumed-role/reelkeep-media/acme"
    return (
        f"{OWNER} {bucket} [{moment}] 192.0.2.3 {requester} 3E57427F3EXAMPLE {operation} {key} "
        f'"{request}" {status} {error} 113 113 7 5 "{referer}" "{agent}" {version_id} {AFTER} SigV4 '
        f"ECDHE-RSA-AES128-GCM-SHA256 AuthHeader {bucket}.s3.eu-central-1.amazonaws.com TLSv1.2 - Yes eu-central-1"
    )


def deliver(s3: Any, log_bucket: str, lines: list[str], at: datetime, prefix: str = "access/") -> str:
    """Write one log object as S3 names them; return its key."""
    key = f"{prefix}{at:%Y-%m-%d-%H-%M-%S}-E1A2B3C4D5E6F708"
    s3.put_object(Bucket=log_bucket, Key=key, Body=("\n".join(lines) + "\n").encode())
    return key
