"""Uploads through ingest and the client's transfer code, into a real store by STS sessions, with a real database."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from tests.services.faulty_store import FaultyStore, in_front_of

from reelkeep.catalog import members, people, productions, tables, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.productions import Production
from reelkeep.catalog.roles import Role
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.errors import Conflict, Forbidden, MediaError, NotFound, StorageSetupError
from reelkeep.ids import GrantId, UploadId, VersionId, new_id
from reelkeep.ingest.uploads import Uploads
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.layout import production_scope
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.interface import DonePart, Progress, SignedRequest, UploadTicket
from reelkeep.transfer.upload import upload

MIB = 1 << 20


@dataclass
class Bell:
    rings: list[JobKind] = field(default_factory=list)

    def ring(self, kind: JobKind) -> None:
        self.rings.append(kind)


class Broker:
    """The supervisor's part: sessions of this one company, kept as its link keeps them."""

    def __init__(self, identity: PlatformIdentity, connection: StorageConnection) -> None:
        self._sts = StsBroker(identity, lambda _: connection, "acme")
        self._sessions: dict[SessionRequest, StsSession] = {}

    def session(self, request: SessionRequest) -> StsSession:
        if request not in self._sessions:
            self._sessions[request] = self._sts.session(request)
        return self._sessions[request]


class InProcess:
    """The API without HTTP: what the web edge does with ``Uploads``."""

    def __init__(self, uploads: Uploads, user: User) -> None:
        self.uploads, self.user = uploads, user
        self.sign_calls = 0
        self.change: Callable[[SignedRequest], SignedRequest] = lambda request: request

    def begin_upload(
        self, production_id: str, file_name: str, size_bytes: int, client_key: str, folder: str = ""
    ) -> UploadTicket:
        view = self.uploads.begin(
            self.user, production_id, file_name=file_name, size_bytes=size_bytes, client_key=client_key, folder=folder
        )
        done = [DonePart(part.number, part.size_bytes, part.crc32) for part in view.done_parts]
        row = view.row
        return UploadTicket(row.id, row.version_id, row.asset_id, row.plan.part_bytes, row.plan.count, done)

    def sign_parts(self, upload_id: str, parts: Sequence[tuple[int, bytes]]) -> Sequence[SignedRequest]:
        self.sign_calls += 1
        return [
            self.change(
                SignedRequest(
                    signed.number,
                    signed.request.method,
                    signed.request.url,
                    signed.request.headers,
                    signed.request.expires_at,
                )
            )
            for signed in self.uploads.sign(self.user, UploadId(upload_id), parts)
        ]

    def complete_upload(self, upload_id: str, crc32: bytes, sha256: bytes) -> None:
        self.uploads.complete(self.user, UploadId(upload_id), crc32=crc32, sha256=sha256)


@dataclass
class Studio:
    handle: CompanyHandle
    bell: Bell
    user: User
    production: Production
    api: InProcess

    def version(self, version_id: str) -> versions.VersionRow:
        with self.handle.engine.begin() as conn:
            return versions.get(conn, VersionId(version_id))

    def count(self, table: object) -> int:
        with self.handle.engine.begin() as conn:
            return conn.scalar(select(func.count()).select_from(table))

    def stored_bytes(self, version_id: str) -> bytes:
        """Read the original back, with the rights of a download."""
        version = self.version(version_id)
        scope = production_scope(self.production.slug, self.production.id)
        store = self.handle.storage.open(version.connection_id, Purpose.DOWNLOAD, scope)
        return store.get(version.original_key, offset=0, length=version.size_bytes, grant=GrantId(new_id()))

    def send(self, path: Path, **options: object) -> str:
        return upload(self.api, self.production.id, path, **options).version_id


MakeStudio = Callable[..., Studio]


@pytest.fixture
def make_studio(company: Company, company_database: Engine, platform_credentials: object) -> MakeStudio:
    def make(connection: StorageConnection, *, link_seconds: int = 900) -> Studio:
        identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
        storage = CompanyStorage(
            {connection.id: connection},
            {"": connection.id},
            Broker(identity, connection),
            S3Store,
            ObstoreReader,
        )
        bell = Bell()
        handle = CompanyHandle(
            company.id, company.slug, company.name, "http://a", "http://m", company_database, storage, bell
        )
        with company_database.begin() as conn:
            user = people.create(conn, email=f"{new_id()}@example.org", name="Ada", password="a long pass phrase")
            production = productions.create(conn, "Läufer")
            members.put(conn, production.id, user.id, Role.UPLOADER)
        return Studio(handle, bell, user, production, InProcess(Uploads(handle, link_seconds=link_seconds), user))

    return make


@pytest.fixture
def studio(make_studio: MakeStudio, acme_connection: StorageConnection) -> Studio:
    return make_studio(acme_connection)


@pytest.fixture
def faulty(acme_connection: StorageConnection) -> Iterator[FaultyStore]:
    with in_front_of(acme_connection.endpoint_url) as forwarder:
        yield forwarder


def film(folder: Path, size_bytes: int, name: str = "Rolle 1.mov") -> Path:
    path = folder / name
    path.write_bytes(hashlib.sha256(name.encode()).digest() * (size_bytes // 32) + b"x" * (size_bytes % 32))
    return path


@pytest.mark.parametrize("size_bytes", [1, 8 * MIB, 20 * MIB + 7])
def test_an_uploaded_file_is_stored_whole_with_its_job(studio: Studio, tmp_path: Path, size_bytes: int) -> None:
    path, seen = film(tmp_path, size_bytes), []
    sent = upload(studio.api, studio.production.id, path, on_progress=seen.append)
    version = studio.version(sent.version_id)
    assert version.state is VersionState.STORED
    assert version.stored_at is not None
    assert version.claimed_sha256 == hashlib.sha256(path.read_bytes()).digest() == sent.sha256
    assert studio.stored_bytes(sent.version_id) == path.read_bytes()
    assert studio.bell.rings == [JobKind.TRANSCODE]
    assert studio.count(tables.jobs) == 1
    assert sent.sent_bytes == size_bytes
    assert seen[-1].done_bytes == seen[-1].total_bytes == size_bytes


def test_every_request_of_an_upload_has_a_grant(studio: Studio, tmp_path: Path) -> None:
    studio.api.change = lambda request: links.append(request.url) or request
    links: list[str] = []
    studio.send(film(tmp_path, 9 * MIB))
    with studio.handle.engine.begin() as conn:
        granted = set(conn.scalars(select(tables.grants.c.id)))
    assert len(links) == 2
    assert all(any(f"x-reelkeep={grant}" in link for grant in granted) for link in links)


def test_an_upload_that_broke_off_goes_on_where_it_stopped(studio: Studio, tmp_path: Path) -> None:
    path = film(tmp_path, 40 * MIB)

    class Killed(Exception):
        pass

    def die(progress: Progress) -> None:
        if progress.done_bytes > 20 * MIB:
            raise Killed

    with pytest.raises(Killed):
        upload(studio.api, studio.production.id, path, parallel=1, on_progress=die)
    sent = upload(studio.api, studio.production.id, path)
    assert 8 * MIB <= sent.sent_bytes <= 32 * MIB
    assert studio.stored_bytes(sent.version_id) == path.read_bytes()
    assert studio.count(tables.versions) == 1


def test_a_file_that_changed_between_two_tries_fails_with_clear_words(studio: Studio, tmp_path: Path) -> None:
    path = film(tmp_path, 10 * MIB)
    ticket = studio.api.begin_upload(studio.production.id, path.name, path.stat().st_size, "k")
    body = path.read_bytes()[: ticket.part_bytes]
    import zlib

    import httpx

    from reelkeep.storage import crc

    for number, part in ((1, b"!" * len(body)), (2, path.read_bytes()[ticket.part_bytes :])):
        (signed,) = studio.api.sign_parts(ticket.id, [(number, crc.to_bytes(zlib.crc32(part)))])
        assert httpx.put(signed.url, content=part, headers=dict(signed.headers)).status_code == 200
    whole = crc.to_bytes(zlib.crc32(path.read_bytes()))
    with pytest.raises(ChecksumMismatch):
        studio.api.complete_upload(ticket.id, whole, hashlib.sha256(path.read_bytes()).digest())
    version = studio.version(ticket.version_id)
    assert version.state is VersionState.FAILED
    assert version.problem is not None
    assert "not the bytes of the file" in version.problem.message
    assert studio.count(tables.jobs) == 0
    assert path.stat().st_size == 10 * MIB


def test_links_that_expired_are_signed_anew(
    make_studio: MakeStudio, acme_connection: StorageConnection, tmp_path: Path
) -> None:
    studio = make_studio(acme_connection, link_seconds=1)

    def stale(request: SignedRequest) -> SignedRequest:
        if studio.api.sign_calls == 1:
            time.sleep(2.1)  # the store, not the client's clock, says that it has expired
        return dataclasses.replace(request, expires_at=request.expires_at.replace(year=2099))

    studio.api.change = stale
    version_id = studio.send(film(tmp_path, 1000))
    assert studio.api.sign_calls == 2
    assert studio.version(version_id).state is VersionState.STORED


def test_a_refusal_that_is_none_of_time_ends_the_upload_at_once(studio: Studio, tmp_path: Path) -> None:
    studio.api.change = lambda request: dataclasses.replace(
        request, url=request.url.replace("partNumber=1", "partNumber=2")
    )
    began = time.monotonic()
    with pytest.raises(StorageSetupError):
        studio.send(film(tmp_path, 1000))
    assert time.monotonic() - began < 10


def test_a_store_that_is_busy_for_a_while_is_waited_for(
    make_studio: MakeStudio, acme_connection: StorageConnection, faulty: FaultyStore, tmp_path: Path
) -> None:
    studio = make_studio(dataclasses.replace(acme_connection, endpoint_url=faulty.endpoint_url))
    path = film(tmp_path, 20 * MIB)

    def make_busy(progress: Progress) -> None:
        if progress.done_bytes > 2 * MIB and not faulty.refused:
            faulty.busy.set()
            threading.Timer(3, faulty.busy.clear).start()

    version_id = studio.send(path, on_progress=make_busy)
    assert faulty.refused
    assert studio.stored_bytes(version_id) == path.read_bytes()


def test_connections_reset_in_the_middle_of_a_part_are_made_again(
    make_studio: MakeStudio, acme_connection: StorageConnection, faulty: FaultyStore, tmp_path: Path
) -> None:
    studio = make_studio(dataclasses.replace(acme_connection, endpoint_url=faulty.endpoint_url))
    faulty.reset_after_bytes, faulty.resets_left = 3 * MIB, 3
    path, seen = film(tmp_path, 20 * MIB), []
    version_id = studio.send(path, on_progress=seen.append)
    assert faulty.resets_left == 0
    assert studio.stored_bytes(version_id) == path.read_bytes()
    assert seen[-1].done_bytes == 20 * MIB


def test_a_missing_bucket_leaves_nothing_behind(
    make_studio: MakeStudio, acme_connection: StorageConnection, tmp_path: Path
) -> None:
    studio = make_studio(dataclasses.replace(acme_connection, bucket="no-such-bucket"))
    with pytest.raises(StorageSetupError):
        studio.send(film(tmp_path, 10))
    assert studio.count(tables.versions) == studio.count(tables.assets) == studio.count(tables.uploads) == 0


def test_a_role_that_refuses_leaves_nothing_behind(
    make_studio: MakeStudio, acme_connection: StorageConnection, tmp_path: Path
) -> None:
    role = acme_connection.role_arn.replace("acme", "nobody")
    assert role != acme_connection.role_arn
    studio = make_studio(dataclasses.replace(acme_connection, role_arn=role))
    with pytest.raises(StorageSetupError, match="role refuses"):
        studio.send(film(tmp_path, 10))
    assert studio.count(tables.versions) == studio.count(tables.assets) == 0


def test_two_uploads_of_one_name_at_once_are_two_versions(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [film(tmp_path / folder, 9 * MIB) for folder in ("a", "b")]
    with ThreadPoolExecutor(2) as pool:
        found = sorted(studio.version(version_id).number for version_id in pool.map(studio.send, paths))
    assert found == [1, 2]
    assert studio.count(tables.assets) == 1


def test_one_client_that_begins_twice_at_once_gets_one_upload(studio: Studio) -> None:
    def begin(_: int) -> str:
        return studio.api.begin_upload(studio.production.id, "r.mov", 100, "same").id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(begin, range(4)))) == 1
    assert studio.count(tables.versions) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\x00b\r\nc.mov", "abc.mov"),
        ("fdp\u202e4pm.exe", "fdp4pm.exe"),
        ("x" * 300 + ".mov", "x" * 251 + ".mov"),
        ("🎬👩‍🎤 final.mov", "🎬👩‍🎤 final.mov"),
        ("映画", "映画"),
    ],
)
def test_a_hostile_name_is_kept_as_far_as_it_is_true_and_never_reaches_the_key(
    studio: Studio, name: str, shown: str
) -> None:
    ticket = studio.api.begin_upload(studio.production.id, name, 5, new_id())
    version = studio.version(ticket.version_id)
    assert version.file_name == shown
    assert version.original_key.isascii()
    assert len(version.original_key) <= 900
    assert version.original_key.count("/") == 4


def test_an_empty_file_is_refused_before_anything_is_written(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="empty"):
        studio.send(film(tmp_path, 0))
    assert studio.count(tables.assets) == 0


def test_a_production_of_others_is_not_there_and_a_viewer_may_not_upload(studio: Studio) -> None:
    with studio.handle.engine.begin() as conn:
        stranger = people.create(conn, email="eve@example.org", name="Eve", password="a long pass phrase")
    studio.api.user = stranger
    with pytest.raises(NotFound):
        studio.api.begin_upload(studio.production.id, "a.mov", 5, "k")
    with studio.handle.engine.begin() as conn:
        members.put(conn, studio.production.id, stranger.id, Role.VIEWER)
    with pytest.raises(Forbidden):
        studio.api.begin_upload(studio.production.id, "a.mov", 5, "k")
    assert studio.count(tables.versions) == 0


def test_another_users_upload_is_not_there(studio: Studio) -> None:
    ticket = studio.api.begin_upload(studio.production.id, "a.mov", 5, "k")
    with studio.handle.engine.begin() as conn:
        other = people.create(conn, email="bob@example.org", name="Bob", password="a long pass phrase")
        members.put(conn, studio.production.id, other.id, Role.UPLOADER)
    studio.api.user = other
    with pytest.raises(NotFound):
        studio.api.sign_parts(ticket.id, [(1, os.urandom(4))])
    with pytest.raises(NotFound):
        studio.api.uploads.abort(other, UploadId(ticket.id))


def test_an_upload_whose_parts_the_store_threw_away_says_so(studio: Studio) -> None:
    ticket = studio.api.begin_upload(studio.production.id, "a.mov", 5, "k")
    _throw_away(studio, ticket)
    studio.api.uploads.describe(studio.user, UploadId(ticket.id))
    version = studio.version(ticket.version_id)
    assert version.state is VersionState.FAILED
    assert version.problem is not None
    assert "thrown" in version.problem.message
    assert studio.api.begin_upload(studio.production.id, "a.mov", 5, "k").id != ticket.id


def test_an_upload_that_was_given_up_cannot_be_completed(studio: Studio) -> None:
    ticket = studio.api.begin_upload(studio.production.id, "a.mov", 5, "k")
    studio.api.uploads.abort(studio.user, UploadId(ticket.id))
    assert studio.version(ticket.version_id).state is VersionState.CANCELLED
    with pytest.raises(Conflict):
        studio.api.complete_upload(ticket.id, b"1234", b"1" * 32)


def test_missing_parts_leave_the_upload_open(studio: Studio) -> None:
    ticket = studio.api.begin_upload(studio.production.id, "a.mov", 5, "k")
    with pytest.raises(Conflict, match="part 1 of 1"):
        studio.api.complete_upload(ticket.id, b"1234", b"1" * 32)
    assert studio.version(ticket.version_id).state is VersionState.UPLOADING


def test_a_completion_that_died_before_it_was_recorded_is_repeated(studio: Studio, tmp_path: Path) -> None:
    path = film(tmp_path, 1000)
    died: list[str] = []

    class DiesAfterTheStore(InProcess):
        def complete_upload(self, upload_id: str, crc32: bytes, sha256: bytes) -> None:
            _complete_at_the_store(studio, upload_id)
            died.append(upload_id)
            super().complete_upload(upload_id, crc32, sha256)

    studio.api = DiesAfterTheStore(studio.api.uploads, studio.user)
    version_id = studio.send(path)
    assert died
    assert studio.version(version_id).state is VersionState.STORED
    assert studio.stored_bytes(version_id) == path.read_bytes()


def _throw_away(studio: Studio, ticket: UploadTicket) -> None:
    store, key, store_upload_id = _at_the_store(studio, ticket.id)
    store.abort_upload(key, store_upload_id, grant=GrantId(new_id()))


def _complete_at_the_store(studio: Studio, upload_id: str) -> None:
    store, key, store_upload_id = _at_the_store(studio, upload_id)
    parts = store.list_parts(key, store_upload_id, grant=GrantId(new_id()))
    store.complete_upload(key, store_upload_id, parts, grant=GrantId(new_id()))


def _at_the_store(studio: Studio, upload_id: str) -> tuple[S3Store, str, str]:
    query = select(tables.uploads.c.store_upload_id, tables.versions.c.original_key, tables.versions.c.connection_id)
    with studio.handle.engine.begin() as conn:
        row = conn.execute(query.join(tables.versions).where(tables.uploads.c.id == upload_id)).one()
    scope = production_scope(studio.production.slug, studio.production.id)
    return studio.handle.storage.open(row.connection_id, Purpose.UPLOAD, scope), row.original_key, row.store_upload_id
