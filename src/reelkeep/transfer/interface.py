"""What a client asks of the platform, and the values that cross. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class DonePart:
    number: int
    size_bytes: int
    crc32: bytes | None  # None: the store does not tell


@dataclass(frozen=True)
class UploadTicket:
    id: str
    version_id: str
    asset_id: str
    part_bytes: int
    parts_total: int
    done_parts: Sequence[DonePart]


@dataclass(frozen=True)
class SignedRequest:
    """A presigned request. The URL is a secret until it expires."""

    number: int
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class DownloadLink:
    url: str = field(repr=False)
    file_name: str
    size_bytes: int
    sha256: bytes | None
    crc32: bytes | None
    expires_at: datetime


@dataclass(frozen=True)
class Progress:
    done_bytes: int
    total_bytes: int
    rate_bps: float  # bytes a second over the last seconds
    seconds_left: float | None  # None: not known yet


OnProgress = Callable[[Progress], None]


class UploadApi(Protocol):
    """The platform's side of an upload. Every call may be repeated. Errors are those of ``reelkeep.errors``."""

    def begin_upload(self, production_id: str, file_name: str, size_bytes: int, client_key: str) -> UploadTicket: ...

    def sign_parts(self, upload_id: str, parts: Sequence[tuple[int, bytes]]) -> Sequence[SignedRequest]: ...

    def complete_upload(self, upload_id: str, crc32: bytes, sha256: bytes) -> None: ...


class DownloadApi(Protocol):
    def download_link(self, version_id: str) -> DownloadLink: ...
