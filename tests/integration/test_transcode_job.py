"""The transcode job end to end on a real PostgreSQL with the real, sandboxed codec; the bucket is in memory."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import Engine, func, select, update
from tests.media.clips import read_strip, small_prores, small_silent, strip_clip

from reelkeep.catalog import assets, people, productions, versions
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.tables import attempts, audit_events, jobs, renditions, segments, stills
from reelkeep.catalog.tables import grants as grants_table
from reelkeep.catalog.versions import VersionRow
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import DependencyError
from reelkeep.ids import ConnectionId, GrantId, VersionId, new_id
from reelkeep.isolation.sandbox import CodecProcess, start_codec
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.media import TrackKind
from reelkeep.packaging.cmaf import Protection, init_segment
from reelkeep.packaging.stills import StillKind
from reelkeep.packaging.tracks import track_of
from reelkeep.playback import bundles
from reelkeep.runner.work import Outcome, work_once
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.layout import original_key
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.supervisor.object_store import AccessKey
from reelkeep.transcode import job as transcode
from reelkeep.transcode import records

FRAMES = 168  # three segments and a half


class NoBell:
    def ring(self, kind: JobKind) -> None: ...


class NoSessions:
    def session(self, request: SessionRequest) -> StsSession:
        raise AssertionError("a bucket in memory needs no session")


@dataclass
class MemoryReader:
    bucket: MemoryBucket
    key: str
    size_bytes: int
    away: threading.Event

    def read(self, offset: int, length: int) -> bytes:
        if self.away.is_set():
            raise DependencyError
        return self.bucket.objects[self.key][offset : offset + length]


@dataclass
class Studio:
    """One company with one stored version and its job."""

    company: CompanyHandle
    bucket: MemoryBucket
    version_id: VersionId
    away: threading.Event
    fetch: Callable[[str, int, int], bytes]
    codecs: list[CodecProcess] = field(default_factory=list)

    def work(self, heartbeat_seconds: float = 0.2) -> Outcome:
        def start() -> CodecProcess:
            self.codecs.append(start_codec())
            return self.codecs[-1]

        table = {JobKind.TRANSCODE: transcode.handler(start)}
        return work_once(self.company, table, heartbeat_seconds=heartbeat_seconds)

    def work_and_interrupt(
        self, interrupt: Callable[[], Any], *, after_segments: int, heartbeat_seconds: float = 0.2
    ) -> Outcome:
        outcomes: list[Outcome] = []
        worker = threading.Thread(target=lambda: outcomes.append(self.work(heartbeat_seconds)))
        worker.start()
        give_up = time.monotonic() + 60
        while worker.is_alive() and self.count(segments) < after_segments:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        assert worker.is_alive(), "it was over before it could be interrupted"
        interrupt()
        worker.join(60)
        return outcomes[0]

    def count(self, table: Any) -> int:
        with self.company.engine.connect() as conn:
            return conn.scalar(select(func.count()).select_from(table)) or 0

    def version(self) -> VersionRow:
        with self.company.engine.connect() as conn:
            return versions.get(conn, self.version_id)

    def read_ratio(self) -> float:
        with self.company.engine.connect() as conn:
            query = select(audit_events.c.details).where(audit_events.c.what == "original.read")
            details = conn.execute(query).scalar_one()
        return details["bytes_read"] / details["size_bytes"]

    def make_due(self) -> None:
        with self.company.engine.begin() as conn:
            conn.execute(update(jobs).values(due_at=func.now()))

    def jobs(self) -> list[tuple[str, int]]:
        with self.company.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(select(jobs.c.state, jobs.c.attempts).order_by(jobs.c.id))]

    def film(self, name: str) -> bytes:
        """The rendition as a player would append it: the init segment and every segment, still encrypted with cbcs."""
        with self.company.engine.connect() as conn:
            row = conn.execute(select(renditions).where(renditions.c.name == name)).one()
            rows = conn.execute(
                select(segments).where(segments.c.rendition_id == row.id).order_by(segments.c.number)
            ).all()
            parts = [
                init_segment(
                    track_of(TrackKind(row.kind), row.codec_config, row.timescale), Protection(row.key_id, row.iv)
                )
            ]
            assert [each.number for each in rows] == list(range(len(rows)))
            for each in rows:
                place = bundles.bundle(conn, self.version_id, name, each.object_key)
                sealed = self.fetch(each.object_key, place.offset, place.length)
                opened = bundles.unseal_segments(self.company.id, self.company.company_key, place, sealed)
                assert hashlib.sha256(opened[each.number]).digest() == each.plain_sha256
                parts.append(opened[each.number])
        return b"".join(parts)

    def content_key(self, name: str) -> str:
        with self.company.engine.begin() as conn:
            keys = records.keys_of(conn, self.company.company_key, self.version_id)
            wanted = conn.execute(select(renditions.c.content_key_class).where(renditions.c.name == name)).scalar_one()
        return next(key.key.hex() for each, key in keys.content_keys.items() if each.value == wanted)

    def frame_numbers(self, name: str) -> list[int]:
        with av.open(io.BytesIO(self.film(name)), options={"decryption_key": self.content_key(name)}) as film:
            return [read_strip(frame.to_ndarray(format="gray")) for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return strip_clip(path, FRAMES, width=1280, height=720, sound="aac").read_bytes()


def a_stored_version(
    company: Company,
    engine: Engine,
    storage: CompanyStorage,
    connection_id: ConnectionId,
    size_bytes: int,
    sha256: bytes | None,
) -> tuple[CompanyHandle, VersionId, str]:
    version_id = VersionId(new_id())
    handle = CompanyHandle(
        company.id, company.slug, company.name, "http://a", "http://m", engine, storage, NoBell(), CompanyKey.new()
    )
    with engine.begin() as conn:
        user = people.create(conn, email="ada@acme.example", name="Ada", password="correct horse battery")
        production = productions.create(conn, "Demo")
        asset = assets.find_or_create(conn, production.id, "clip.mp4")
        key = original_key(production.slug, production.id, asset.slug, asset.id, version_id, "clip.mp4")
        versions.create(
            conn, asset.id, version_id=version_id, connection_id=connection_id, file_name="clip.mp4",
            original_key=key, size_bytes=size_bytes, uploaded_by=user.id, claimed_sha256=sha256,
        )  # fmt: skip
        versions.move(conn, version_id, VersionState.STORED)
        queue.enqueue(conn, JobKind.TRANSCODE, version_id)
    return handle, version_id, key


@pytest.fixture
def studio_of(company: Company, company_database: Engine) -> Callable[..., Studio]:
    def make(original: bytes, sha256: bytes | None = None) -> Studio:
        bucket, away = MemoryBucket(), threading.Event()
        connection = StorageConnection(
            ConnectionId(new_id()), "acme", "us-east-1", "", "arn", "external", None, None, True, frozenset()
        )
        storage = CompanyStorage(
            {connection.id: connection},
            {"": connection.id},
            NoSessions(),
            lambda connection, sessions: MemoryStore(bucket),
            lambda connection, sessions, key, size: MemoryReader(bucket, key, size, away),
        )
        handle, version_id, key = a_stored_version(
            company, company_database, storage, connection.id, len(original), sha256
        )
        bucket.objects[key] = original
        return Studio(
            handle, bucket, version_id, away, lambda key, offset, length: bucket.objects[key][offset : offset + length]
        )

    return make


class KeptSessions:
    """A broker as the job process has it: each session asked for once, here of STS itself."""

    def __init__(self, broker: StsBroker) -> None:
        self._broker = broker
        self.kept: dict[SessionRequest, StsSession] = {}

    def session(self, request: SessionRequest) -> StsSession:
        if request not in self.kept:
            self.kept[request] = self._broker.session(request)
        return self.kept[request]


def test_on_a_real_store_two_scoped_sessions_are_enough(
    company: Company,
    company_database: Engine,
    acme_connection: StorageConnection,
    platform_credentials: AccessKey,
    tmp_path: Path,
) -> None:
    original = small_prores(tmp_path / "clip.mov").read_bytes()
    identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
    broker = KeptSessions(StsBroker(identity, lambda _: acme_connection, "acme"))
    storage = CompanyStorage(
        {acme_connection.id: acme_connection}, {"": acme_connection.id}, broker, S3Store, ObstoreReader
    )
    handle, version_id, key = a_stored_version(
        company, company_database, storage, acme_connection.id, len(original), hashlib.sha256(original).digest()
    )
    uploads = storage.open(acme_connection.id, Purpose.UPLOAD, "/".join(key.split("/")[:2]) + "/")
    uploads.put_new(key, original, content_type="video/quicktime", grant=GrantId(new_id()))
    broker.kept.clear()
    playing = storage.open(acme_connection.id, Purpose.PLAYBACK, "proxies/")
    studio = Studio(
        handle, MemoryBucket(), version_id, threading.Event(),
        lambda key, offset, length: playing.get(key, offset=offset, length=length, grant=GrantId(new_id())),
    )  # fmt: skip
    assert studio.work() is Outcome.WORKED
    assert {request.purpose for request in broker.kept} == {Purpose.READ_ORIGINAL, Purpose.WRITE_PROXY}
    version = studio.version()
    assert (version.state, version.problem) == (VersionState.READY, None)
    assert studio.frame_numbers("v360") == list(range(60))
    assert studio.read_ratio() <= 1.02


def test_an_original_becomes_sealed_segments_that_hold_every_frame_once(studio_of, clip: bytes) -> None:
    studio = studio_of(clip, hashlib.sha256(clip).digest())
    assert studio.work() is Outcome.WORKED
    version = studio.version()
    assert (version.state, version.problem) == (VersionState.READY, None)
    assert version.verified_sha256 == hashlib.sha256(clip).digest()
    assert version.frames == version.planned_frames == version.published_frames == FRAMES
    assert version.has_poster
    assert studio.read_ratio() <= 1.02
    for name in ("v360", "v720"):
        assert studio.frame_numbers(name) == list(range(FRAMES))
    with av.open(io.BytesIO(studio.film("a1")), options={"decryption_key": studio.content_key("a1")}) as sound:
        samples = sum(frame.samples for frame in sound.decode(audio=0))
    assert abs(samples - FRAMES * 2000) <= 3 * 1024
    assert studio.jobs() == [("done", 1)]
    assert studio.work() is Outcome.NOTHING


def test_every_request_of_a_job_leads_to_its_grants_and_stays_below_its_prefix(studio_of, tmp_path: Path) -> None:
    studio = studio_of(strip_clip(tmp_path / "clip.mp4", 30, width=640, height=360, sound="aac").read_bytes())
    studio.work()
    with studio.company.engine.connect() as conn:
        granted = {row.id: row for row in conn.execute(select(grants_table))}
    assert {row.action for row in granted.values()} == {"write_proxy", "read_original"}
    assert all(granted[grant].action == "write_proxy" for _, _, grant in studio.bucket.log)
    assert all(key.startswith(f"proxies/{studio.version_id}/") for _, key, _ in studio.bucket.log)
    with studio.company.engine.connect() as conn:
        for kind, number in conn.execute(select(stills.c.kind, stills.c.number)):
            row = bundles.still(conn, studio.version_id, StillKind(kind), number)
            assert row.length < len(studio.bucket.objects[row.place.object_key])


def test_a_killed_codec_is_started_again_and_no_segment_is_replaced(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)

    def kill() -> None:
        os.kill(studio.codecs[-1].pid, signal.SIGKILL)

    assert studio.work_and_interrupt(kill, after_segments=4) is Outcome.WORKED
    assert studio.version().state in (VersionState.PROCESSING, VersionState.PLAYABLE)
    assert studio.jobs() == [("waiting", 1)]
    with studio.company.engine.connect() as conn:
        before = conn.execute(select(segments)).all()
    studio.make_due()
    assert studio.work() is Outcome.WORKED
    assert studio.version().state is VersionState.READY
    with studio.company.engine.connect() as conn:
        after = set(conn.execute(select(segments)).all())
        salts = [row.salt for row in conn.execute(select(attempts))]
        named = records.named_objects(conn, studio.version_id)
    assert set(before) <= after
    assert len(salts) == len(set(salts)) == 2
    for name in ("v360", "v720"):
        assert studio.frame_numbers(name) == list(range(FRAMES))
    dead = {key for key in studio.bucket.objects if key.startswith(f"proxies/{studio.version_id}/1/")}
    assert dead <= named


def test_a_job_that_was_taken_over_publishes_nothing_more(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)
    heirs: list[Outcome] = []

    def take_over() -> None:
        with studio.company.engine.begin() as conn:
            conn.execute(update(jobs).values(leased_until=func.now() - timedelta(seconds=1)))
        heirs.append(studio.work())

    outcome = studio.work_and_interrupt(take_over, after_segments=1, heartbeat_seconds=60)
    assert (outcome, heirs) == (Outcome.DIED, [Outcome.WORKED])
    assert studio.version().state is VersionState.READY
    for name in ("v360", "v720"):
        assert studio.frame_numbers(name) == list(range(FRAMES))


def test_a_cancelled_job_stops_within_seconds(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)
    asked: list[float] = []

    def cancel() -> None:
        asked.append(time.monotonic())
        with studio.company.engine.begin() as conn:
            assert queue.request_cancel(conn, studio.version_id) is JobState.RUNNING

    assert studio.work_and_interrupt(cancel, after_segments=1) is Outcome.WORKED
    assert time.monotonic() - asked[0] < 5
    assert studio.version().state is VersionState.CANCELLED
    assert studio.jobs() == [("cancelled", 1)]
    assert studio.codecs[-1].wait(1) != 0


def test_a_file_that_is_no_film_fails_at_once_with_words_for_the_uploader(studio_of) -> None:
    studio = studio_of(b"this is a shopping list\n" * 100)
    assert studio.work() is Outcome.WORKED
    version = studio.version()
    assert version.state is VersionState.FAILED
    assert version.problem is not None
    assert version.problem.code == "media"
    assert studio.jobs() == [("failed", 1)]
    assert studio.count(segments) == 0


def test_a_wrong_checksum_fails_the_version(studio_of, tmp_path: Path) -> None:
    studio = studio_of(small_silent(tmp_path / "clip.mp4").read_bytes(), hashlib.sha256(b"another").digest())
    studio.work()
    version = studio.version()
    assert version.state is VersionState.FAILED
    assert "checksum" in version.problem.message


def test_a_store_that_is_away_for_a_moment_costs_no_attempt(studio_of, tmp_path: Path) -> None:
    studio = studio_of(small_silent(tmp_path / "clip.mp4").read_bytes())
    studio.away.set()
    threading.Timer(2.0, studio.away.clear).start()
    assert studio.work() is Outcome.WORKED
    assert studio.version().state is VersionState.READY
    assert studio.jobs() == [("done", 1)]


def test_a_job_that_was_taken_up_too_often_fails_clearly(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)
    with studio.company.engine.begin() as conn:
        conn.execute(update(jobs).values(attempts=queue.MAX_ATTEMPTS))
    assert studio.work() is Outcome.WORKED
    version = studio.version()
    assert version.state is VersionState.FAILED
    assert "five times" in version.problem.message
