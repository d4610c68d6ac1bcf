"""A whole installation in a process of its own, with stand-ins for the web application, to be killed at will."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services.databases import open_folder

from reelkeep.catalog import processes as ledger
from reelkeep.catalog.processes import Process
from reelkeep.companies import provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.registry import Company
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.supervisor.folder import DataFolder

START_SECONDS = 60
STUB = Path(__file__).with_name("stub_process.py")


def main() -> int:
    """Be the supervisor: ``python -m tests.services.installation DATA S3 READY_FD``."""
    from reelkeep.settings import Settings
    from reelkeep.supervisor.programs import Programs
    from reelkeep.supervisor.up import run

    def stub(role: str) -> Sequence[str]:
        return [sys.executable, "-I", str(STUB), role]

    data, s3, ready_fd = Path(sys.argv[1]), sys.argv[2] == "s3", int(sys.argv[3])
    programs = Programs(app=stub("app"), media=stub("media"), job=stub("job"))
    return run(Settings(data=data, s3_embedded=s3), ready_fd=ready_fd, programs=programs)


@dataclass
class Installation:
    """A data folder and, while it runs, its supervisor."""

    data: Path
    s3: bool = False
    process: subprocess.Popen[bytes] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Start the supervisor and wait until it is ready."""
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "tests.services.installation", str(self.data)]
        self.process = subprocess.Popen(
            [*command, "s3" if self.s3 else "-", str(writing)],
            pass_fds=[writing],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "RKTEST_SECRET": "environment-secret"},
        )
        os.close(writing)
        with open(reading, encoding="utf-8") as ready:
            assert select.select([ready], [], [], START_SECONDS)[0], "the installation did not become ready"
            line = ready.readline()
        assert line, f"the supervisor ended with {self.process.wait(10)}"
        self.facts = json.loads(line)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the supervisor and wait until it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(40)

    def create_company(self, slug: str) -> Company:
        folder = DataFolder.open(self.data)
        return provisioning.create_company(folder.server(), folder.keyring(), slug=slug, name=slug.title())

    def connect_bucket(self, company: Company) -> Any:
        """Give a company a bucket of the embedded store, as its default placement."""
        folder = DataFolder.open(self.data)
        fields = folder.store().add_company(f"{company.slug}-media", f"http://{company.app_host}:{self.facts['port']}")
        engine = queries.engine(folder.server())
        with engine.begin() as conn:
            connection = queries.add_connection(conn, company.id, **vars(fields), state=ConnectionState.ACTIVE)
            queries.place(conn, company.id, "", connection.id)
        engine.dispose()
        return connection

    def ledger(self, company: Company) -> list[Process]:
        """Return the company's process ledger, the newest first."""
        folder = DataFolder.open(self.data)
        engine = provisioning.app_engine(folder.server(), folder.keyring(), company)
        try:
            with engine.connect() as conn:
                return ledger.page(conn, limit=1_000)
        finally:
            engine.dispose()

    def process_record(self, company: Company, pid: int) -> Process:
        """Return what the ledger says of the one process of this number; AssertionError if nothing."""
        found = [one for one in self.ledger(company) if one.pid == pid]
        assert len(found) == 1, pid
        return found[0]

    def ended_process(self, company: Company, pid: int) -> Process:
        """Do as ``process_record`` once the process has ended; AssertionError before."""
        found = self.process_record(company, pid)
        assert found.ended_at is not None
        return found

    def processes(self) -> dict[int, list[str]]:
        """Return pid to command line of every descendant, and of whatever has this data folder on its command line."""
        found: dict[int, list[str]] = {}
        parents = dict(_parents())
        for pid in parents:
            line, above = _command(pid), pid
            while above in parents and above != self.pid:
                above = parents[above]
            if pid != self.pid and (above == self.pid or any(str(self.data) in part for part in line)):
                found[pid] = line
        return found

    def await_gone(self, pids: Sequence[int], seconds: float = 10.0) -> None:
        """Wait until none of these processes is there any more."""
        wait_until(lambda: not [pid for pid in pids if _alive(pid)], seconds)


@contextlib.contextmanager
def installation(*, s3: bool = False) -> Iterator[Installation]:
    """A fresh installation, started; whatever is left of it at the end is killed."""
    one = Installation(open_folder("rk-up-") / "data", s3)
    one.start()
    try:
        yield one
    finally:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)
        left = [pid for pid in one.processes() if _alive(pid)]
        deadline = time.monotonic() + 10
        while any(map(_alive, left)) and time.monotonic() < deadline:
            time.sleep(0.05)
        shutil.rmtree(one.data.parent, ignore_errors=True)


def ask(up: Installation, host: str, path: str = "/who") -> dict[str, Any]:
    """Return what a stand-in process of this host name answers."""
    connection = http.client.HTTPConnection("127.0.0.1", up.facts["port"], timeout=15)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        facts: dict[str, Any] = json.loads(body)
        return facts


def wait_until(true: Any, seconds: float = 15.0) -> Any:
    """Wait until ``true()`` is so, and return what it returned; exceptions of asking count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except (OSError, AssertionError):
            pass
        if time.monotonic() > deadline:
            raise AssertionError("it did not become so in time")
        time.sleep(0.05)


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
