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
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import Engine, func, select, update
from tests.media.clips import read_strip, small_silent, strip_clip

from reelkeep.catalog import assets, people, productions, versions
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.tables import attempts, jobs, renditions, segments, stills
from reelkeep.catalog.tables import grants as grants_table
from reelkeep.catalog.versions import VersionRow
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import DependencyError
from reelkeep.ids import ConnectionId, VersionId, new_id
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
from reelkeep.storage.interface import SessionRequest, StorageConnection, StsSession
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.transcode import job as transcode
from reelkeep.transcode import records

FRAMES = 264  # five segments and a half


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
    codecs: list[CodecProcess] = field(default_factory=list)

    def work(self) -> Outcome:
        def start() -> CodecProcess:
            self.codecs.append(start_codec())
            return self.codecs[-1]

        table = {JobKind.TRANSCODE: transcode.handler(start)}
        return work_once(self.company, table, heartbeat_seconds=0.2)

    def work_and_interrupt(self, interrupt: Callable[[], Any], *, after_segments: int, state: VersionState) -> Outcome:
        outcomes: list[Outcome] = []
        worker = threading.Thread(target=lambda: outcomes.append(self.work()))
        worker.start()
        give_up = time.monotonic() + 60
        while worker.is_alive() and (self.count(segments) < after_segments or self.version().state is not state):
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
                sealed = self.bucket.objects[each.object_key][place.offset : place.offset + place.length]
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


@pytest.fixture
def studio_of(company: Company, company_database: Engine) -> Callable[..., Studio]:
    def make(original: bytes, sha256: bytes | None = None) -> Studio:
        bucket, away = MemoryBucket(), threading.Event()
        connection_id, version_id = ConnectionId(new_id()), VersionId(new_id())
        connection = StorageConnection(
            connection_id, "acme", "us-east-1", "", "arn", "external", None, None, True, frozenset()
        )
        storage = CompanyStorage(
            {connection_id: connection},
            {"": connection_id},
            NoSessions(),
            lambda connection, sessions: MemoryStore(bucket),
            lambda connection, sessions, key, size: MemoryReader(bucket, key, size, away),
        )
        handle = CompanyHandle(
            company.id, company.slug, company.name, "http://a", "http://m",
            company_database, storage, NoBell(), CompanyKey.new(),
        )  # fmt: skip
        key = f"originals/demo-1/clip-1/{version_id}/clip.mp4"
        bucket.objects[key] = original
        with company_database.begin() as conn:
            user = people.create(conn, email="ada@acme.example", name="Ada", password="correct horse battery")
            asset = assets.find_or_create(conn, productions.create(conn, "Demo").id, "clip.mp4")
            versions.create(
                conn, asset.id, version_id=version_id, connection_id=connection_id, file_name="clip.mp4",
                original_key=key, size_bytes=len(original), uploaded_by=user.id, claimed_sha256=sha256,
            )  # fmt: skip
            versions.move(conn, version_id, VersionState.STORED)
            queue.enqueue(conn, JobKind.TRANSCODE, version_id)
        return Studio(handle, bucket, version_id, away)

    return make


def test_an_original_becomes_sealed_segments_that_hold_every_frame_once(studio_of, clip: bytes) -> None:
    studio = studio_of(clip, hashlib.sha256(clip).digest())
    assert studio.work() is Outcome.WORKED
    version = studio.version()
    assert (version.state, version.problem) == (VersionState.READY, None)
    assert version.verified_sha256 == hashlib.sha256(clip).digest()
    assert version.frames == version.planned_frames == version.published_frames == FRAMES
    assert version.has_poster
    for name in ("v360", "v720"):
        assert studio.frame_numbers(name) == list(range(FRAMES))
    with av.open(io.BytesIO(studio.film("a1")), options={"decryption_key": studio.content_key("a1")}) as sound:
        samples = sum(frame.samples for frame in sound.decode(audio=0))
    assert abs(samples - FRAMES * 2000) <= 3 * 1024
    assert studio.jobs() == [("done", 1)]
    assert studio.work() is Outcome.NOTHING


def test_every_request_of_a_job_leads_to_its_grants_and_stays_below_its_prefix(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)
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

    assert studio.work_and_interrupt(kill, after_segments=5, state=VersionState.PLAYABLE) is Outcome.WORKED
    assert studio.version().state is VersionState.PLAYABLE
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


def test_a_cancelled_job_stops_within_seconds(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)
    asked: list[float] = []

    def cancel() -> None:
        asked.append(time.monotonic())
        with studio.company.engine.begin() as conn:
            assert queue.request_cancel(conn, studio.version_id) is JobState.RUNNING

    assert studio.work_and_interrupt(cancel, after_segments=1, state=VersionState.PROCESSING) is Outcome.WORKED
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
