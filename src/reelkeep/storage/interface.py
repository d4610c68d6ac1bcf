"""Ports to a company's object store, and the values that cross them. Pure; no I/O.

The shape follows Amazon S3 (API version 2006-03-01) and AWS STS AssumeRole (2011-06-15).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reelkeep.contract import wrapping_statements
from reelkeep.ids import CompanyId, ConnectionId, GrantId
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.private_endpoints import PrivateEndpoints

GRANT_PARAMETER = "x-reelkeep"  # S3 ignores and logs query parameters that begin with "x-"


class Capability(enum.Enum):
    """What a store can do beyond the common ground; found by a probe, never assumed from its name."""

    CONDITIONAL_PUT = "conditional_put"  # If-None-Match: *
    FULL_OBJECT_CRC32 = "full_object_crc32"  # ChecksumType FULL_OBJECT on multipart uploads
    EXPECTED_OWNER = "expected_owner"
    EXTERNAL_ID = "external_id"


class Wrapped(enum.Enum):
    """What a company's own key wraps; it stands in the encryption context of each call."""

    COMPANY_KEY = wrapping_statements.COMPANY_KEY
    PROBE = wrapping_statements.PROBE  # bytes that mean nothing: shows whether the key opens, and tells no secret


@dataclass(frozen=True)
class WrappingKey:
    """The company's own KMS key, which wraps its company key. It is used with the role of its connection alone.

    Args:
        company_id: stands in the encryption context beside the connection's external id.
        probe: ``Wrapped.PROBE`` as this key wrapped it.
    """

    arn: str
    company_id: CompanyId
    probe: bytes = field(default=b"", repr=False)


class KeyWrapping(Protocol):
    """Wraps small secrets under the company's own key, which never leaves its KMS.

    Both raise:
        WrappingKeyClosed: the key refuses; nothing was wrapped or unwrapped.
        DependencyError: KMS does not answer.
    """

    def wrap(self, plain: bytes, what: Wrapped) -> bytes: ...

    def unwrap(self, wrapped: bytes, what: Wrapped) -> bytes: ...


@dataclass(frozen=True)
class StorageConnection:
    """Where a company's media lies and how the platform is let in. Holds no secret."""

    id: ConnectionId
    bucket: str
    region: str
    prefix: str  # "" or "a/b"
    role_arn: str
    external_id: str
    endpoint_url: str | None  # None: AWS
    sts_endpoint_url: str | None
    path_style: bool
    capabilities: frozenset[Capability]
    name: str = ""  # as people call it; unique in a company
    state: ConnectionState = ConnectionState.ACTIVE  # the registry always says it; made by hand, it is in use
    is_hosted: bool = False  # the operator's own, below a prefix of this company
    revoked_by: Revocation | None = None
    has_marker: bool = False  # ``storage.marker`` was written there, so its absence says something
    wrapping_key: WrappingKey | None = None  # the company key opens with it; one connection of a company at most
    links_from: tuple[str, ...] = ()  # networks or VPC endpoints, from which alone links are good; (): from everywhere
    private: PrivateEndpoints | None = None  # an isolated one: nobody uses its public name; None: a direct one

    @property
    def platform_url(self) -> str | None:
        """Where the platform itself asks; None: AWS, by the bucket's public name."""
        return self.private.platform if self.private is not None else self.endpoint_url

    @property
    def waits_for_key(self) -> bool:
        """Tell whether nothing refuses here, but the wrapping key of another connection does."""
        return self.revoked_by is Revocation.WRAPPING_KEY and self.wrapping_key is None


class Purpose(enum.Enum):
    """What an STS session is for. Each has one session policy, in ``storage.session_policy``."""

    UPLOAD = "upload"  # create, sign parts, list parts, complete, abort, head: originals of one production
    ATTACH = "attach"  # what UPLOAD does, and get: LUTs of the company
    DOWNLOAD = "download"  # get originals of one production
    PLAYBACK = "playback"  # get proxies of the company
    READ_ORIGINAL = "read_original"  # get one original (a job)
    WRITE_PROXY = "write_proxy"  # put and list one version's proxies (a job)
    CLEAN_PROXY = "clean_proxy"  # list and delete one version's proxies (a job); it can neither read nor write
    END_UPLOADS = "end_uploads"  # list unfinished uploads and abort those of originals (a job); no object is reached
    BACK_UP = "back_up"  # write one backup of the company's database (an operator's command); it reads nothing
    READ_BACKUPS = "read_backups"  # list and get backups of the company's database (an operator's command)
    PURGE = "purge"  # take the original of a deleted version out for good; with the company's purge role alone
    AUDIT = "audit"  # list everything below the connection's prefix; no object is reached (an operator's command)
    PROBE = "probe"  # find out capabilities below "probe/<id>/", when a connection is made
    MARK = "mark"  # write and read the marker, when a connection is made
    WRAP = "wrap"  # wrap the company key with the company's own key, and unwrap it (an operator's command)
    UNWRAP = "unwrap"  # unwrap the company key with the company's own key; no object is reached
    WATCH = "watch"  # read the marker, and unwrap the probe, while media is in use: are we still let in?


@dataclass(frozen=True)
class SessionRequest:
    """Ask for an STS session. ``scope`` is made of ids and slugs only: a policy holds no user's text.

    Args:
        scope: the key prefix below the connection's prefix that the session may reach; it ends in "/".
        grant_id: set where the session itself is the grant (its RoleSessionName); None where each request is signed
            with its own grant id.
        links_from: set where presigned links are made with it: the networks or VPC endpoints from which alone they
            are good. The broker puts its own knowledge in their place.
    """

    connection_id: ConnectionId
    purpose: Purpose
    scope: str
    grant_id: GrantId | None = None
    links_from: tuple[str, ...] = ()


@dataclass(frozen=True)
class StsSession:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


class SessionBroker(Protocol):
    """Hands out STS sessions: asked over the socket pair that a process was born with, made in the supervisor."""

    def session(self, request: SessionRequest) -> StsSession:
        """Return a session with at least ten minutes left.

        Raises:
            StorageSetupError: the role refuses us (nothing was changed).
            DependencyError: STS does not answer.
        """


@dataclass(frozen=True)
class ObjectFacts:
    key: str
    size_bytes: int
    crc32: bytes | None = None  # full-object CRC-32, where the store keeps one
    etag: str | None = None  # without quotes; says whether an object was written again, nothing about its bytes


@dataclass(frozen=True)
class Part:
    number: int  # from 1 to 10,000
    size_bytes: int
    etag: str
    crc32: bytes | None = None


@dataclass(frozen=True)
class UnfinishedUpload:
    key: str
    upload_id: str
    begun_at: datetime  # aware UTC, by the store's clock


@dataclass(frozen=True)
class PresignedRequest:
    """One request that the client makes itself, straight to the bucket. The URL is a secret until it expires."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    expires_at: datetime


class ObjectStore(Protocol):
    """One connection, opened with one session: reaches nothing else. ``key`` is below the connection's prefix.

    Every method takes the grant that accounts for it and raises:
        NotFound: no such object.
        StorageSetupError: the store refuses (403, no such bucket).
        DependencyError: no answer, 5xx, or a reset, after the adapter's own retries.
    """

    def head(self, key: str, *, grant: GrantId) -> ObjectFacts: ...

    def get(self, key: str, *, offset: int, length: int, grant: GrantId) -> bytes | bytearray: ...

    def put_new(self, key: str, body: bytes, *, content_type: str, grant: GrantId) -> None:
        """Write an object whole. An object that is already there is never replaced: Conflict."""

    def list(self, prefix: str, *, grant: GrantId) -> Iterator[ObjectFacts]: ...

    def delete(self, keys: Sequence[str], *, grant: GrantId) -> None: ...

    def create_upload(self, key: str, *, content_type: str, grant: GrantId) -> str: ...

    def presign_part(
        self, key: str, upload_id: str, *, number: int, size_bytes: int, crc32: bytes, seconds: int, grant: GrantId
    ) -> PresignedRequest: ...

    def presign_put(
        self, key: str, *, size_bytes: int, crc32: bytes, content_type: str, seconds: int, grant: GrantId
    ) -> PresignedRequest:
        """Sign one PUT of a whole object with these very bytes; the store answers 412 if the key is taken.

        For stores with CONDITIONAL_PUT and FULL_OBJECT_CRC32 only: elsewhere the link could replace an object.
        """

    def list_parts(self, key: str, upload_id: str, *, grant: GrantId) -> Sequence[Part]: ...

    def list_uploads(self, prefix: str, *, grant: GrantId) -> Iterator[UnfinishedUpload]:
        """Return the multipart uploads below ``prefix`` that were begun and neither completed nor aborted."""

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: bytes | None = None, grant: GrantId
    ) -> ObjectFacts:
        """Put the parts together; ``crc32`` of the whole is checked by the store where it can.

        Raises:
            ChecksumMismatch: the whole is not what the client sent; no object was made.
            Conflict: the parts are not those of the upload, or another object has the key, which is never replaced
                (on stores with CONDITIONAL_PUT); the upload stays open.
        """

    def abort_upload(self, key: str, upload_id: str, *, grant: GrantId) -> None: ...

    def presign_get(self, key: str, *, file_name: str, seconds: int, grant: GrantId) -> PresignedRequest: ...


class RangeReader(Protocol):
    """Reads one object by ranges, several in flight: the fast path for originals (obstore)."""

    def read(self, offset: int, length: int) -> bytes: ...

    def of(self, key: str, size_bytes: int) -> RangeReader:
        """Return a reader of another object under the same scope, with the same session and connections."""
