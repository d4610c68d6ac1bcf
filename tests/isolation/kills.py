"""A whole platform to be harmed: a film that is being transcoded, another that is being uploaded, a viewer, and what
must be true of them when it is over."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, select
from tests.integration.studio import Studio
from tests.media.clips import strip_clip
from tests.services.databases import open_folder
from tests.services.faulty_store import FaultyStore, in_front_of
from tests.services.platform import EMAIL, Platform

from reelkeep.catalog import versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import jobs, uploads
from reelkeep.catalog.tables import versions as versions_table
from reelkeep.catalog.versions import VersionRow
from reelkeep.cli.accepting import Accepting
from reelkeep.cli.installation import Installation
from reelkeep.cli.logins import Logins
from reelkeep.companies import provisioning
from reelkeep.companies.databases import DATABASE_AWAY
from reelkeep.companies.handle import CompanyHandle
from reelkeep.ids import VersionId
from reelkeep.storage.memory import MemoryBucket
from reelkeep.transcode import leftovers, records
from reelkeep.transcode.job import CodecKeepsDying
from reelkeep.transfer import network

FRAMES = 480  # ten segments of 48, in bundles of 1, 1, 2 and 4: room for a kill after each of the first three
UPLOADED_FRAMES = 48
BALLAST_BYTES = 34 << 20  # five parts of 8 MiB
AT_ONCE_BYTES, BYTES_PER_SECOND = 10 << 20, 256 << 10  # one part of an upload passes, the rest crawls
READY_SECONDS = 240
JOB_WORDS = ("reelkeep.runner.job_process", "reelkeep.isolation.inside", "reelkeep.isolation.enter", "bwrap")


@dataclass
class Harmed(Platform):
    """The platform, with a slow line to its store."""

    line: FaultyStore | None = None
    home: Path = Path()

    def provision(self) -> None:
        """Do as the platform does, with the bucket at the far end of the slow line."""
        assert self.line is not None
        operator = Installation(self.data)
        self.company = operator.create_company("acme", "Acme Pictures", "localhost")
        bucket = operator.storage.embedded_bucket(self.company, self.origin)
        bucket = replace(bucket, endpoint_url=self.line.endpoint_url)
        Accepting(operator, self.company).put_into_use(operator.storage.connect(self.company, bucket))
        user, password = operator.create_user(self.company, EMAIL, "Ada", None, is_company_admin=True)
        self.password = password or ""
        self.production_id = str(operator.create_production(self.company, "Demo", user).id)

    def hold_uploads(self, *, on: bool) -> None:
        """Let no large upload come to its end, or let go."""
        assert self.line is not None
        self.line.slow_after_bytes, self.line.bytes_per_second = AT_ONCE_BYTES, BYTES_PER_SECOND if on else 0

    def victim(self, name: str) -> int:
        """Return the pid of the process of this name; raise AssertionError if it is not there now."""
        lines = self.processes()
        for pid, line in sorted(lines.items()):
            if _IS[name](" ".join(line)):
                return pid
        raise AssertionError(f"there is no {name} among {lines}")

    def of_jobs(self) -> list[int]:
        """Return the pids of every job process and everything in its sandbox."""
        lines = {pid: " ".join(line) for pid, line in self.processes().items()}
        return [pid for pid, line in lines.items() if any(word in line for word in JOB_WORDS)]

    def kill(self, name: str) -> None:
        """``kill -9`` one process; a supervisor is started again, by hand as in life."""
        if name != "supervisor":
            os.kill(self.victim(name), signal.SIGKILL)
            return
        assert self.process is not None
        self.process.kill()
        self.restart()

    def restart(self) -> None:
        """After a kill of the supervisor: see that it left nothing behind, and start it again."""
        assert self.process is not None
        self.process.wait(10)
        self.await_gone(list(self.processes()))
        self.start()


_IS: dict[str, Callable[[str], bool]] = {
    "codec": lambda line: "reelkeep.isolation.inside" in line and not line.startswith("bwrap"),
    "carrier": lambda line: "reelkeep.runner.job_process" in line,
    "runner": lambda line: "reelkeep.runner.runner_process" in line,
    "postgres": lambda line: "bin/postgres -D" in line,
    "store": lambda line: "weed -logtostderr=true server" in line,
    "s3": lambda line: "weed -logtostderr=true s3" in line,
    "app": lambda line: "reelkeep.web.app_process" in line,
    "media": lambda line: "reelkeep.web.media_process" in line,
    "gateway": lambda line: "reelkeep.gateway.gateway_process" in line,
}


@contextlib.contextmanager
def harmed_platform() -> Iterator[Harmed]:
    """Start and provision a platform; end it in order and see that nothing of it is left."""
    one = Harmed(open_folder("rk-kill-") / "data", s3=True)
    one.home = one.data.parent / "home"
    one.start()
    try:
        with in_front_of(one.facts["s3_endpoint"]) as one.line:
            one.provision()
            with one.api() as api:
                logins = Logins(one.home / ".config" / "reelkeep" / "logins.json")
                logins.keep(one.origin, api.login(EMAIL, one.password))
            yield one
    finally:
        one.end_in_order()
        shutil.rmtree(one.data.parent, ignore_errors=True)


@dataclass(frozen=True)
class Films:
    """A film whose transcode takes some seconds, and one whose upload can be held."""

    long: Path
    large: Path

    def under_fresh_names(self, folder: Path, name: str) -> Films:
        """Return the same films under names that are not in the production yet."""
        fresh = Films(folder / f"long-{name}.mp4", folder / f"large-{name}.mp4")
        os.link(self.long, fresh.long)
        os.link(self.large, fresh.large)
        return fresh


def make_films(folder: Path) -> Films:
    options = {"preset": "ultrafast", "crf": "33"}
    long = strip_clip(folder / "long.mp4", FRAMES, width=848, height=480, sound="aac", options=options)
    large = strip_clip(folder / "large.mp4", UPLOADED_FRAMES, width=640, height=360, sound="aac", options=options)
    with large.open("ab") as file:  # ISO/IEC 14496-12, 8.1.2: a FreeSpaceBox, which players skip
        file.write((BALLAST_BYTES + 8).to_bytes(4, "big") + b"free" + os.urandom(BALLAST_BYTES))
    return Films(long, large)


class Client:
    """`reelkeep upload` of one file, in a process of its own."""

    def __init__(self, platform: Harmed, path: Path) -> None:
        self._platform, self._path = platform, path
        self._process = self._start()

    def is_sending(self) -> bool:
        return self._process.poll() is None

    def start_again(self) -> None:
        """``kill -9`` the process and run the same command again."""
        self._process.kill()
        self._process.communicate()
        self._process = self._start()

    def version_id(self) -> str:
        """Wait for its end and return the version it made."""
        out, err = self._process.communicate(timeout=READY_SECONDS)
        assert self._process.returncode == 0, (out, err, self._platform.log())
        version_id: str = json.loads(out.splitlines()[-1])["uploads"][0]["version_id"]
        return version_id

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "HOME": str(self._platform.home)}
        environment.pop("XDG_CONFIG_HOME", None)
        command = [sys.executable, "-m", "reelkeep.cli", "upload", str(self._path), "--production", "demo"]
        return subprocess.Popen(
            [*command, "--parallel", "1", "--json"],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


class Viewer:
    """Asks for the first and the last segment of a version again and again, and remembers each answer."""

    def __init__(self, platform: Harmed, version_id: str) -> None:
        with platform.api() as api:
            session = api.playback_session(version_id)
        step = next(each["name"] for each in session["renditions"] if each["is_step"])
        last = session["planned_frames"] // 48
        self.statuses: list[int] = []
        self.unanswered = 0
        self._addresses = [f"{session['base']}/{step}/{number}.m4s" for number in (last, 0)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Viewer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _watch(self) -> None:
        with network.client() as client:
            while not self._stop.wait(0.1):
                for address in self._addresses:
                    try:
                        self.statuses.append(client.get(address).status_code)
                    except httpx.TransportError:
                        self.unanswered += 1


class Ledger:
    """The company's database and bucket, looked at with every right."""

    def __init__(self, platform: Harmed) -> None:
        self._platform = platform
        self._engine: Engine = platform.company_engine()

    def look(self, query: Callable[[Any], Any]) -> Any:
        """Return the answer of the database, waiting for it while it is away."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with self._engine.connect() as conn:
                    return query(conn)
            except DATABASE_AWAY:
                assert time.monotonic() < deadline, "the database did not come back"
                time.sleep(0.2)

    def version(self, version_id: str) -> VersionRow:
        return self.look(lambda conn: versions.get(conn, VersionId(version_id)))

    def versions_of(self, path: Path) -> list[str]:
        query = select(versions_table.c.id).where(versions_table.c.file_name == path.name)
        return self.look(lambda conn: list(conn.scalars(query)))

    def parts(self, path: Path) -> int:
        """Return how many parts of a file's open upload the store holds."""
        store, bucket = self._platform.store(), self._platform.bucket
        for each in store.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            if each["Key"].endswith(path.name):
                found = store.list_parts(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
                return len(found.get("Parts", ()))
        return 0

    def is_half_made(self, version_id: str) -> bool:
        version = self.version(version_id)
        assert version.state in (VersionState.STORED, VersionState.PROCESSING, VersionState.PLAYABLE), version
        return 0 < version.published_frames < (version.planned_frames or 0)

    def wait_until_ready(self, version_id: str) -> None:
        """Wait for a version. One whose codec was killed twice at one place says so; it is tried again by hand then."""
        deadline = time.monotonic() + READY_SECONDS
        while (version := self.version(version_id)).state is not VersionState.READY:
            if version.problem is not None and version.problem.message == CodecKeepsDying().message:
                with self._platform.api() as api:
                    api._post(f"/versions/{version_id}/retry", {})
            else:
                assert version.state not in (VersionState.FAILED, VersionState.CANCELLED), version
            assert time.monotonic() < deadline, (version, self._jobs(), self._platform.log())
            time.sleep(0.1)

    def _jobs(self) -> list[Any]:
        return list(self.look(lambda conn: conn.execute(select(jobs)).all()))

    def check_whole(self, version_id: str, path: Path, frames: int) -> None:
        """Assert that a version is whole: its original, every frame once, and nothing in the bucket besides."""
        version = self.version(version_id)
        assert self.versions_of(path) == [version_id]
        original = self._platform.body(version.original_key)
        assert hashlib.sha256(original).digest() == hashlib.sha256(path.read_bytes()).digest()
        assert version.frames == version.published_frames == version.planned_frames == frames
        studio = self._studio(version.id)
        for name in ("v360", "v480") if frames == FRAMES else ("v360",):
            assert studio.frame_numbers(name) == list(range(frames)), name
        assert studio.film("a1")
        named = self.look(lambda conn: records.named_objects(conn, version.id))
        last = self.look(lambda conn: records.last_attempt_number(conn, version.id))
        keys = self._platform.objects(f"proxies/{version.id}/")
        assert named <= set(keys)
        assert leftovers.unnamed(keys, named, last) == []

    def check_nothing_is_open(self) -> None:
        """Assert that no job and no upload is unfinished, in the database and in the bucket."""
        assert {row.state for row in self._jobs()} <= {"done"}
        assert self.look(lambda conn: conn.scalars(select(uploads.c.id).where(uploads.c.state == "open")).all()) == []
        assert self._platform.store().list_multipart_uploads(Bucket=self._platform.bucket).get("Uploads", []) == []

    def check_all(self, transcoded: str, uploaded: str, films: Films) -> None:
        """Wait until both films are ready and assert that both are whole, with nothing left open or running."""
        self.wait_until_ready(transcoded)
        self.wait_until_ready(uploaded)
        self.check_whole(transcoded, films.long, FRAMES)
        self.check_whole(uploaded, films.large, UPLOADED_FRAMES)
        self.check_nothing_is_open()
        wait_for(lambda: not self._platform.of_jobs())

    def _studio(self, version_id: VersionId) -> Studio:
        platform = self._platform
        assert platform.company is not None
        row, folder = platform.company, Installation(platform.data).folder
        key = provisioning.company_key(folder.keyring(), row)
        handle = CompanyHandle(row.id, row.slug, row.name, "", "", self._engine, None, None, key)

        def fetch(object_key: str, offset: int, length: int) -> bytes:
            return platform.body(object_key)[offset : offset + length]

        return Studio(handle, MemoryBucket(), version_id, threading.Event(), fetch)


def wait_for(what: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
