"""The transcode job on image sequences: a real PostgreSQL, the real, sandboxed codec, a bucket in memory."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from sqlalchemy import Connection, Engine, select
from tests.integration.studio import Bell, MemoryReader, NoSessions, Studio
from tests.media.sequences import shoot

from reelkeep.catalog import assets, image_sequences, luts, people, productions, versions
from reelkeep.catalog.image_sequences import FrameRow, SequenceRow
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.luts import LutRow
from reelkeep.catalog.tables import attempts, grants
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.encryption.keys import CompanyKey
from reelkeep.ids import ConnectionId, LutId, ProductionId, VersionId, new_id
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.luts import Lut, LutInput, LutScope
from reelkeep.media import FrameRate
from reelkeep.runner.work import Outcome
from reelkeep.sequences import frame_name, pattern_name
from reelkeep.storage import crc
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.layout import frame_key, original_scope
from reelkeep.storage.memory import MemoryBucket, MemoryStore

RATE = FrameRate(24, 1)


@pytest.fixture
def studio_of(company: Company, company_database: Engine) -> Callable[[Sequence[Path]], Studio]:
    def make(paths: Sequence[Path]) -> Studio:
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
        handle = CompanyHandle(
            company.id, company.slug, company.name, "http://a", "http://m", company_database, storage, Bell(),
            CompanyKey.new(),
        )  # fmt: skip
        version_id = _stored(company_database, bucket, connection.id, paths)
        return Studio(handle, bucket, version_id, away, lambda key, at, length: bucket.objects[key][at : at + length])

    return make


def _stored(engine: Engine, bucket: MemoryBucket, connection_id: ConnectionId, paths: Sequence[Path]) -> VersionId:
    version_id = VersionId(new_id())
    named = [(path, name) for path in paths if (name := frame_name(path.name)) is not None]
    with engine.begin() as conn:
        user = people.create(conn, email="ada@acme.example", name="Ada", password="correct horse battery")
        production = productions.create(conn, "Demo")
        title = pattern_name([name for _, name in named])
        asset = assets.find_or_create(conn, production.id, title)
        scope = original_scope(production.slug, production.id, asset.slug, asset.id, version_id)
        versions.create(
            conn, asset.id, version_id=version_id, connection_id=connection_id, file_name=title, original_key=scope,
            size_bytes=sum(path.stat().st_size for path in paths), uploaded_by=user.id,
        )  # fmt: skip
        frames = []
        for path, name in named:
            body, key = path.read_bytes(), frame_key(scope, path.name, name)
            bucket.objects[key] = body
            checksum = crc.to_bytes(zlib.crc32(body))
            frames.append(FrameRow(name.number, path.name, key, len(body), checksum, None, is_stored=False))
        sequence = SequenceRow(named[0][1].kind, RATE, len(frames), frames[0].number, frames[-1].number)
        image_sequences.create(conn, version_id, sequence)
        image_sequences.add_frames(conn, version_id, frames)
        image_sequences.mark_stored(conn, version_id, [frame.number for frame in frames])
        versions.move(conn, version_id, VersionState.STORED)
        queue.enqueue(conn, JobKind.TRANSCODE, version_id)
    return version_id


@pytest.mark.parametrize("extension", ["exr", "dpx", "png", "tif"])
def test_a_sequence_becomes_a_film_that_shows_every_frame_once(studio_of, extension: str, tmp_path: Path) -> None:
    studio = studio_of(shoot(tmp_path, extension, range(1001, 1051)))
    assert studio.work() is Outcome.WORKED
    version = studio.version()
    assert (version.state, version.problem) == (VersionState.READY, None)
    assert version.frames == version.planned_frames == 50
    assert studio.frame_numbers("v180") == list(range(50))
    assert studio.read_ratio() == 1


def test_a_job_whose_codec_was_killed_goes_on_without_reading_what_is_published(studio_of, tmp_path: Path) -> None:
    studio = studio_of(shoot(tmp_path, "png", range(1, 241)))

    def kill() -> None:
        give_up = time.monotonic() + 30
        while not studio.version().has_poster:  # for which a picture may be looked for anywhere
            assert time.monotonic() < give_up
        os.kill(studio.codecs[-1].pid, signal.SIGKILL)

    assert studio.work_and_interrupt(kill, after_segments=3) is Outcome.WORKED
    assert studio.version().state is VersionState.READY
    assert studio.frame_numbers("v180") == list(range(240))
    assert studio.count(attempts) == len(studio.codecs) == 2
    assert studio.read_ratio() < 0.85  # of the last attempt, which left the published frames out but for the tiles
    with studio.company.engine.connect() as conn:
        read = conn.execute(select(grants).where(grants.c.action == "read_original")).all()
    assert all(row.object_key.endswith(f"/{studio.version_id}/") for row in read)


def _add_lut(conn: Connection, production_id: ProductionId, name: str, lut: Lut) -> LutId:
    """Record a LUT as if its file had been read."""
    lut_id = LutId(new_id())
    row = LutRow(lut_id, production_id, name, ConnectionId(new_id()), f"attachments/lut/{lut_id}/{name}", "", 1, b"")
    luts.add(conn, row, people.everyone(conn)[0].id)
    luts.checked(conn, lut_id, "", lut)
    return lut_id


def test_a_film_keeps_the_lut_that_was_chosen_when_its_making_began(studio_of, tmp_path: Path) -> None:
    studio = studio_of(shoot(tmp_path, "exr", range(1, 193)))
    axis = np.array([0.25, 0.75], "<f4")  # black and white become two greys
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)[..., ::-1]
    lut = Lut(2, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), np.ascontiguousarray(cube).tobytes())
    production_id = studio.version().production_id
    with studio.company.engine.begin() as conn:
        lut_id = _add_lut(conn, production_id, "greys.cube", lut)
        luts.choose(conn, production_id, lut_id, into=LutInput.LINEAR, scope=LutScope.LINEAR)

    def change() -> None:
        os.kill(studio.codecs[-1].pid, signal.SIGKILL)
        with studio.company.engine.begin() as conn:
            luts.choose_none(conn, production_id)

    assert studio.work_and_interrupt(change, after_segments=2) is Outcome.WORKED
    version = studio.version()
    assert (version.state, len(studio.codecs)) == (VersionState.READY, 2)
    assert version.lut is not None
    assert (version.lut.lut_id, version.lut.name, version.lut.input) == (lut_id, "greys.cube", LutInput.LINEAR)
    assert studio.frame_numbers("v180") == list(range(192))
    with av.open(io.BytesIO(studio.film("v180")), options={"decryption_key": studio.content_key("v180")}) as film:
        brightest = [frame.to_ndarray(format="gray").max() for frame in film.decode(video=0)]
    assert max(brightest) < 0.85 * 255


def test_a_frame_that_is_not_the_one_that_was_sent_ends_the_job_by_its_number(studio_of, tmp_path: Path) -> None:
    studio = studio_of(shoot(tmp_path, "png", range(1, 5)))
    key = next(key for key in studio.bucket.objects if key.endswith("shot.0003.png"))
    studio.bucket.objects[key] = studio.bucket.objects[key][:-1] + b"\0"
    assert studio.work() is Outcome.WORKED
    version = studio.version()
    assert version.state is VersionState.FAILED
    assert version.problem is not None
    assert version.problem.message.startswith("frame 3 is not the file that was sent")
