"""A bucket in memory, for tests and for tools without a network. It passes the same contract suite as S3."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import GrantId, new_id
from reelkeep.storage import crc
from reelkeep.storage.interface import GRANT_PARAMETER, ObjectFacts, Part, PresignedRequest, UnfinishedUpload
from reelkeep.storage.s3 import attachment
from reelkeep.storage.translate import ChecksumMismatch


@dataclass(frozen=True)
class Answer:
    """What a presigned request is answered with, as far as a client looks."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class _Upload:
    key: str
    content_type: str
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)
    begun_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class _Signed:
    request: PresignedRequest
    answer: Callable[[bytes], Answer]


class MemoryBucket:
    """What lies in the bucket, and the log of grants under which it was reached."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str] = {}
        self.uploads: dict[str, _Upload] = {}
        self.log: list[tuple[str, str, GrantId]] = []  # operation, key, grant
        self.lock = threading.Lock()
        self._signed: dict[str, _Signed] = {}

    def sign(
        self, method: str, url: str, headers: Mapping[str, str], seconds: int, answer: Callable[[bytes], Answer]
    ) -> PresignedRequest:
        request = PresignedRequest(method, url, dict(headers), datetime.now(UTC) + timedelta(seconds=seconds))
        self._signed[url] = _Signed(request, answer)
        return request

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Carry out a presigned request, as a client would over the network."""
        signed = self._signed.get(url)
        if signed is None or signed.request.method != method or datetime.now(UTC) >= signed.request.expires_at:
            return Answer(403)
        if any(headers.get(name) != value for name, value in signed.request.headers.items()):
            return Answer(403)
        with self.lock:
            return signed.answer(body)


class MemoryStore:
    """An ``ObjectStore`` over a ``MemoryBucket``.

    Args:
        prefix: as of a storage connection, "" or "a/b".
    """

    def __init__(self, bucket: MemoryBucket, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def head(self, key: str, *, grant: GrantId) -> ObjectFacts:
        body = self._body("head", key, grant)
        return ObjectFacts(key, len(body), crc.to_bytes(zlib.crc32(body)))

    def get(self, key: str, *, offset: int, length: int, grant: GrantId) -> bytes | bytearray:
        return self._body("get", key, grant)[offset : offset + length]

    def put_new(self, key: str, body: bytes, *, content_type: str, grant: GrantId) -> None:
        full = self._log("put", key, grant)
        with self._bucket.lock:
            if full in self._bucket.objects:
                raise Conflict("an object of this name is already there, and none is ever replaced")
            self._bucket.objects[full] = bytes(body)
            self._bucket.content_types[full] = content_type

    def list(self, prefix: str, *, grant: GrantId) -> Iterator[ObjectFacts]:
        full = self._log("list", prefix, grant)
        with self._bucket.lock:
            found = sorted((key, len(body)) for key, body in self._bucket.objects.items() if key.startswith(full))
        yield from (ObjectFacts(key.removeprefix(self._prefix), size) for key, size in found)

    def delete(self, keys: Sequence[str], *, grant: GrantId) -> None:
        for key in keys:
            full = self._log("delete", key, grant)
            with self._bucket.lock:
                self._bucket.objects.pop(full, None)

    def create_upload(self, key: str, *, content_type: str, grant: GrantId) -> str:
        upload_id = new_id()
        full = self._log("create_upload", key, grant)
        with self._bucket.lock:
            self._bucket.uploads[upload_id] = _Upload(full, content_type)
        return upload_id

    def presign_part(
        self, key: str, upload_id: str, *, number: int, size_bytes: int, crc32: bytes, seconds: int, grant: GrantId
    ) -> PresignedRequest:
        full = self._log("presign_part", key, grant)

        def put(body: bytes) -> Answer:
            upload = self._bucket.uploads.get(upload_id)
            if upload is None:
                return Answer(404)
            if len(body) != size_bytes:
                return Answer(403)  # the length is a signed header
            if crc.to_bytes(zlib.crc32(body)) != crc32:
                return Answer(400)
            etag = f'"{new_id()}"'
            upload.parts[number] = (Part(number, size_bytes, etag, crc32), body)
            return Answer(200, {"etag": etag})

        url = f"memory:{full}?partNumber={number}&{GRANT_PARAMETER}={grant}&signature={new_id()}"
        return self._bucket.sign("PUT", url, {"x-amz-checksum-crc32": crc.to_text(crc32)}, seconds, put)

    def presign_put(
        self, key: str, *, size_bytes: int, crc32: bytes, content_type: str, seconds: int, grant: GrantId
    ) -> PresignedRequest:
        full = self._log("presign_put", key, grant)

        def put(body: bytes) -> Answer:
            if len(body) != size_bytes:
                return Answer(403)
            if crc.to_bytes(zlib.crc32(body)) != crc32:
                return Answer(400)
            if full in self._bucket.objects:
                return Answer(412)
            self._bucket.objects[full], self._bucket.content_types[full] = body, content_type
            return Answer(200)

        url = f"memory:{full}?{GRANT_PARAMETER}={grant}&signature={new_id()}"
        headers = {"x-amz-checksum-crc32": crc.to_text(crc32), "if-none-match": "*", "content-type": content_type}
        return self._bucket.sign("PUT", url, headers, seconds, put)

    def list_parts(self, key: str, upload_id: str, *, grant: GrantId) -> Sequence[Part]:
        self._log("list_parts", key, grant)
        with self._bucket.lock:
            return [part for _, (part, _) in sorted(self._upload(upload_id).parts.items())]

    def list_uploads(self, prefix: str, *, grant: GrantId) -> Iterator[UnfinishedUpload]:
        full = self._log("list_uploads", prefix, grant)
        with self._bucket.lock:
            found = [(each.key, key, each.begun_at) for key, each in self._bucket.uploads.items()]
        for key, upload_id, begun_at in sorted(found):
            if key.startswith(full):
                yield UnfinishedUpload(key.removeprefix(self._prefix), upload_id, begun_at)

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, crc32: bytes | None = None, grant: GrantId
    ) -> ObjectFacts:
        self._log("complete_upload", key, grant)
        with self._bucket.lock:
            upload = self._upload(upload_id)
            held = [upload.parts.get(part.number) for part in parts]
            if not parts or any(
                there is None or there[0].etag != part.etag for there, part in zip(held, parts, strict=True)
            ):
                raise Conflict("the parts in the store are not the parts of this upload")
            body = b"".join(there[1] for there in held if there is not None)
            if crc32 is not None and crc.to_bytes(zlib.crc32(body)) != crc32:
                raise ChecksumMismatch
            if self._bucket.objects.get(upload.key, body) != body:
                raise Conflict("an object of this name is already there, and none is ever replaced")
            self._bucket.objects[upload.key] = body
            self._bucket.content_types[upload.key] = upload.content_type
            del self._bucket.uploads[upload_id]
        return self.head(key, grant=grant)

    def abort_upload(self, key: str, upload_id: str, *, grant: GrantId) -> None:
        self._log("abort_upload", key, grant)
        with self._bucket.lock:
            self._bucket.uploads.pop(upload_id, None)

    def presign_get(self, key: str, *, file_name: str, seconds: int, grant: GrantId) -> PresignedRequest:
        full = self._log("presign_get", key, grant)

        def read(_: bytes) -> Answer:
            body = self._bucket.objects.get(full)
            return Answer(404) if body is None else Answer(200, {"content-disposition": attachment(file_name)}, body)

        url = f"memory:{full}?{GRANT_PARAMETER}={grant}&signature={new_id()}"
        return self._bucket.sign("GET", url, {}, seconds, read)

    def _log(self, operation: str, key: str, grant: GrantId) -> str:
        full = self._prefix + key
        self._bucket.log.append((operation, full, grant))
        return full

    def _body(self, operation: str, key: str, grant: GrantId) -> bytes:
        full = self._log(operation, key, grant)
        with self._bucket.lock:
            if full not in self._bucket.objects:
                raise NotFound("the company's bucket holds no such file")
            return self._bucket.objects[full]

    def _upload(self, upload_id: str) -> _Upload:
        if upload_id not in self._bucket.uploads:
            raise NotFound("the store no longer knows this upload")
        return self._bucket.uploads[upload_id]
