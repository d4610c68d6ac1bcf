"""A long film made by several jobs: the same proxy as by one, whoever dies, fails or is stopped meanwhile."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import Engine, select
from tests.integration.studio import MemoryReader, NoSessions, Studio, a_stored_version
from tests.media.clips import strip_clip

from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.tables import attempts, jobs, renditions, segments, stills, units
from reelkeep.companies.registry import Company
from reelkeep.ids import ConnectionId, new_id
from reelkeep.jobs import queue
from reelkeep.runner.work import Outcome
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.transcode.source import BLOCK_BYTES

UNIT_SECONDS = 4
FRAMES = 300  # three units: 96, 96 and 108 frames
PATIENCE_SECONDS = 30

MakeStudio = Callable[[bytes], Studio]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    options = {"preset": "ultrafast", "crf": "18", "g": "40", "bf": "2"}
    return strip_clip(path, FRAMES, width=320, height=180, options=options, sound="aac").read_bytes()


@pytest.fixture
def studio_of(company: Company, company_database: Engine) -> MakeStudio:
    def make(original: bytes) -> Studio:
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
        handle, version_id, key = a_stored_version(company, company_database, storage, connection.id, len(original))
        bucket.objects[key] = original
        made = Studio(
            handle, bucket, version_id, away, lambda key, offset, length: bucket.objects[key][offset : offset + length]
        )
        made.unit_seconds = UNIT_SECONDS
        return made

    return make


class Helper:
    """A second worker, on a thread of its own; the first one waits at its first cut until it has a unit."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.outcomes: list[Outcome] = []
        self._thread = threading.Thread(target=lambda: self.outcomes.append(studio.work()))
        studio.company.doorbell.on_help = self._begin

    def _begin(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
            wait_for(lambda: len(self.helped_units()) > 0)

    def helped_units(self) -> list[int]:
        with self._studio.company.engine.connect() as conn:
            query = select(units.c.number).join(jobs, jobs.c.id == units.c.job_id).where(jobs.c.kind == "assist")
            return sorted(conn.scalars(query))

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def work_all(studio: Studio) -> None:
    while studio.work() is not Outcome.NOTHING:
        studio.make_due()


def index_of(studio: Studio) -> list[tuple[Any, ...]]:
    """Every row of the segments, but for what is sealed with a key or lies under an attempt's name."""
    columns = (renditions.c.name, segments.c.number, segments.c.decode_time, segments.c.duration, segments.c.samples)
    query = select(*columns, segments.c.length).join(renditions).order_by(renditions.c.name, segments.c.number)
    with studio.company.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(query.where(renditions.c.version_id == studio.version_id))]


def samples_of(studio: Studio, name: str) -> list[tuple[int, int, str]]:
    """Time, size and hash of every sample in the clear."""
    options = {"decryption_key": studio.content_key(name)}
    with av.open(io.BytesIO(studio.film(name)), options=options) as film:
        packets = [packet for packet in film.demux() if packet.size]
        return [(packet.pts, packet.size, hashlib.sha256(bytes(packet)).hexdigest()) for packet in packets]


def count_stills(studio: Studio) -> dict[str, int]:
    with studio.company.engine.connect() as conn:
        kinds = list(conn.scalars(select(stills.c.kind).where(stills.c.version_id == studio.version_id)))
    return {kind: kinds.count(kind) for kind in kinds}


def test_two_jobs_make_the_same_film_as_one(studio_of: MakeStudio, film: bytes) -> None:
    alone = studio_of(film)
    work_all(alone)
    assert alone.version().state is VersionState.READY
    assert (len(alone.codecs), alone.read_ratios() <= 1.02) == (1, True)  # one pass, whatever the units

    shared = studio_of(film)
    helper = Helper(shared)
    assert shared.work() is Outcome.WORKED
    helper.join()
    assert helper.outcomes == [Outcome.WORKED]
    version = shared.version()
    assert (version.state, version.problem, version.frames) == (VersionState.READY, None, FRAMES)
    assert 0 < len(helper.helped_units()) < 3
    assert index_of(shared) == index_of(alone)
    for name in ("v180", "a1"):
        assert samples_of(shared, name) == samples_of(alone, name)
    assert shared.frame_numbers("v180") == list(range(FRAMES))
    assert count_stills(shared) == count_stills(alone) == {"poster": 1, "tiles": 4, "peaks": 1}
    with shared.company.engine.connect() as conn:
        salts = list(conn.scalars(select(attempts.c.salt).where(attempts.c.version_id == shared.version_id)))
    assert len(set(salts)) == len(salts) == len(shared.codecs) >= 2


def test_a_unit_whose_codec_died_is_gone_on_with_and_nothing_is_replaced(studio_of: MakeStudio, film: bytes) -> None:
    studio = studio_of(film)
    helper = Helper(studio)
    before: set[Any] = set()

    def kill() -> None:
        wait_for(lambda: len(studio.codecs) > 1)
        with studio.company.engine.connect() as conn:
            before.update(conn.execute(select(segments)).all())
        os.kill(studio.codecs[1].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    studio.work()
    killer.join()
    helper.join()
    work_all(studio)
    assert (studio.version().state, studio.version().problem) == (VersionState.READY, None)
    assert studio.frame_numbers("v180") == list(range(FRAMES))
    with studio.company.engine.connect() as conn:
        assert before <= set(conn.execute(select(segments)).all())


def test_a_unit_that_cannot_be_made_fails_the_film_once(studio_of: MakeStudio, film: bytes) -> None:
    studio = studio_of(film)
    helper = Helper(studio)

    def kill_helpers() -> None:
        for number in (1, 2):
            wait_for(lambda at_least=number: len(studio.codecs) > at_least)
            os.kill(studio.codecs[number].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_helpers)
    killer.start()
    studio.work()
    killer.join()
    helper.join()
    work_all(studio)
    version = studio.version()
    assert version.problem is not None
    assert (version.state, "twice at the same place" in version.problem.message) == (VersionState.FAILED, True)
    states = [state for state, _ in studio.jobs()]
    assert states.count("failed") == 1
    assert set(states) <= {"failed", "cancelled", "done"}


def test_a_stop_ends_all_jobs_of_a_film(studio_of: MakeStudio, film: bytes) -> None:
    studio = studio_of(film)
    helper = Helper(studio)

    def cancel() -> None:
        helper._begin()
        with studio.company.engine.begin() as conn:
            assert queue.request_cancel(conn, studio.version_id) is JobState.RUNNING

    studio.company.doorbell.on_help = cancel
    assert studio.work() is Outcome.WORKED
    helper.join()
    assert studio.version().state is VersionState.CANCELLED
    assert {state for state, _ in studio.jobs()} == {"cancelled"}
    assert studio.work() is Outcome.NOTHING


def test_a_short_film_is_one_unit(studio_of: MakeStudio, tmp_path: Path) -> None:
    clip = strip_clip(tmp_path / "clip.mp4", 150, width=320, height=180, rate=Fraction(24)).read_bytes()
    studio = studio_of(clip)
    work_all(studio)
    assert (studio.version().state, studio.count(units), studio.jobs()) == (VersionState.READY, 0, [("done", 1)])


def test_a_large_original_is_read_once(studio_of: MakeStudio, tmp_path: Path) -> None:
    path = tmp_path / "film.mov"
    options: dict[str, str] = {}
    strip_clip(path, 280, width=640, height=360, codec="v210", pixel_format="yuv422p10le", options=options)
    original = path.read_bytes()
    assert len(original) > 20 * BLOCK_BYTES  # more than the carrier holds, so that reading twice would show
    studio = studio_of(original)
    work_all(studio)
    assert studio.version().state is VersionState.READY
    assert studio.version().verified_sha256 == hashlib.sha256(original).digest()
    assert studio.read_ratios() <= 1.02
