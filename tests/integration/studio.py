"""A company with one stored version, its job, and ways to look at what became of it."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import av
from sqlalchemy import Engine, func, select, update
from tests.media.clips import read_strip

from reelkeep.catalog import assets, people, productions, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import audit_events, jobs, renditions, segments
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
from reelkeep.packaging.tracks import track_of
from reelkeep.playback import bundles
from reelkeep.playback.buffers import Buffers
from reelkeep.runner.work import Outcome, work_once
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import SessionRequest, StsSession
from reelkeep.storage.layout import original_key
from reelkeep.storage.memory import MemoryBucket
from reelkeep.storage.sts import StsBroker
from reelkeep.transcode import job as transcode
from reelkeep.transcode import records


class Bell:
    """Rings nowhere, unless a test wants to hear that help is asked for."""

    def __init__(self) -> None:
        self.on_help: Callable[[], None] = lambda: None

    def ring(self, kind: JobKind) -> None:
        if kind is JobKind.ASSIST:
            self.on_help()


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

    def of(self, key: str, size_bytes: int) -> MemoryReader:
        return replace(self, key=key, size_bytes=size_bytes)


class HeldObjects(dict[str, bytes]):
    """Objects of a bucket that take no more from a moment on until they are released."""

    def __init__(self, objects: Mapping[str, bytes], is_enough: Callable[[], bool], released: threading.Event) -> None:
        super().__init__(objects)
        self._is_enough, self._released = is_enough, released

    def __setitem__(self, key: str, body: bytes) -> None:
        if not self._released.is_set() and self._is_enough():
            assert self._released.wait(60)
        super().__setitem__(key, body)


@dataclass
class Studio:
    """One company with one stored version and its job."""

    company: CompanyHandle
    bucket: MemoryBucket
    version_id: VersionId
    away: threading.Event
    fetch: Callable[[str, int, int], bytes]
    codecs: list[CodecProcess] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)  # an interrupted job may go on

    unit_seconds: int = transcode.UNIT_SECONDS

    def work(self, heartbeat_seconds: float = 0.2) -> Outcome:
        def start() -> CodecProcess:
            self.codecs.append(start_codec())
            return self.codecs[-1]

        making = transcode.handler(start, unit_seconds=self.unit_seconds)
        table = {JobKind.TRANSCODE: making, JobKind.ASSIST: making}
        return work_once(self.company, table, heartbeat_seconds=heartbeat_seconds)

    def work_and_interrupt(
        self, interrupt: Callable[[], Any], *, after_segments: int, heartbeat_seconds: float = 0.2
    ) -> Outcome:
        """Work until so many segments are there and no more, then interrupt, and go on; return how it ended.

        An interruption that works on the same film itself sets ``released`` before.
        """
        outcomes: list[Outcome] = []

        def enough() -> bool:
            return self.count(segments) >= after_segments

        self.bucket.objects = HeldObjects(self.bucket.objects, enough, self.released)
        worker = threading.Thread(target=lambda: outcomes.append(self.work(heartbeat_seconds)))
        worker.start()
        give_up = time.monotonic() + 60
        while worker.is_alive() and not enough():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        assert worker.is_alive(), "it was over before it could be interrupted"
        interrupt()
        self.released.set()
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

    def read_ratios(self) -> float:
        """Bytes read by all passes through the original, to its size."""
        with self.company.engine.connect() as conn:
            this = (audit_events.c.what == "original.read", audit_events.c.subject_id == self.version_id)
            query = select(audit_events.c.details).where(*this)
            found = [row[0] for row in conn.execute(query)]
        return sum(details["bytes_read"] for details in found) / found[0]["size_bytes"]

    def make_due(self) -> None:
        with self.company.engine.begin() as conn:
            conn.execute(update(jobs).values(due_at=func.now()))

    def jobs(self) -> list[tuple[str, int]]:
        with self.company.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(select(jobs.c.state, jobs.c.attempts).order_by(jobs.c.id))]

    def film(self, name: str) -> bytes:
        """The rendition as a player would append it: the init segment and every segment, still encrypted with cbcs."""
        with self.company.engine.connect() as conn:
            row = conn.execute(select(renditions).where(*self._this(name))).one()
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
                place = bundles.with_segment(conn, self.version_id, name, each.number)
                assert place is not None
                sealed = self.fetch(each.object_key, place.offset, place.length)
                opened = bundles.unseal_segments(
                    self.company.id, self.company.company_key, place, sealed, Buffers(0).take
                )
                assert hashlib.sha256(opened[each.number]).digest() == each.plain_sha256
                parts.append(opened[each.number])
        return b"".join(parts)

    def _this(self, name: str) -> tuple[Any, ...]:
        return renditions.c.name == name, renditions.c.version_id == self.version_id

    def content_key(self, name: str) -> str:
        with self.company.engine.begin() as conn:
            keys = records.keys_of(conn, self.company.company_key, self.version_id)
            wanted = conn.execute(select(renditions.c.content_key_class).where(*self._this(name))).scalar_one()
        return next(key.key.hex() for each, key in keys.content_keys.items() if each.value == wanted)

    def frame_numbers(self, name: str) -> list[int]:
        with av.open(io.BytesIO(self.film(name)), options={"decryption_key": self.content_key(name)}) as film:
            return [read_strip(frame.to_ndarray(format="gray")) for frame in film.decode(video=0)]


def a_stored_version(
    company: Company,
    engine: Engine,
    storage: CompanyStorage,
    connection_id: ConnectionId,
    size_bytes: int,
    sha256: bytes | None = None,
) -> tuple[CompanyHandle, VersionId, str]:
    version_id = VersionId(new_id())
    handle = CompanyHandle(
        company.id, company.slug, company.name, "http://a", "http://m", engine, storage, Bell(), CompanyKey.new()
    )
    with engine.begin() as conn:
        email = f"ada-{version_id}@acme.example"
        user = people.create(conn, email=email, name="Ada", password="correct horse battery")
        production = productions.create(conn, f"Demo {version_id}")
        asset = assets.find_or_create(conn, production.id, "clip.mp4")
        key = original_key(production.slug, production.id, asset.slug, asset.id, version_id, "clip.mp4")
        versions.create(
            conn, asset.id, version_id=version_id, connection_id=connection_id, file_name="clip.mp4",
            original_key=key, size_bytes=size_bytes, uploaded_by=user.id, claimed_sha256=sha256,
        )  # fmt: skip
        versions.move(conn, version_id, VersionState.STORED)
        queue.enqueue(conn, JobKind.TRANSCODE, version_id)
    return handle, version_id, key


class KeptSessions:
    """A broker as the job process has it: each session asked for once, here of STS itself."""

    def __init__(self, broker: StsBroker) -> None:
        self._broker = broker
        self.kept: dict[SessionRequest, StsSession] = {}

    def session(self, request: SessionRequest) -> StsSession:
        if request not in self.kept:
            self.kept[request] = self._broker.session(request)
        return self.kept[request]
