"""The job process as the supervisor starts it: by exec, with one socket, and killed in the middle of its work."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from tests.integration.studio import KeptSessions, Studio, a_stored_version
from tests.media.clips import strip_clip
from tests.services.installation import is_alive

from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import jobs, segments
from reelkeep.companies import provisioning
from reelkeep.companies.birth import storage_fields
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.ids import GrantId, new_id
from reelkeep.isolation.channel import Channel, ChannelClosed, Message
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection
from reelkeep.storage.memory import MemoryBucket
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.supervisor.object_store import AccessKey

FRAMES = 240  # enough that a job is still at work when it is killed after its first segments


class Supervisor:
    """Starts job processes and answers their questions, as the real one does."""

    def __init__(self, birth: dict[str, object], broker: KeptSessions) -> None:
        self._birth = birth
        self._broker = broker
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "reelkeep.runner.job_process", "--link-fd", str(theirs.fileno())]
        command += ["--open-network"]  # no egress process stands beside this supervisor
        one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # as the real one sets it
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), env=one_thread)
        theirs.close()
        self.started.append(process)
        threading.Thread(target=self._answer, args=(Channel(ours),)).start()
        return process

    def _answer(self, channel: Channel) -> None:
        try:
            channel.send(Message("birth", self._birth))
            while True:
                asked = channel.receive()
                fields = asked.fields["fields"]
                assert asked.kind == "session"
                session = self._broker.session(
                    SessionRequest(
                        fields["connection_id"], Purpose(fields["purpose"]), fields["scope"], fields["grant_id"]
                    )
                )
                ok = {**vars(session), "expires_at": session.expires_at.isoformat()}
                channel.send(Message("reply", {"id": asked.fields["id"], "ok": ok}))
        except ChannelClosed:
            channel.close()


@pytest.fixture
def studio(
    company: Company, company_database: Engine, acme_connection: StorageConnection, broker: KeptSessions, clip: bytes
) -> Studio:
    storage = CompanyStorage(
        {acme_connection.id: acme_connection}, {"": acme_connection.id}, broker, S3Store, ObstoreReader
    )
    handle, version_id, key = a_stored_version(
        company, company_database, storage, acme_connection.id, len(clip), hashlib.sha256(clip).digest()
    )
    uploads = storage.open(acme_connection.id, Purpose.UPLOAD, "/".join(key.split("/")[:2]) + "/")
    uploads.put_new(key, clip, content_type="video/mp4", grant=GrantId(new_id()))
    playing = storage.open(acme_connection.id, Purpose.PLAYBACK, "proxies/")

    def fetch(key: str, offset: int, length: int) -> bytes:
        return playing.get(key, offset=offset, length=length, grant=GrantId(new_id()))

    return Studio(handle, MemoryBucket(), version_id, threading.Event(), fetch)


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return strip_clip(tmp_path / "clip.mp4", FRAMES, width=1280, height=720, sound="aac").read_bytes()


@pytest.fixture
def broker(acme_connection: StorageConnection, platform_credentials: AccessKey) -> KeptSessions:
    identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
    return KeptSessions(StsBroker(identity, lambda _: acme_connection, "acme"))


@pytest.fixture
def supervisor(
    studio: Studio,
    broker: KeptSessions,
    acme_connection: StorageConnection,
    postgres_server: DatabaseServer,
    keyring: LocalKeyring,
    company: Company,
) -> Iterator[Supervisor]:
    handle = studio.company
    assert handle.company_key is not None
    birth = {
        "role": "job",
        "company": {"id": handle.id, "slug": handle.slug, "name": handle.name, "app_origin": "", "media_origin": ""},
        "covered": [],
        "dsn": provisioning.app_url(postgres_server, keyring, company).render_as_string(hide_password=False),
        "company_key": handle.company_key.reveal().hex(),
        **storage_fields({acme_connection.id: acme_connection}, {"": acme_connection.id}),
    }
    supervisor = Supervisor(birth, broker)
    yield supervisor
    for process in supervisor.started:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 180
    while not what():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def children_of(pid: int) -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found |= {int(entry.name)} | children_of(int(entry.name))
    return found


def test_a_killed_job_process_leaves_no_codec_and_the_next_one_goes_on(
    studio: Studio, supervisor: Supervisor, company_database: Engine
) -> None:
    first = supervisor.start()
    wait_for(lambda: studio.count(segments) >= 2 or first.poll() is not None)
    codec = children_of(first.pid)
    assert codec
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: not any(map(is_alive, codec)))
    with company_database.begin() as conn:
        before = set(conn.execute(select(segments)).all())
        conn.execute(update(jobs).values(leased_until=func.now() - timedelta(seconds=1)))
    assert supervisor.start().wait(180) == 0
    version = studio.version()
    assert (version.state, version.problem, version.frames) == (VersionState.READY, None, FRAMES)
    with company_database.connect() as conn:
        assert before <= set(conn.execute(select(segments)).all())
    for name in ("v360", "v720"):
        assert studio.frame_numbers(name) == list(range(FRAMES))
    assert supervisor.start().wait(60) == 3
