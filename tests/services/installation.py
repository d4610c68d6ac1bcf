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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services.databases import open_folder

from reelkeep.catalog import processes as ledger
from reelkeep.catalog.processes import Process
from reelkeep.companies import provisioning, storage_registry
from reelkeep.companies import registry as queries
from reelkeep.companies.registry import Company
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.supervisor.folder import DataFolder

START_SECONDS = 60
STUB = (sys.executable, "-m", "tests.services.stub_process")


def main() -> int:
    """Be the supervisor: ``python -m tests.services.installation DATA S3 READY_FD [SETTINGS]``."""
    from reelkeep.settings import Settings
    from reelkeep.supervisor.programs import Programs
    from reelkeep.supervisor.up import run

    def stub(role: str) -> Sequence[str]:
        return [*STUB, role]

    data, s3, ready_fd = Path(sys.argv[1]), sys.argv[2] == "s3", int(sys.argv[3])
    zygote = [sys.executable, "-m", "tests.services.stub_zygote"]
    programs = Programs(zygote=zygote, job=stub("job"))
    others = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    return run(Settings(data=data, s3_embedded=s3, **others), ready_fd=ready_fd, programs=programs)


@dataclass
class Installation:
    """A data folder and, while it runs, its supervisor."""

    data: Path
    s3: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Start the supervisor and wait until it is ready."""
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments(writing)],
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

    def arguments(self, ready_fd: int) -> list[str]:
        """Return the arguments of the interpreter that is the supervisor."""
        options = [str(self.data), "s3" if self.s3 else "-", str(ready_fd), json.dumps(self.settings)]
        return ["-m", "tests.services.installation", *options]

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
            connection = storage_registry.add_connection(conn, company.id, **vars(fields), state=ConnectionState.ACTIVE)
            storage_registry.place(conn, company.id, "", connection.id)
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
        assert len(found) == 1, (pid, self.ledger(company))
        return found[0]

    def ended_process(self, company: Company, pid: int) -> Process:
        """Do as ``process_record`` once the process has ended; AssertionError before."""
        found = self.process_record(company, pid)
        assert found.ended_at is not None, found
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
        wait_until(lambda: not [pid for pid in pids if is_alive(pid)], seconds)


class RealInstallation(Installation):
    """An installation whose companies have their real processes; there is no store."""

    def arguments(self, ready_fd: int) -> list[str]:
        port, data = str(self.facts.get("port", 0)), str(self.data)
        return ["-m", "reelkeep.cli", "up", "--port", port, "--data", data, "--ready-fd", str(ready_fd)]


@contextlib.contextmanager
def installation(
    *, s3: bool = False, kind: type[Installation] = Installation, **settings: Any
) -> Iterator[Installation]:
    """A fresh installation, started; whatever is left of it at the end is killed."""
    one = kind(open_folder("rk-up-") / "data", s3, settings)
    one.start()
    try:
        yield one
    finally:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)
        left = [pid for pid in one.processes() if is_alive(pid)]
        deadline = time.monotonic() + 10
        while any(map(is_alive, left)) and time.monotonic() < deadline:
            time.sleep(0.05)
        shutil.rmtree(one.data.parent, ignore_errors=True)


def ask(up: Installation, host: str, path: str = "/who") -> dict[str, Any]:
    """Return what a stand-in process of this host name answers, with its number on the host: it has to run still.

    AssertionError for an answer in place of the name's own: there is one company so far, and it is not this one.
    """
    facts = answer_of(up, host, path)
    if "company" in facts:
        assert f"//{host}:" in facts["company"]["app_origin"] + facts["company"]["media_origin"], facts["company"]
    return {**facts, "pid": host_pid(facts["title"])} if "title" in facts else facts


def answer_of(up: Installation, host: str, path: str) -> dict[str, Any]:
    """Return what a stand-in process of this host name answers; its ``title`` is its own."""
    connection = http.client.HTTPConnection("127.0.0.1", up.facts["port"], timeout=15)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        facts: dict[str, Any] = json.loads(body)
        return facts


def host_pid(title: str) -> int:
    """Return the number on the host of a stand-in that calls itself so: in its own namespace it is 1."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_called(entry, title)]
    assert len(found) == 1, title
    return found[0]


def _is_called(process: Path, title: str) -> bool:
    return _command(int(process.name))[0] == title


def wait_until(true: Any, seconds: float = 60.0) -> Any:
    """Wait until ``true()`` is so, and return what it returned; exceptions of asking count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        seen: object
        try:
            if seen := true():
                return seen
        except (OSError, AssertionError) as error:
            seen = error
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not become so in time; the last look: {seen!r}")
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
        return [""]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs: one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
