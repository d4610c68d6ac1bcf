"""The transcode job end to end on a real PostgreSQL with the real, sandboxed codec; the bucket is in memory."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from sqlalchemy import Engine, func, select, update
from tests.integration.studio import KeptSessions, MemoryReader, NoSessions, Studio, a_stored_version
from tests.media.clips import small_prores, small_silent, strip_clip
from tests.media.kinds import ffmpeg
from tests.media.originals import make_original

from reelkeep.catalog import versions
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.tables import attempts, jobs, renditions, segments, stills
from reelkeep.catalog.tables import grants as grants_table
from reelkeep.companies.registry import Company
from reelkeep.ids import ConnectionId, GrantId, new_id
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.packaging.stills import StillKind
from reelkeep.playback import bundles
from reelkeep.runner.work import Outcome
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Purpose, StorageConnection
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.supervisor.object_store import AccessKey
from reelkeep.transcode import records

FRAMES = 168  # three segments and a half


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return strip_clip(path, FRAMES, width=1280, height=720, sound="aac").read_bytes()


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


def test_every_sound_track_and_the_times_of_a_variable_rate_are_kept(studio_of, tmp_path: Path) -> None:
    """A film of two languages whose pictures are 40 or 120 ms apart."""
    times = [0, 40, 80, 200, *range(240, 2_000, 40)]
    picture = make_original(tmp_path / "picture.mkv", frames=len(times), times=times, sound=None)
    tones = [word for level in (-20, -30) for word in ("-f", "lavfi", "-i", _tone(level))]
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra", "-metadata:s:a:1", "title=Mixée")
    maps = ("-map", "0", "-map", "1", "-map", "2", "-c:v", "copy", "-c:a", "pcm_s16le")
    ffmpeg("-i", str(picture), *tones, *maps, *tags, str(tmp_path / "film.mkv"))
    studio = studio_of((tmp_path / "film.mkv").read_bytes())
    assert studio.work() is Outcome.WORKED
    probe = studio.version().probe
    assert probe is not None
    loudness = [round(sound["loudness"]["integrated_lufs"]) for sound in probe["sounds"]]
    assert loudness == [-23, -33]  # one channel counts once
    assert (probe["times"]["pictures"], probe["times"]["shortest_ticks"], probe["times"]["longest_ticks"]) == (
        len(times), 40, 120,
    )  # fmt: skip
    with studio.company.engine.connect() as conn:
        row = bundles.still(conn, studio.version_id, StillKind.TIMES, 0)
        kept = conn.execute(
            select(renditions.c.name, renditions.c.language, renditions.c.label)
            .where(renditions.c.version_id == studio.version_id, renditions.c.kind == "audio")
            .order_by(renditions.c.name)
        ).all()
    assert [tuple(each) for each in kept] == [("a1", "eng", ""), ("a2", "fra", "Mixée")]
    sealed = studio.fetch(row.place.object_key, 0, row.length)
    told = json.loads(bundles.open_still(studio.company.id, studio.company.company_key, row, sealed))
    assert told["runs"][:3] == [[40, 2], [120, 1], [40, len(times) - 4]]
    levels = []
    for name in ("a1", "a2"):
        with av.open(io.BytesIO(studio.film(name)), options={"decryption_key": studio.content_key(name)}) as sound:
            levels.append(max(float(np.abs(frame.to_ndarray()).max()) for frame in sound.decode(audio=0)))
    assert levels[0] / levels[1] == pytest.approx(10**0.5, rel=0.1)


def _tone(level_db: int) -> str:
    return f"aevalsrc={10 ** (level_db / 20)}*sin(2*PI*1000*t):s=48000:d=2"


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
    before: list[object] = []

    def kill() -> None:
        os.kill(studio.codecs[-1].pid, signal.SIGKILL)
        with studio.company.engine.connect() as conn:
            before.extend(conn.execute(select(segments)).all())

    assert studio.work_and_interrupt(kill, after_segments=4) is Outcome.WORKED
    assert (studio.version().state, studio.jobs()) == (VersionState.READY, [("done", 1)])
    with studio.company.engine.connect() as conn:
        after = set(conn.execute(select(segments)).all())
        salts = [row.salt for row in conn.execute(select(attempts))]
        named = records.named_objects(conn, studio.version_id)
    assert before
    assert set(before) <= after
    assert len(salts) == len(set(salts)) == len(studio.codecs) == 2
    for name in ("v360", "v720"):
        assert studio.frame_numbers(name) == list(range(FRAMES))
    dead = {key for key in studio.bucket.objects if key.startswith(f"proxies/{studio.version_id}/1/")}
    assert dead <= named


def test_a_file_that_kills_every_codec_at_one_place_fails_after_two(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)

    def kill_each() -> None:
        for number in range(2):
            while len(studio.codecs) == number:
                time.sleep(0.01)
            os.kill(studio.codecs[number].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_each)
    killer.start()
    began = time.monotonic()
    assert studio.work() is Outcome.WORKED
    killer.join()
    assert time.monotonic() - began < 15
    version = studio.version()
    assert (version.state, studio.jobs()) == (VersionState.FAILED, [("failed", 1)])
    assert (version.problem.code, "twice at the same place" in version.problem.message) == ("media", True)
    assert len(studio.codecs) == 2


def test_a_job_that_was_taken_over_publishes_nothing_more(studio_of, clip: bytes) -> None:
    studio = studio_of(clip)
    heirs: list[Outcome] = []

    def take_over() -> None:
        with studio.company.engine.begin() as conn:
            conn.execute(update(jobs).values(leased_until=func.now() - timedelta(seconds=1)))
        studio.released.set()
        heirs.append(studio.work())

    outcome = studio.work_and_interrupt(take_over, after_segments=1, heartbeat_seconds=60)
    assert (outcome, heirs) == (Outcome.DIED, [Outcome.WORKED])
    assert studio.version().state is VersionState.READY
    for name in ("v360",):
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


def test_a_wrong_checksum_fails_the_version_and_a_retry_does_not_forget_it(studio_of, tmp_path: Path) -> None:
    studio = studio_of(small_silent(tmp_path / "clip.mp4").read_bytes(), hashlib.sha256(b"another").digest())
    studio.work()
    version = studio.version()
    assert version.state is VersionState.FAILED
    assert "checksum" in version.problem.message
    with studio.company.engine.begin() as conn:
        versions.move(conn, studio.version_id, VersionState.STORED)
        queue.enqueue(conn, JobKind.TRANSCODE, studio.version_id)
    assert studio.work() is Outcome.WORKED
    assert studio.version().state is VersionState.FAILED


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
