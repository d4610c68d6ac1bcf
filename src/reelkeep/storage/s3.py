"""The object store over Amazon S3's API, with AWS's SDK. One client for the life of a store; sessions renew themselves.

Follows the S3 API reference (2006-03-01) and Signature Version 4. On purpose there is no ACL header anywhere, no
SigV2, and no checksum that was not asked for off AWS (botocore's newer defaults break other stores).
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal

from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials

from reelkeep.errors import IsolationError, RequestError
from reelkeep.ids import GrantId
from reelkeep.storage import crc
from reelkeep.storage.direct import DirectRequests
from reelkeep.storage.interface import (
    GRANT_PARAMETER,
    Capability,
    ObjectFacts,
    Part,
    PresignedRequest,
    StorageConnection,
    StsSession,
    UnfinishedUpload,
)
from reelkeep.storage.models import fresh_session
from reelkeep.storage.signature import BucketAddress, Signer, address_at
from reelkeep.storage.translate import ObjectThere, botocore_errors

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 30.0
ATTEMPTS: Final = 4  # the first included; botocore's standard mode backs off with jitter
DELETE_BATCH: Final = 1_000  # S3 DeleteObjects
LIST_PAGE: Final = 1_000  # S3 ListObjectsV2, ListParts, ListMultipartUploads

DIRECT_SECONDS: Final = 60

_under_grant: ContextVar[GrantId | None] = ContextVar("reelkeep_grant", default=None)


def client_config(
    connection: StorageConnection,
    *,
    attempts: int = ATTEMPTS,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
) -> Config:
    """Return the client settings that a connection needs; nothing comes from the environment or from profiles."""
    checksums: Literal["when_supported", "when_required"] = (
        "when_supported" if connection.endpoint_url is None else "when_required"
    )
    return Config(
        signature_version="s3v4",
        region_name=connection.region,
        s3={"addressing_style": "path" if connection.path_style else "virtual"},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=16,
    )


class S3Store:
    """An ``ObjectStore``. Keys are below the connection's prefix. Thread-safe.

    Args:
        sessions: returns a session with some minutes left; called for every request, so it must be cheap when fresh.
        config: of the client, for whoever cannot wait as long as others.
    """

    def __init__(
        self, connection: StorageConnection, sessions: Callable[[], StsSession], config: Config | None = None
    ) -> None:
        self._connection = connection
        self._sessions = sessions
        self._client = _client(connection, sessions, config or client_config(connection))
        self._signs: Signer | None = None
        self._signs_links: Signer | None = None
        self._may_ask_twice = config is None  # directly, and where that brings no answer by the SDK
        self._direct: DirectRequests | None = None

    def head(self, key: str, *, grant: GrantId) -> ObjectFacts:
        return self._head_directly(key, grant) or self._head(key, grant)

    def _head_directly(self, key: str, grant: GrantId) -> ObjectFacts | None:
        """Ask by a presigned request of our own, a tenth of the SDK's work; None where the answer is not plainly yes.

        Retries and errors are the SDK's, which asks again.
        """
        if not self._may_ask_twice:
            return None
        headers = {"x-amz-checksum-mode": "ENABLED"}
        request = self._presign(self._own_signer(grant), "HEAD", key, {}, DIRECT_SECONDS, grant, headers)
        found = self._directly(request).head(request.url, request.headers)
        if found is None or found[0] != HTTPStatus.OK or "content-length" not in found[1]:
            return None
        names = {"ChecksumCRC32": "x-amz-checksum-crc32", "ChecksumType": "x-amz-checksum-type"}
        facts = {name: found[1].get(header) for name, header in names.items()}
        return ObjectFacts(key, int(found[1]["content-length"]), _whole_crc(facts), _bare(found[1].get("etag")))

    def _directly(self, request: PresignedRequest) -> DirectRequests:
        if self._direct is None:
            found = urllib.parse.urlsplit(request.url)
            self._direct = DirectRequests(f"{found.scheme}://{found.netloc}", CONNECT_SECONDS, READ_SECONDS)
        return self._direct

    def _head(self, key: str, grant: GrantId) -> ObjectFacts:
        with self._request(grant):
            answer = self._client.head_object(**self._at(key), ChecksumMode="ENABLED")
        return ObjectFacts(key, int(answer["ContentLength"]), _whole_crc(answer), _bare(answer.get("ETag")))

    def get(self, key: str, *, offset: int, length: int, grant: GrantId) -> bytes | bytearray:
        found = self._get_directly(key, offset, length, grant)
        return found if found is not None else self._get(key, offset, length, grant)

    def _get_directly(self, key: str, offset: int, length: int, grant: GrantId) -> bytes | bytearray | None:
        """Do as ``_head_directly`` with a range; None also where the object ends before it."""
        if not self._may_ask_twice:
            return None
        headers = {"range": _range(offset, length)}
        request = self._presign(self._own_signer(grant), "GET", key, {}, DIRECT_SECONDS, grant, headers)
        return self._directly(request).get(request.url, request.headers, offset, length)

    def _get(self, key: str, offset: int, length: int, grant: GrantId) -> bytes:
        with self._request(grant):
            answer = self._client.get_object(**self._at(key), Range=_range(offset, length))
            return bytes(answer["Body"].read())

    def put_new(self, key: str, body: bytes, *, content_type: str, grant: GrantId) -> None:
        condition = {"IfNoneMatch": "*"} if self._can(Capability.CONDITIONAL_PUT) else {}
        with self._request(grant):
            self._client.put_object(**self._at(key), Body=body, ContentType=content_type, **condition)

    def list(self, prefix: str, *, grant: GrantId) -> Iterator[ObjectFacts]:
        cut = len(self._full(""))
        token: dict[str, str] = {}
        while True:
            with self._request(grant):
                page = self._client.list_objects_v2(
                    **self._bucket(), Prefix=self._full(prefix), MaxKeys=LIST_PAGE, **token
                )
            for item in page.get("Contents", ()):
                yield ObjectFacts(item["Key"][cut:], int(item["Size"]))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, keys: Sequence[str], *, grant: GrantId) -> None:
        # One by one: DeleteObjects needs a body checksum that older stores refuse, and hides refusals in a 200.
        for key in keys:
            with self._request(grant):
                self._client.delete_object(**self._at(key))

    def create_upload(self, key: str, *, content_type: str, grant: GrantId) -> str:
        checksum = {"ChecksumAlgorithm": "CRC32"}
        if self._can(Capability.FULL_OBJECT_CRC32):
            checksum["ChecksumType"] = "FULL_OBJECT"
        with self._request(grant):
            answer = self._client.create_multipart_upload(**self._at(key), ContentType=content_type, **checksum)
        return str(answer["UploadId"])

    def presign_part(
        self, key: str, upload_id: str, *, number: int, size_bytes: int, crc32: bytes, seconds: int, grant: GrantId
    ) -> PresignedRequest:
        headers = {"x-amz-checksum-crc32": crc.to_text(crc32)}
        query = {"uploadId": upload_id, "partNumber": str(number)}
        return self._presign(self._link_signer(grant), "PUT", key, query, seconds, grant, headers, size_bytes)

    def presign_put(
        self, key: str, *, size_bytes: int, crc32: bytes, content_type: str, seconds: int, grant: GrantId
    ) -> PresignedRequest:
        if not self._can(Capability.CONDITIONAL_PUT) or not self._can(Capability.FULL_OBJECT_CRC32):
            raise IsolationError("a link that could replace an object was about to be signed")
        checksum = crc.to_text(crc32)
        headers = {"x-amz-checksum-crc32": checksum, "if-none-match": "*", "content-type": content_type}
        return self._presign(self._link_signer(grant), "PUT", key, {}, seconds, grant, headers, size_bytes)

    def list_parts(self, key: str, upload_id: str, *, grant: GrantId) -> Sequence[Part]:
        parts: list[Part] = []
        marker = 0
        while True:
            with self._request(grant):
                page = self._client.list_parts(
                    **self._at(key), UploadId=upload_id, MaxParts=LIST_PAGE, PartNumberMarker=marker
                )
            parts += [_part(item) for item in page.get("Parts", ())]
            if not page.get("IsTruncated") or not page.get("Parts"):
                return parts
            marker = parts[-1].number

    def list_uploads(self, prefix: str, *, grant: GrantId) -> Iterator[UnfinishedUpload]:
        cut = len(self._full(""))
        marker: dict[str, str] = {}
        while True:
            with self._request(grant):
                page = self._client.list_multipart_uploads(
                    **self._bucket(), Prefix=self._full(prefix), MaxUploads=LIST_PAGE, **marker
                )
            for item in page.get("Uploads", ()):
                yield UnfinishedUpload(item["Key"][cut:], item["UploadId"], item["Initiated"])
            if not page.get("IsTruncated") or not page.get("Uploads"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: bytes | None = None, grant: GrantId
    ) -> ObjectFacts:
        whole: dict[str, Any] = {}
        if crc32 is not None and self._can(Capability.FULL_OBJECT_CRC32):
            whole = {"ChecksumType": "FULL_OBJECT", "ChecksumCRC32": crc.to_text(crc32)}
        if self._can(Capability.CONDITIONAL_PUT):
            whole["IfNoneMatch"] = "*"
        try:
            with self._request(grant):
                self._client.complete_multipart_upload(
                    **self._at(key),
                    UploadId=upload_id,
                    MultipartUpload={"Parts": [_named(part) for part in parts]},
                    **whole,
                )
        except ObjectThere:  # put together by a request of ours whose answer was lost, or by somebody else
            there = self.head(key, grant=grant)
            differs = None not in (there.crc32, crc32) and there.crc32 != crc32
            if differs or there.size_bytes != sum(part.size_bytes for part in parts):
                raise
            return there
        return self.head(key, grant=grant)

    def abort_upload(self, key: str, upload_id: str, *, grant: GrantId) -> None:
        with self._request(grant):
            self._client.abort_multipart_upload(**self._at(key), UploadId=upload_id)

    def presign_get(self, key: str, *, file_name: str, seconds: int, grant: GrantId) -> PresignedRequest:
        query = {"response-content-disposition": attachment(file_name)}
        return self._presign(self._link_signer(grant), "GET", key, query, seconds, grant, {})

    def _presign(
        self,
        signer: Signer,
        method: str,
        key: str,
        query: Mapping[str, str],
        seconds: int,
        grant: GrantId,
        headers: Mapping[str, str],
        body_bytes: int | None = None,
    ) -> PresignedRequest:
        """Sign one request. It dies with the session that signs it, so its life is cut to the session's.

        Args:
            headers: which the client must send.
            body_bytes: the length, signed too; the client sends it with every body.
        """
        at = self._at(key)
        if not grant:
            raise IsolationError("a request to a bucket was about to be signed without a grant")
        session, now = self._sessions(), datetime.now(UTC)
        expires_at = min(now + timedelta(seconds=seconds), session.expires_at)
        life = max(1, int((expires_at - now).total_seconds()))
        if owner := at.get("ExpectedBucketOwner"):
            headers = {**headers, "x-amz-expected-bucket-owner": owner}
        signed = headers if body_bytes is None else {**headers, "content-length": str(body_bytes)}
        url = signer.sign(
            method,
            at["Key"],
            session,
            now=now,
            seconds=life,
            query={**query, GRANT_PARAMETER: grant},
            headers=signed,
        )
        return PresignedRequest(method, url, headers, expires_at)

    def _link_signer(self, grant: GrantId) -> Signer:
        """Return what signs links for people: of an isolated connection by the name that their network has for it."""
        private = self._connection.private
        if private is None:
            return self._own_signer(grant)
        if self._signs_links is None:
            at = address_at(private.clients, self._connection.bucket, path_style=self._connection.path_style)
            self._signs_links = Signer(at, self._connection.region)
        return self._signs_links

    def _own_signer(self, grant: GrantId) -> Signer:
        if self._signs is None:
            with self._request(grant):
                address = _address(self._client, self._connection.bucket)
            self._signs = Signer(address, self._connection.region)
        return self._signs

    @contextmanager
    def _request(self, grant: GrantId) -> Iterator[None]:
        with botocore_errors(), under_grant(grant):
            yield

    def _can(self, capability: Capability) -> bool:
        return capability in self._connection.capabilities

    def _full(self, key: str) -> str:
        return f"{self._connection.prefix}/{key}" if self._connection.prefix else key

    def _bucket(self) -> dict[str, str]:
        where = {"Bucket": self._connection.bucket}
        if self._can(Capability.EXPECTED_OWNER):
            where["ExpectedBucketOwner"] = self._connection.role_arn.split(":")[4]
        return where

    def _at(self, key: str) -> dict[str, str]:
        if not key or key.startswith("/"):
            raise RequestError("an object key is empty or begins with a slash")
        return {**self._bucket(), "Key": self._full(key)}


@contextmanager
def under_grant(grant: GrantId) -> Iterator[None]:
    """Have the requests of the block, in this thread, carry a grant."""
    token = _under_grant.set(grant)
    try:
        yield
    finally:
        _under_grant.reset(token)


def attachment(file_name: str) -> str:
    """Return a Content-Disposition for a download under its true name (RFC 6266, RFC 8187).

    >>> attachment("a\\"é.mov")
    'attachment; filename="a__.mov"; filename*=UTF-8\\'\\'a%22%C3%A9.mov'
    """
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(file_name, safe='')}"


class _SessionCredentials(Credentials):
    """Credentials that ask for the current session at every signature."""

    def __init__(self, sessions: Callable[[], StsSession]) -> None:
        self._sessions = sessions
        self.method = "reelkeep-session"
        self.account_id = None

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        session = self._sessions()
        return ReadOnlyCredentials(session.access_key_id, session.secret_access_key, session.session_token)

    def get_deferred_property(self, property_name: str) -> Callable[[], str | None]:
        def read() -> str | None:
            return getattr(self.get_frozen_credentials(), property_name, None)

        return read


class _SessionProvider(CredentialProvider):
    METHOD = "reelkeep-session"
    CANONICAL_NAME = "reelkeep-session"

    def __init__(self, credentials: _SessionCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> _SessionCredentials:
        return self._credentials


def _range(offset: int, length: int) -> str:
    return f"bytes={offset}-{offset + length - 1}"


def _client(connection: StorageConnection, sessions: Callable[[], StsSession], config: Config) -> Any:
    session = fresh_session()
    session.register_component(
        "credential_provider", CredentialResolver([_SessionProvider(_SessionCredentials(sessions))])
    )
    client = session.create_client(
        "s3",
        region_name=connection.region,
        endpoint_url=connection.platform_url,
        config=config,
    )
    client.meta.events.register("before-sign.s3", _sign_grant)
    return client


def _address(client: Any, bucket: str) -> BucketAddress:
    """Return where the SDK itself would look for the bucket's objects: its rules differ by region and name."""
    never_sent = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=1)
    found = urllib.parse.urlsplit(never_sent)
    return BucketAddress(f"{found.scheme}://{found.netloc}", found.path.removesuffix("k"))


def _sign_grant(request: AWSRequest, **_: object) -> None:
    """Add the grant to the query before the signature is made, so that it is signed and logged."""
    grant = _under_grant.get()
    if grant is None:
        raise IsolationError("a request to a bucket was about to be signed without a grant")
    url = str(request.url)
    if f"{GRANT_PARAMETER}=" not in url:
        mark = "&" if "?" in url else "?"
        request.url = f"{url}{mark}{GRANT_PARAMETER}={urllib.parse.quote(grant, safe='')}"


def _whole_crc(answer: Mapping[str, Any]) -> bytes | None:
    """Return the CRC-32 of the whole; a composite one is of the parts' checksums and is left out."""
    text = answer.get("ChecksumCRC32")
    if not text or answer.get("ChecksumType") == "COMPOSITE" or "-" in text:
        return None
    return crc.from_text(text)


def _bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


def _part(item: Mapping[str, Any]) -> Part:
    text = item.get("ChecksumCRC32")
    return Part(int(item["PartNumber"]), int(item["Size"]), str(item["ETag"]), crc.from_text(text) if text else None)


def _named(part: Part) -> dict[str, Any]:
    named: dict[str, Any] = {"PartNumber": part.number, "ETag": part.etag}
    if part.crc32 is not None:
        named["ChecksumCRC32"] = crc.to_text(part.crc32)
    return named
