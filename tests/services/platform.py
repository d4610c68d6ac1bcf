"""The whole platform as a user meets it: `reelkeep up` with every real process, a company, its bucket, an admin."""

from __future__ import annotations

import contextlib
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

import pytest
from sqlalchemy import Engine
from tests.services.databases import open_folder
from tests.services.installation import Installation as Processes

from reelkeep.catalog import productions
from reelkeep.cli.accepting import Accepting
from reelkeep.cli.installation import Installation
from reelkeep.companies import provisioning
from reelkeep.companies.registry import Company
from reelkeep.errors import SignInRequired
from reelkeep.ids import ProductionId
from reelkeep.transfer.api import Api
from reelkeep.transfer.upload import Uploaded, upload

START_SECONDS = 90
EMAIL = "ada@acme.example"


@dataclass
class Platform(Processes):
    """One installation with the company acme, its own bucket on the embedded store, and two productions."""

    password: str = ""
    company: Company | None = None
    production_id: str = ""
    banded_id: str = ""  # with the settings of a new production
    program: Sequence[str] = ("-m", "reelkeep.cli", "up")
    is_tls: bool = False  # with the self-signed certificates that a first start makes
    settings: Mapping[str, str] = field(default_factory=dict)  # REELKEEP_* variables
    _token: str | None = None  # of the admin's login session
    _engines: list[Engine] = field(default_factory=list)

    def start(self) -> None:
        """Start `reelkeep up` and wait until it is ready."""
        reading, writing = os.pipe()
        command = [sys.executable, *self.program, "--data", str(self.data), "--s3", "embedded"]
        port = ["--tls" if self.is_tls else "--port", str(self.facts.get("port", 0))]
        with (self.data.parent / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *port, "--ready-fd", str(writing)],
                pass_fds=[writing],
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "REELKEEP_AUDIT_HOURS": "0", **self.settings},  # tests audit where they say so
            )
        os.close(writing)
        with open(reading, encoding="utf-8") as ready:
            assert select.select([ready], [], [], START_SECONDS)[0], f"not ready: {self.log()}"
            line = ready.readline()
        assert line, f"the platform ended: {self.log()}"
        self.facts = json.loads(line)

    def log(self) -> str:
        """Return the last words of the supervisor, and of the embedded store's servers."""
        logs = self.data.parent / "up.log", *sorted(self.data.glob("log/s*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-4000:]}" for log in logs)

    def provision(self) -> None:
        """Do the operator's part, through the same functions as the commands."""
        operator = Installation(self.data)
        self.company = operator.create_company("acme", "Acme Pictures", "localhost")
        made = operator.storage.connect(self.company, operator.storage.embedded_bucket(self.company, self.origin))
        Accepting(operator, self.company).put_into_use(made)
        user, password = operator.create_user(self.company, EMAIL, "Ada", None, is_company_admin=True)
        self.password = password or ""
        self.production_id = str(operator.create_production(self.company, "Demo", user).id)
        self.banded_id = str(operator.create_production(self.company, "With bands", user).id)
        with self.company_engine().begin() as conn:
            # Bands take time, and have tests of their own.
            productions.mark_with(conn, ProductionId(self.production_id), 0)

    @property
    def origin(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://acme.localhost:{self.facts['port']}"

    @property
    def authority(self) -> str | None:
        """Return the certificates to trust, in PEM; None without TLS."""
        if not self.is_tls or self.company is None:
            return None
        found = Installation(self.data).certificates(self.company)
        return "".join(found[host].chain for host in (self.company.app_host, self.company.media_host))

    @property
    def bucket(self) -> str:
        return "acme-media"

    def store(self) -> Any:
        """Return an S3 client with every right, as the company's own cloud team has."""
        return Installation(self.data).folder.store().client("s3")

    def objects(self, prefix: str = "") -> list[str]:
        pages = self.store().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def body(self, key: str) -> bytes:
        body: bytes = self.store().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def company_engine(self) -> Engine:
        """Return the company's database, with the app role: always the same few connections, the role has no more."""
        assert self.company is not None
        if not self._engines:
            folder = Installation(self.data).folder
            self._engines.append(provisioning.app_engine(folder.server(), folder.keyring(), self.company))
        return self._engines[0]

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        """Be signed in as the admin, since an earlier time or anew; the company's processes may still be starting."""
        with Api(self.origin, self._token, authority=patiently(lambda: self.authority)) as api:
            self._token = patiently(lambda: self._signed_in(api))
            yield api

    def _signed_in(self, api: Api) -> str:
        if self._token is not None:
            with contextlib.suppress(SignInRequired):
                api.me()
                return self._token
        return api.login(EMAIL, self.password)

    def upload(self, path: Path, production_id: str = "") -> Uploaded:
        with self.api() as api:
            return upload(api, production_id or self.production_id, path)

    def wait_for(self, version_id: str, *states: str, seconds: float = 120.0) -> Mapping[str, Any]:
        """Wait until a version is in one of these states; fail at once when it cannot get there any more."""
        deadline = time.monotonic() + seconds
        with self.api() as api:
            while True:
                version = patiently(lambda: api.version(version_id))
                if version["state"] in states:
                    return version
                ended = version["state"] in ("failed", "cancelled", "ready")
                assert not ended, f"{version['state']}: {version['problem']}\n{self.log()}"
                assert time.monotonic() < deadline, f"still {version['state']} after {seconds} s\n{self.log()}"
                time.sleep(0.1)

    def find(self, *words: str) -> list[int]:
        """Return the pids of our own descendants whose command line holds all these words."""
        lines = {pid: " ".join(line) for pid, line in self.processes().items()}
        return sorted(pid for pid, line in lines.items() if all(word in line for word in words))

    def end_in_order(self) -> None:
        """End the platform, if it still runs, and see that nothing of it is left."""
        self.close()
        left = list(self.processes())
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self.await_gone(left)

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()


def patiently(work: Any, seconds: float = 40.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextlib.contextmanager
def running_platform(
    program: Sequence[str] = Platform.program, *, is_tls: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Platform]:
    """Start and provision a platform; end it in order and see that nothing of it is left.

    Args:
        program: arguments of the interpreter, for a platform whose parts are watched.
        is_tls: serve HTTPS, with self-signed certificates.
        settings: REELKEEP_* variables.
    """
    data = open_folder("rk-all-") / "data"
    one = Platform(data, s3=True, program=program, is_tls=is_tls, settings=settings or {})
    one.start()
    try:
        one.provision()
        yield one
    finally:
        one.end_in_order()
        shutil.rmtree(data.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The platform, shared by tests that do not harm it."""
    with running_platform() as one:
        yield one
