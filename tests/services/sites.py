"""A company's site for tests: its handle over a real database, with a bucket in memory, and its people."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import Engine, update
from tests.services.served import Served

from reelkeep.catalog import assets, login_sessions, members, people, productions, tables, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.login_sessions import LoginKind, LoginSession
from reelkeep.catalog.people import User
from reelkeep.catalog.productions import Production
from reelkeep.catalog.roles import Role
from reelkeep.catalog.versions import VersionRow
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.registry import Company
from reelkeep.encryption.keys import CompanyKey, key_class
from reelkeep.encryption.sealing import SealContext
from reelkeep.ids import ConnectionId, JobId, VersionId, new_id
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.media import FrameRate, Probe, TrackKind
from reelkeep.packaging.bundle_index import ProxyPlan, RenditionDescription
from reelkeep.packaging.bundles import Bundle, BundleWriter
from reelkeep.packaging.stills import StillKind, StillWriter, TileLayout
from reelkeep.playback.manifest import segment_samples
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Capability, ObjectStore, Purpose, StorageConnection
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.transcode import records
from reelkeep.web.app import make_app
from reelkeep.web.security import host_of

ORIGIN, MEDIA_ORIGIN = "http://acme.localhost:8000", "http://acme-media.localhost:8000"
PASSWORD = "a long pass phrase"
RATE = FrameRate(24000, 1001)
AAC_48K_STEREO = bytes.fromhex("1190")  # ISO/IEC 14496-3: AAC-LC, 48 kHz, two channels
AVCC_360P = bytes.fromhex(  # what x264 wrote for 640x360 High
    "0164001effe100186764001eacd940a02ff96100000303e90000bb800f162d9601000668ebe3cb22c0fdf8f800"
)


@dataclass
class Bell:
    rings: list[JobKind] = field(default_factory=list)

    def ring(self, kind: JobKind) -> None:
        self.rings.append(kind)


class NoBroker:
    """A bucket in memory asks for no session."""

    def session(self, request: object) -> None:
        raise AssertionError("no session is needed")


@dataclass
class Site:
    handle: CompanyHandle
    connection: StorageConnection
    bucket: MemoryBucket
    bell: Bell
    dsn: str
    _app: Served | None = None
    _served: list[Served] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.handle.engine

    def user(self, name: str = "Ada", *, is_company_admin: bool = False) -> User:
        """Return a fresh user whose password is PASSWORD."""
        with self.engine.begin() as conn:
            return people.create(
                conn,
                email=f"{name}-{new_id()}@example.org",
                name=name,
                password=PASSWORD,
                is_company_admin=is_company_admin,
            )

    def production(self, name: str = "Show", **roles: User) -> Production:
        """Return a fresh production; each keyword is a role and who has it."""
        with self.engine.begin() as conn:
            made = productions.create(conn, name)
            for role, user in roles.items():
                members.put(conn, made.id, user.id, Role(role))
        return made

    def version(self, production: Production, user: User, name: str = "reel 1.mov") -> VersionRow:
        """Return a fresh version whose original is stored."""
        with self.engine.begin() as conn:
            asset = assets.find_or_create(conn, production.id, name)
            version_id = VersionId(new_id())
            versions.create(
                conn,
                asset.id,
                version_id=version_id,
                connection_id=self.connection.id,
                file_name=name,
                original_key=f"originals/{new_id()}",
                size_bytes=5,
                uploaded_by=user.id,
            )
            versions.move(conn, version_id, VersionState.STORED)
            return versions.get(conn, version_id)

    def read(self, version_id: str) -> VersionRow:
        with self.engine.begin() as conn:
            return versions.get(conn, VersionId(version_id))

    def expire_logins(self) -> None:
        """Make every login session and playback session one that ended a moment ago."""
        with self.engine.begin() as conn:
            for table in (tables.login_sessions, tables.playback_sessions):
                conn.execute(update(table).values(expires_at="2020-01-01T00:00:00Z"))

    def served(self) -> Served:
        """Return the app process's application, served; started when it is first asked for."""
        if self._app is None:
            self._app = self.keep(Served(make_app(self.handle), host_of(ORIGIN)))
        return self._app

    def keep(self, served: Served) -> Served:
        """Close ``served`` with the site."""
        self._served.append(served)
        return served

    def close(self) -> None:
        for served in self._served:
            served.close()

    def client(self, user: User | None = None) -> httpx.Client:
        """Return a client of the app; with a user it is signed in like a program, by a bearer token."""
        client = self.served().client()
        if user is not None:
            form = {"email": user.email, "password": PASSWORD, "kind": "cli"}
            token = client.post("/api/v1/login", json=form).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
        return client


MakeSite = Callable[..., Site]


def open_site(company: Company, engine: Engine, capabilities: frozenset[Capability] = frozenset()) -> Site:
    """Open a company over its database, with a bucket in memory. The caller closes it.

    Args:
        capabilities: of the bucket's connection; none: it takes files in parts only.
    """
    connection = StorageConnection(
        ConnectionId(new_id()), "acme-media", "eu-west-1", "", "arn:aws:iam::1:role/r", "x", None, None, False,
        capabilities,
    )  # fmt: skip
    bucket, bell = MemoryBucket(), Bell()
    storage = CompanyStorage(
        {connection.id: connection},
        {"": connection.id},
        NoBroker(),
        lambda _connection, _session: MemoryStore(bucket),
        lambda *_: None,
    )
    handle = CompanyHandle(
        company.id, company.slug, company.name, ORIGIN, MEDIA_ORIGIN, engine, storage, bell, CompanyKey.new()
    )
    return Site(handle, connection, bucket, bell, engine.url.render_as_string(hide_password=False))


@pytest.fixture
def make_site(company: Company, company_database: Engine) -> Iterator[MakeSite]:
    """Returns a function that opens the test's company with a bucket in memory."""
    sites: list[Site] = []

    def make() -> Site:
        sites.append(open_site(company, company_database))
        return sites[-1]

    yield make
    for each in sites:
        each.close()


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """The site of a fresh company, with a bucket in memory."""
    return make_site()


class Making:
    """A proxy in the making: publishes bundles of made-up segments as a job does, sealed for real.

    Args:
        frames: planned length of the picture.
        segment_bytes: of each made-up segment, and a few more.
    """

    def __init__(
        self,
        site: Site,
        version: VersionRow,
        *,
        frames: int = 200,
        with_audio: bool = True,
        segment_bytes: int = 2_000,
    ) -> None:
        self.site, self.version, self.frames, self.segment_bytes = site, version, frames, segment_bytes
        samples = round(frames * 48_000 / RATE.fraction) if with_audio else 0
        plan = ProxyPlan(frames, RATE, samples, TileLayout(160, 90, 5, 5, 24))
        probe = Probe("mov", True, with_audio, 640, 360, RATE, frames)
        names = ["v360", "a1"] if with_audio else ["v360"]
        with site.engine.begin() as conn:
            job = queue.enqueue(conn, JobKind.TRANSCODE, version.id)
            self.attempt = records.begin(conn, version.id, JobId(job), probe, plan, names)
            self.keys = records.keys_of(conn, site.handle.company_key, version.id)
        self.writers, self.ids, self.plain = {}, {}, {}
        for name in names:
            self._add(name, plan)

    def _add(self, name: str, plan: ProxyPlan) -> None:
        is_video = name.startswith("v")
        kind = TrackKind.VIDEO if is_video else TrackKind.AUDIO
        which = key_class(kind, 360)
        content = self.keys.content_keys[which]
        about = RenditionDescription(
            name, kind, is_video, 640 if is_video else None, 360 if is_video else None,
            "avc1.64001e" if is_video else "mp4a.40.2", RATE.numerator if is_video else 48_000, 600_000,
            content.key_id, os.urandom(16), which, AVCC_360P if is_video else AAC_48K_STEREO, (),
            self.keys.version_key.wrap_content_key(content),
        )  # fmt: skip
        context = SealContext(self.site.handle.id, self.version.id, self.attempt.number, name)
        self.writers[name] = BundleWriter(about, plan, self.keys.version_key, self.attempt.salt, context)
        with self.site.engine.begin() as conn:
            self.ids[name], _ = records.add_rendition(conn, self.version.id, about)

    def store(self) -> ObjectStore:
        return self.site.handle.storage.open(
            self.site.connection.id, Purpose.WRITE_PROXY, f"proxies/{self.version.id}/"
        )

    def publish(self, name: str, *numbers: int) -> Bundle:
        """Put the segments into one bundle of the bucket and record it."""
        is_video = name.startswith("v")
        kind = TrackKind.VIDEO if is_video else TrackKind.AUDIO
        total = self.frames if is_video else -(-round(self.frames * 48_000 / RATE.fraction) // 1_024) + 1
        lengths = list(segment_samples(total, kind=kind, is_step=is_video))
        unit = RATE.denominator if is_video else 1_024
        for number in numbers:
            plain = self.plain[name, number] = f"{name} {number} ".encode() + os.urandom(self.segment_bytes)
            start = sum(lengths[:number]) * unit
            self.writers[name].add(number, start, lengths[number] * unit, lengths[number], plain, 0.0)
        bundle = self.writers[name].close()
        self.store().put_new(bundle.object_key, bundle.body, content_type="x/y", grant=new_id())
        with self.site.engine.begin() as conn:
            ours = (conn, self.version.id, self.ids[name], self.attempt, bundle)
            records.publish_bundle(*ours, playable=True)
        return bundle

    def publish_still(self, kind: StillKind, number: int, plain: bytes) -> None:
        sealed = StillWriter(
            self.keys.version_key, self.attempt.salt, self.site.handle.id, self.version.id, self.attempt.number
        ).seal(kind, number, plain)
        self.store().put_new(sealed.object_key, sealed.body, content_type="x/y", grant=new_id())
        with self.site.engine.begin() as conn:
            records.publish_still(conn, self.version.id, self.attempt, sealed)

    def complete(self, frames: int) -> None:
        with self.site.engine.begin() as conn:
            records.complete(conn, self.version.id, frames)
            versions.move(conn, self.version.id, VersionState.READY)


def login_of(site: Site, user: User) -> tuple[LoginSession, str]:
    """Return a login session of a page and its token, for the cookie, made without HTTP."""
    with site.engine.begin() as conn:
        _, token = login_sessions.begin(conn, user.id, LoginKind.BROWSER)
        return login_sessions.find(conn, token), token
