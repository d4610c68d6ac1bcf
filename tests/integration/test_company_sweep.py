"""The company's own sweep, on a real PostgreSQL and a real store: what nobody will finish goes, all else stays."""

from __future__ import annotations

import asyncio
import dataclasses
import zlib
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine, func, select, update
from tests.integration.studio import KeptSessions
from tests.services.sites import MEDIA_ORIGIN, ORIGIN, Bell, Making, Site, login_of

from reelkeep.catalog import tables, versions
from reelkeep.catalog.lifecycle import JobState, UploadState, VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.productions import Production
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import StorageSetupError
from reelkeep.ids import ConnectionId, GrantId, JobId, VersionId, new_id
from reelkeep.ingest import abandoned
from reelkeep.ingest.uploads import Uploads, UploadView
from reelkeep.isolation.builder import BuiltCodec
from reelkeep.isolation.sandbox import Limits
from reelkeep.jobs import queue
from reelkeep.jobs.interface import Job, JobKind
from reelkeep.jobs.schedule import SWEEP_EVERY
from reelkeep.pipeline import handlers
from reelkeep.playback import sessions
from reelkeep.runner.work import Outcome, work_once
from reelkeep.storage import crc
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import ObjectStore, Purpose, StorageConnection
from reelkeep.storage.layout import bundle_key
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.supervisor.bell import due_kinds
from reelkeep.supervisor.object_store import AccessKey, EmbeddedStore

GRANT = GrantId(new_id())


@pytest.fixture
def real(
    company: Company, company_database: Engine, acme_connection: StorageConnection, platform_credentials: AccessKey
) -> Site:
    """A company whose bucket is real, reached by sessions of STS as a job process reaches it."""
    identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
    broker = KeptSessions(StsBroker(identity, lambda _: acme_connection, "acme"))
    storage = CompanyStorage(
        {acme_connection.id: acme_connection}, {"": acme_connection.id}, broker, S3Store, ObstoreReader
    )
    bell = Bell()
    handle = CompanyHandle(
        company.id, company.slug, company.name, ORIGIN, MEDIA_ORIGIN, company_database, storage, bell, CompanyKey.new()
    )
    return Site(handle, acme_connection, MemoryBucket(), bell, "")


def work(site: Site, kind: JobKind) -> Outcome:
    """Have the company's next job done, which is of this kind."""
    with site.engine.begin() as conn:
        waiting = conn.scalars(select(tables.jobs.c.kind).where(tables.jobs.c.state == "waiting")).all()
        if not waiting:
            queue.enqueue(conn, kind, None)
    return work_once(site.handle, handlers(no_codec))


def no_codec(limits: Limits) -> BuiltCodec:
    raise AssertionError(f"a sweep asked for a codec with {limits}")


def begin(site: Site, user: User, production: Production, name: str) -> UploadView:
    """Begin an upload and put its first part."""
    uploads = Uploads(site.handle)
    view = uploads.begin(user, production.id, file_name=name, size_bytes=5)
    (part,) = uploads.sign(user, view.row.id, [(1, crc.to_bytes(zlib.crc32(b"12345")))])
    httpx.request("PUT", part.request.url, headers=part.request.headers, content=b"12345").raise_for_status()
    return view


def at_the_store(site: Site, client) -> set[str]:
    prefix = f"{site.connection.prefix}/"
    listed = client.list_multipart_uploads(Bucket=site.connection.bucket, Prefix=prefix).get("Uploads", [])
    return {item["UploadId"] for item in listed}


class Unheld:
    worker = "w"

    def check(self) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def on_stop(self, callback) -> None: ...


def test_an_upload_of_two_weeks_is_given_up_and_what_no_row_knows_leaves_the_store(
    real: Site, object_store: EmbeddedStore
) -> None:
    client = object_store.client("s3")
    ada = real.user()
    production = real.production(uploader=ada)
    old, young = begin(real, ada, production, "old.mov"), begin(real, ada, production, "young.mov")
    with real.engine.begin() as conn:
        aged = func.now() - abandoned.GIVE_UP_AFTER - timedelta(minutes=1)
        conn.execute(update(tables.uploads).where(tables.uploads.c.id == old.row.id).values(created_at=aged))
    store = real.handle.storage.open(real.connection.id, Purpose.UPLOAD, old.row.scope)
    died = store.create_upload(old.row.object_key + ".2", content_type="video/mp4", grant=GRANT)
    foreign = client.create_multipart_upload(
        Bucket=real.connection.bucket, Key=f"{real.connection.prefix}/originals/rushes/day-1.mov"
    )["UploadId"]
    everything = {old.row.store_upload_id, young.row.store_upload_id, died, foreign}
    assert at_the_store(real, client) == everything
    assert work(real, JobKind.SWEEP) is Outcome.WORKED
    version = real.read(old.row.version_id)
    assert (version.state, version.problem.code) == (VersionState.CANCELLED, "media")
    assert "two weeks" in version.problem.message
    assert "Upload the file again" in version.problem.advice
    assert real.read(young.row.version_id).state is VersionState.UPLOADING
    assert at_the_store(real, client) == everything  # all of them were begun within a day
    job = Job(JobId(new_id()), JobKind.SWEEP, None, 1)
    abandoned.sweep(real.handle, job, Unheld(), unknown_after=timedelta(0))
    assert at_the_store(real, client) == {young.row.store_upload_id, foreign}
    view = Uploads(real.handle).describe(ada, young.row.id)
    assert (view.row.state, len(view.done_parts)) == (UploadState.OPEN, 1)  # and it can still be finished
    with real.engine.connect() as conn:
        told = conn.execute(select(tables.grants.c.action).where(tables.grants.c.job_id == job.id)).scalars().all()
    assert sorted(told) == ["delete", "list"]


def test_a_bucket_that_refuses_does_not_keep_the_others_from_being_swept(site: Site) -> None:
    """The connection that refuses comes first; the job fails in the end, and says why."""
    refusing = dataclasses.replace(site.connection, id=ConnectionId(new_id()), bucket="closed")
    opened: list[str] = []

    def open_store(connection: StorageConnection, _: object) -> ObjectStore:
        opened.append(connection.bucket)
        if connection is refusing:
            raise StorageSetupError("the role refuses us")
        return MemoryStore(site.bucket)

    both = {refusing.id: refusing, site.connection.id: site.connection}
    storage = CompanyStorage(both, {"": site.connection.id}, None, open_store, None)
    site.handle = dataclasses.replace(site.handle, storage=storage)
    assert work(site, JobKind.SWEEP) is Outcome.WORKED
    assert opened == ["closed", "acme-media"]
    with site.engine.connect() as conn:
        row = conn.execute(select(tables.jobs)).one()
    assert (row.state, row.last_problem) == ("failed", "the role refuses us")


def leave(site: Site, version_id: VersionId, attempt: int, number: int) -> str:
    """Write an object that no row names, as an attempt does that dies before its commit."""
    key = bundle_key(version_id, attempt, "v360", number)
    store = site.handle.storage.open(site.connection.id, Purpose.WRITE_PROXY, f"proxies/{version_id}/")
    store.put_new(key, b"sealed", content_type="x/y", grant=GRANT)
    return key


def keys(site: Site, version_id: VersionId) -> set[str]:
    store = site.handle.storage.open(site.connection.id, Purpose.CLEAN_PROXY, f"proxies/{version_id}/")
    return {facts.key for facts in store.list(f"proxies/{version_id}/", grant=GRANT)}


def finish_jobs(site: Site) -> None:
    with site.engine.begin() as conn:
        conn.execute(update(tables.jobs).values(state=JobState.DONE.value, finished_at=func.now()))


def test_what_dead_attempts_left_is_deleted_version_by_version_and_only_once(real: Site) -> None:
    ada = real.user()
    production = real.production()
    ready, failed, working = (real.version(production, ada, f"{name}.mov") for name in "abc")
    first = Making(real, ready, frames=12, with_audio=False)
    dead = leave(real, ready.id, 1, 5)
    second = Making(real, ready, frames=12, with_audio=False)
    named = second.publish("v360", 0).object_key
    last = leave(real, ready.id, 2, 6)  # a last bundle may hold no segment, and says how long the film is
    second.complete(12)
    Making(real, failed)
    gone = leave(real, failed.id, 1, 0)
    Making(real, working)
    busy = leave(real, working.id, 1, 0)
    with real.engine.begin() as conn:
        versions.move(conn, failed.id, VersionState.FAILED)
    finish_jobs(real)
    assert (first.attempt.number, second.attempt.number) == (1, 2)
    assert keys(real, ready.id) == {dead, named, last}

    assert work(real, JobKind.SWEEP) is Outcome.WORKED
    assert real.bell.rings == [JobKind.CLEAN]
    assert keys(real, ready.id) == {dead, named, last}  # a process of its own for each version
    assert [work(real, JobKind.CLEAN), work(real, JobKind.CLEAN)] == [Outcome.WORKED] * 2
    assert keys(real, ready.id) == {named, last}
    assert gone not in keys(real, failed.id)
    assert keys(real, working.id) == {busy}

    real.bell.rings.clear()
    assert work(real, JobKind.SWEEP) is Outcome.WORKED
    assert real.bell.rings == []
    with real.engine.connect() as conn:
        kinds = conn.execute(select(tables.jobs.c.kind, tables.jobs.c.state).where(tables.jobs.c.kind != "transcode"))
        assert sorted(map(tuple, kinds)) == [("clean", "done")] * 2 + [("sweep", "done")] * 2


def test_sessions_that_ended_a_day_ago_are_forgotten(site: Site) -> None:
    ada = site.user()
    production = site.production(uploader=ada)
    kept, forgotten = login_of(site, ada)[0], login_of(site, ada)[0]
    with site.engine.begin() as conn:
        for login in (kept, kept, forgotten):
            sessions.begin(conn, login, production.id, None)
        before = func.now() - timedelta(days=1, minutes=1)
        ended = tables.login_sessions.c.id == forgotten.id
        conn.execute(update(tables.login_sessions).where(ended).values(ended_at=before))
        one = select(func.min(tables.playback_sessions.c.id)).where(
            tables.playback_sessions.c.login_session_id == kept.id
        )
        this = tables.playback_sessions.c.id == one.scalar_subquery()
        conn.execute(update(tables.playback_sessions).where(this).values(expires_at=before))
    assert work(site, JobKind.SWEEP) is Outcome.WORKED
    with site.engine.connect() as conn:
        logins = conn.scalars(select(tables.login_sessions.c.id)).all()
        playbacks = conn.scalars(select(tables.playback_sessions.c.login_session_id)).all()
    assert (logins, playbacks) == ([kept.id], [kept.id])


def test_a_company_is_swept_by_the_hour(company_database: Engine, site: Site) -> None:
    conninfo = company_database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    site.user()

    def age(table, hours: float) -> None:
        with company_database.begin() as conn:
            conn.execute(update(table).values(created_at=func.now() - timedelta(hours=hours)))

    assert timedelta(hours=1) == SWEEP_EVERY
    assert asyncio.run(due_kinds(conninfo)) == []  # nothing can be old in a company's first hour
    age(tables.users, 1.1)
    for _ in range(2):
        assert asyncio.run(due_kinds(conninfo)) == [JobKind.SWEEP]
    assert work(site, JobKind.SWEEP) is Outcome.WORKED
    assert asyncio.run(due_kinds(conninfo)) == []
    age(tables.jobs, 1.1)
    assert asyncio.run(due_kinds(conninfo)) == [JobKind.SWEEP]
    with company_database.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(tables.jobs)) == 2


def test_cancelling_a_version_leaves_its_cleaning_alone(site: Site) -> None:
    version = site.version(site.production(), site.user())
    with site.engine.begin() as conn:
        queue.enqueue(conn, JobKind.CLEAN, version.id)
        assert queue.request_cancel(conn, version.id) is None
