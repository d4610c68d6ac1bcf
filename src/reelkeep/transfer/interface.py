"""What a client asks of the platform, and the values that cross. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reelkeep.errors import ReelkeepError


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
class SmallFile:
    """A file that goes by one PUT, as the platform is told of it."""

    folder: str  # "a/b" below the production's top, "" for the top itself
    file_name: str
    size_bytes: int
    crc32: bytes
    sha256: bytes
    client_key: str


@dataclass(frozen=True)
class SmallTicket:
    id: str
    version_id: str
    asset_id: str
    request: SignedRequest


@dataclass(frozen=True)
class FrameFile:
    """A frame of a sequence, as the platform is told of it."""

    file_name: str
    size_bytes: int
    crc32: bytes
    sha256: bytes


@dataclass(frozen=True)
class SequenceTicket:
    id: str
    version_id: str
    asset_id: str
    name: str  # "shot.####.exr"


@dataclass(frozen=True)
class StoredFrame:
    """A frame of a stored sequence."""

    number: int
    file_name: str
    size_bytes: int
    sha256: bytes | None


@dataclass(frozen=True)
class Original:
    """The newest stored version of an asset."""

    version_id: str
    folder: str
    file_name: str
    size_bytes: int
    sha256: bytes | None
    frames: int = 0  # of an image sequence, which is as many files


@dataclass(frozen=True)
class DownloadLink:
    url: str = field(repr=False)
    file_name: str
    size_bytes: int
    sha256: bytes | None
    crc32: bytes | None
    expires_at: datetime


@dataclass(frozen=True)
class ProxyTicket:
    """The right to fetch a proxy as a file, part by part, for some minutes."""

    base: str = field(repr=False)  # the address of part N is base/N; a secret until it ends
    rendition: str
    file_name: str  # of the original
    parts_total: int
    about_bytes: int  # a little more than the file will have
    made: str  # another one when the proxy has been made again
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

    def begin_upload(
        self, production_id: str, file_name: str, size_bytes: int, client_key: str, folder: str = ""
    ) -> UploadTicket: ...

    def sign_parts(self, upload_id: str, parts: Sequence[tuple[int, bytes]]) -> Sequence[SignedRequest]: ...

    def complete_upload(self, upload_id: str, crc32: bytes, sha256: bytes) -> None: ...


class FolderApi(UploadApi, Protocol):
    """The platform's side of many uploads."""

    def known_uploads(self, production_id: str, client_keys: Sequence[str]) -> Mapping[str, str]:
        """Return which files were uploaded before, whole: client key to version. At most 1,000 at once."""

    def begin_small(self, production_id: str, files: Sequence[SmallFile]) -> Sequence[SmallTicket | ReelkeepError]:
        """Answer in the same order; at most 100 at once. Raise PartsOnly where the store is not fit for it."""

    def complete_small(self, production_id: str, arrived: Mapping[str, bytes]) -> Mapping[str, str | ReelkeepError]:
        """Say that uploads have arrived, each with its CRC-32; return the version of each, or what is wrong."""


class DownloadApi(Protocol):
    def download_link(self, version_id: str) -> DownloadLink: ...


class ProxyApi(Protocol):
    def proxy_ticket(self, version_id: str, rendition: str = "") -> ProxyTicket:
        """Ask for a proxy; "" is the largest. Raise Conflict while it is being made."""

    def proxy_part(self, ticket: ProxyTicket, number: int) -> bytes:
        """Return one part, whole. Raise NotFound once the ticket has ended, ChecksumMismatch for broken bytes."""


class ProductionApi(DownloadApi, Protocol):
    """The platform's side of many downloads."""

    def originals(self, production_id: str) -> Iterator[Original]: ...

    def download_links(self, production_id: str, version_ids: Sequence[str]) -> Sequence[tuple[str, datetime]]:
        """Return an address and when it ends for each, in the same order; at most 100 at once."""
