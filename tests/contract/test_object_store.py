"""One suite for every object store: the fake, SeaweedFS and MiniStack. Real servers are reached by STS sessions."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from reelkeep.errors import Conflict, NotFound, StorageSetupError
from reelkeep.ids import GrantId, new_id
from reelkeep.storage import crc
from reelkeep.storage.interface import (
    Capability,
    ObjectStore,
    Part,
    PresignedRequest,
    Purpose,
    RangeReader,
    SessionRequest,
    StorageConnection,
)
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.storage.translate import ChecksumMismatch

MIB = 1 << 20
Send = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]


@dataclass
class Arena:
    """A store under test with the rights of a probe session, and a client's way to it."""

    store: ObjectStore
    reader: Callable[[str, int], RangeReader]
    send: Send
    scope: str
    grant: GrantId
    checks_whole: bool

    def key(self, name: str = "a.bin") -> str:
        return f"{self.scope}{name}"

    def put(self, request: PresignedRequest, body: bytes, url: str | None = None) -> int:
        return self.send(request.method, url or request.url, request.headers, body)[0]

    def upload(self, key: str, *bodies: bytes) -> tuple[str, list[Part]]:
        """Upload every part; return the upload's id and the parts as the store lists them."""
        upload_id = self.store.create_upload(key, content_type="video/mp4", grant=self.grant)
        for number, body in enumerate(bodies, 1):
            assert self.put(self.sign(key, upload_id, number, body), body) == 200
        return upload_id, list(self.store.list_parts(key, upload_id, grant=self.grant))

    def sign(self, key: str, upload_id: str, number: int, body: bytes, seconds: int = 300) -> PresignedRequest:
        return self.store.presign_part(
            key, upload_id, number=number, size_bytes=len(body), crc32=crc_of(body), seconds=seconds, grant=self.grant
        )


def crc_of(body: bytes) -> bytes:
    return crc.to_bytes(zlib.crc32(body))


def over_network(
    method: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, Mapping[str, str], bytes]:
    answer = httpx.request(method, url, headers=dict(headers), content=body)
    return answer.status_code, answer.headers, answer.content


def in_memory() -> Arena:
    bucket = MemoryBucket()
    store = MemoryStore(bucket, "some/prefix")

    class Reader:
        def __init__(self, key: str) -> None:
            self.key = key

        def read(self, offset: int, length: int) -> bytes:
            return store.get(self.key, offset=offset, length=length, grant=GrantId("g"))

    def send(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        answer = bucket.send(method, url, headers, body)
        return answer.status, answer.headers, answer.body

    return Arena(store, lambda key, _: Reader(key), send, f"probe/{new_id()}/", GrantId(new_id()), True)


def over_s3(connection: StorageConnection, identity: PlatformIdentity, capabilities: frozenset[Capability]) -> Arena:
    connection = dataclasses.replace(connection, capabilities=capabilities)
    scope = f"probe/{new_id()}/"
    request = SessionRequest(connection.id, Purpose.PROBE, scope)
    session = StsBroker(identity, lambda _: connection, "acme", session_seconds=900).session(request)
    return Arena(
        S3Store(connection, lambda: session),
        lambda key, size: ObstoreReader(connection, lambda: session, key, size),
        over_network,
        scope,
        GrantId(new_id()),
        Capability.FULL_OBJECT_CRC32 in capabilities,
    )


@pytest.fixture(params=["memory", "seaweedfs", "ministack"])
def arena(request: pytest.FixtureRequest) -> Arena:
    if request.param == "memory":
        return in_memory()
    if request.param == "seaweedfs":
        found = request.getfixturevalue("platform_credentials")
        identity = PlatformIdentity(found.access_key_id, found.secret_access_key)
        can = frozenset({Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32})
        return over_s3(request.getfixturevalue("acme_connection"), identity, can)
    server = request.getfixturevalue("ministack")
    connection = server.add_company(f"acme-{new_id()}")
    return over_s3(connection, server.identity, connection.capabilities)


def test_an_object_that_was_put_is_read_back_whole_and_by_range(arena: Arena) -> None:
    arena.store.put_new(arena.key(), b"0123456789", content_type="application/octet-stream", grant=arena.grant)
    assert arena.store.head(arena.key(), grant=arena.grant).size_bytes == 10
    assert arena.store.get(arena.key(), offset=3, length=4, grant=arena.grant) == b"3456"
    assert arena.store.get(arena.key(), offset=8, length=100, grant=arena.grant) == b"89"


def test_an_object_is_never_replaced(arena: Arena) -> None:
    arena.store.put_new(arena.key(), b"first", content_type="application/octet-stream", grant=arena.grant)
    with pytest.raises(Conflict):
        arena.store.put_new(arena.key(), b"second", content_type="application/octet-stream", grant=arena.grant)
    assert arena.store.get(arena.key(), offset=0, length=9, grant=arena.grant) == b"first"


def test_an_object_that_is_not_there_is_not_found(arena: Arena) -> None:
    with pytest.raises(NotFound):
        arena.store.head(arena.key("none"), grant=arena.grant)
    with pytest.raises(NotFound):
        arena.store.get(arena.key("none"), offset=0, length=1, grant=arena.grant)


def test_a_list_holds_the_objects_below_its_prefix_and_no_other(arena: Arena) -> None:
    for name in ("x/1", "x/2", "y/1"):
        arena.store.put_new(arena.key(name), name.encode(), content_type="text/plain", grant=arena.grant)
    found = {facts.key: facts.size_bytes for facts in arena.store.list(arena.key("x/"), grant=arena.grant)}
    assert found == {arena.key("x/1"): 3, arena.key("x/2"): 3}


def test_deleted_objects_are_gone_and_deleting_them_again_is_no_error(arena: Arena) -> None:
    arena.store.put_new(arena.key(), b"x", content_type="text/plain", grant=arena.grant)
    for _ in range(2):
        arena.store.delete([arena.key()], grant=arena.grant)
    with pytest.raises(NotFound):
        arena.store.head(arena.key(), grant=arena.grant)


def test_parts_put_by_a_client_become_one_object_with_the_checksum_of_the_whole(arena: Arena) -> None:
    bodies = bytes(range(256)) * (5 * MIB // 256), b"the end"
    upload_id, parts = arena.upload(arena.key(), *bodies)
    assert [(part.number, part.size_bytes) for part in parts] == [(1, 5 * MIB), (2, 7)]
    assert all(part.crc32 in (None, crc_of(body)) for part, body in zip(parts, bodies, strict=True))
    whole = crc_of(b"".join(bodies))
    facts = arena.store.complete_upload(arena.key(), upload_id, parts, crc32=whole, grant=arena.grant)
    assert facts.size_bytes == 5 * MIB + 7
    assert facts.crc32 == whole if arena.checks_whole else facts.crc32 is None
    assert arena.store.get(arena.key(), offset=5 * MIB, length=7, grant=arena.grant) == b"the end"


def test_parts_never_replace_an_object(arena: Arena) -> None:
    arena.store.put_new(arena.key(), b"first", content_type="text/plain", grant=arena.grant)
    upload_id, parts = arena.upload(arena.key(), b"second")
    with pytest.raises(Conflict):
        arena.store.complete_upload(arena.key(), upload_id, parts, grant=arena.grant)
    assert arena.store.get(arena.key(), offset=0, length=9, grant=arena.grant) == b"first"


def test_parts_that_were_put_together_by_a_lost_request_are_not_a_conflict(arena: Arena) -> None:
    """The SDK repeats a request whose answer was lost; the object that is there then is our own."""
    upload_id, parts = arena.upload(arena.key(), b"the film")
    arena.store.put_new(arena.key(), b"the film", content_type="text/plain", grant=arena.grant)
    facts = arena.store.complete_upload(arena.key(), upload_id, parts, crc32=crc_of(b"the film"), grant=arena.grant)
    assert facts.size_bytes == 8


def test_a_wrong_checksum_of_the_whole_makes_no_object(arena: Arena) -> None:
    if not arena.checks_whole:
        pytest.skip("this store keeps no checksum of the whole")
    upload_id, parts = arena.upload(arena.key(), b"hello")
    with pytest.raises(ChecksumMismatch):
        arena.store.complete_upload(arena.key(), upload_id, parts, crc32=crc_of(b"other"), grant=arena.grant)
    with pytest.raises(NotFound):
        arena.store.head(arena.key(), grant=arena.grant)


def test_a_part_is_taken_only_with_the_bytes_and_the_length_that_were_signed(arena: Arena) -> None:
    upload_id = arena.store.create_upload(arena.key(), content_type="video/mp4", grant=arena.grant)
    signed = arena.sign(arena.key(), upload_id, 1, b"hello")
    assert arena.put(signed, b"hellO") in (400, 403)
    assert arena.put(signed, b"hello and more") in (400, 403)
    assert arena.store.list_parts(arena.key(), upload_id, grant=arena.grant) == []


def test_a_whole_object_is_put_once_and_only_with_the_bytes_that_were_signed(arena: Arena) -> None:
    if not arena.checks_whole:
        pytest.skip("this store keeps no checksum of the whole")
    body = b"a frame"
    request = arena.store.presign_put(
        arena.key(), size_bytes=7, crc32=crc_of(body), content_type="image/x-dpx", seconds=300, grant=arena.grant
    )
    assert arena.put(request, b"another") in (400, 403)
    without = {name: value for name, value in request.headers.items() if name != "if-none-match"}
    assert arena.send(request.method, request.url, without, body)[0] == 403
    with pytest.raises(NotFound):
        arena.store.head(arena.key(), grant=arena.grant)
    assert arena.put(request, body) == 200
    assert arena.put(request, body) == 412
    facts = arena.store.head(arena.key(), grant=arena.grant)
    assert (facts.size_bytes, facts.crc32) == (7, crc_of(body))


def test_the_grant_is_part_of_the_signature(arena: Arena) -> None:
    upload_id = arena.store.create_upload(arena.key(), content_type="video/mp4", grant=arena.grant)
    signed = arena.sign(arena.key(), upload_id, 1, b"hello")
    assert f"x-reelkeep={arena.grant}" in signed.url
    assert arena.put(signed, b"hello", signed.url.replace(arena.grant, new_id())) == 403


def test_an_expired_link_is_refused(arena: Arena) -> None:
    import time

    upload_id = arena.store.create_upload(arena.key(), content_type="video/mp4", grant=arena.grant)
    signed = arena.sign(arena.key(), upload_id, 1, b"hello", seconds=1)
    time.sleep(2.1)
    assert arena.put(signed, b"hello") == 403


def test_an_aborted_upload_is_forgotten(arena: Arena) -> None:
    upload_id, _ = arena.upload(arena.key(), b"hello")
    arena.store.abort_upload(arena.key(), upload_id, grant=arena.grant)
    with pytest.raises(NotFound):
        arena.store.list_parts(arena.key(), upload_id, grant=arena.grant)


def test_unfinished_uploads_are_listed_until_they_are_completed_or_aborted(arena: Arena) -> None:
    started = {name: arena.upload(arena.key(f"x/{name}"), b"hello") for name in ("open", "done", "given up")}
    elsewhere, _ = arena.upload(arena.key("y"), b"hello")
    upload_id, parts = started["done"]
    arena.store.complete_upload(arena.key("x/done"), upload_id, parts, grant=arena.grant)
    arena.store.abort_upload(arena.key("x/given up"), started["given up"][0], grant=arena.grant)
    (found,) = arena.store.list_uploads(arena.key("x/"), grant=arena.grant)
    assert (found.key, found.upload_id) == (arena.key("x/open"), started["open"][0])
    assert abs(datetime.now(UTC) - found.begun_at) < timedelta(minutes=1)
    everywhere = {each.upload_id for each in arena.store.list_uploads(arena.scope, grant=arena.grant)}
    assert everywhere == {started["open"][0], elsewhere}


def test_a_download_link_gives_the_file_its_true_name(arena: Arena) -> None:
    arena.store.put_new(arena.key(), b"film", content_type="video/mp4", grant=arena.grant)
    signed = arena.store.presign_get(arena.key(), file_name="Läufer 🎬.mov", seconds=60, grant=arena.grant)
    status, headers, body = arena.send(signed.method, signed.url, signed.headers, b"")
    assert (status, body) == (200, b"film")
    assert "filename*=UTF-8''L%C3%A4ufer%20%F0%9F%8E%AC.mov" in headers["content-disposition"]


def test_the_range_reader_reads_what_the_store_holds(arena: Arena) -> None:
    arena.store.put_new(arena.key(), b"0123456789", content_type="video/mp4", grant=arena.grant)
    reader = arena.reader(arena.key(), 10)
    assert reader.read(2, 3) == b"234"
    assert reader.read(8, 1000) == b"89"
    with pytest.raises(NotFound):
        arena.reader(arena.key("none"), 10).read(0, 1)


def test_a_session_reaches_nothing_outside_its_scope(arena: Arena) -> None:
    if isinstance(arena.store, MemoryStore):
        pytest.skip("the fake has no sessions")
    elsewhere = f"probe/{new_id()}/a.bin"
    with pytest.raises(StorageSetupError):
        arena.store.put_new(elsewhere, b"x", content_type="text/plain", grant=arena.grant)
    with pytest.raises(StorageSetupError):
        arena.store.get(elsewhere, offset=0, length=1, grant=arena.grant)
    with pytest.raises(StorageSetupError):
        list(arena.store.list("", grant=arena.grant))
