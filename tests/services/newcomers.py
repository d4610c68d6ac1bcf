"""A platform to which a company comes with a bucket on a model of AWS, and its operator at the command line."""

from __future__ import annotations

import json
import os
import select
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.services import ministack as service
from tests.services import tls_stand_in
from tests.services.command_line import CommandLine
from tests.services.databases import open_folder
from tests.services.installation import wait_until
from tests.services.platform import EMAIL, Platform

from reelkeep.cli import exits, main
from reelkeep.cli.installation import Installation
from reelkeep.transfer import network
from reelkeep.transfer.upload import upload


class Newcomer(Platform):
    """A platform as it is when a company comes: it has no bucket yet."""

    slug: str = "acme"

    def provision(self) -> None:
        operator = Installation(self.data)
        self.company = operator.create_company(self.slug, f"{self.slug.title()} Pictures", "localhost")
        user, password = operator.create_user(self.company, EMAIL, "Ada", None, is_company_admin=True)
        self.password = password or ""
        self.production_id = str(operator.create_production(self.company, "Trial", user).id)

    @property
    def origin(self) -> str:
        return f"http://{self.slug}.localhost:{self.facts['port']}"


@dataclass(frozen=True)
class Operator:
    """The operator at the command line of one company."""

    platform: Newcomer
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str) -> Any:
        self.capsys.readouterr()
        code = main([*words, "--company", self.platform.slug, "--data", str(self.platform.data), "--json"])
        out = self.capsys.readouterr().out
        assert code == 0, out
        return json.loads(out)

    def note(self, step: str, state: str = "--done") -> None:
        self.run("storage", "onboarding", state, step, "--owner", "Ada", "--evidence", "as agreed")

    def try_out(self, connection: str, *verify: str) -> Any:
        """Verify, and put the connection into use for the trial alone; return the report."""
        report = self.run("storage", "verify", connection, *verify)
        assert report["passed"]
        self.run("storage", "activate", connection, "--production", "Trial")
        return report

    def take_into_use(self, connection: str, film: Path) -> str:
        """Upload, play, take the original back; then the whole company. Return the film's version."""
        platform = self.platform
        with platform.api() as api:
            wait_until(lambda: api.find_production(platform.production_id)["placement"]["connection"] == connection)
            version_id = upload(api, platform.production_id, film).version_id
            platform.wait_for(version_id, "ready")
            session = api.playback_session(version_id)
            step = next(each["name"] for each in session["renditions"] if each["is_step"])
            with network.client() as player:
                assert b"moof" in player.get(f"{session['base']}/{step}/0.m4s").raise_for_status().content
                assert player.get(api.download_link(version_id).url).raise_for_status().content == film.read_bytes()
        self.note("acceptance")
        self.run("storage", "activate", connection)
        self.note("migration", "--left-out")
        return version_id

    def is_in_order(self) -> list[str]:
        """The bucket holds what it should, and no step was passed over; return which settings are not as agreed."""
        (audit,) = self.run("storage", "audit")["audits"]
        assert audit["clean"]
        assert set(audit["found"]) <= {"unnamed"}  # the ends of proxies, which hold no segment
        steps = self.run("storage", "onboarding")["steps"]
        assert [one["state"] for one in steps] == ["done"] * 6 + ["left out"]
        assert all(one["evidence"] for one in steps)
        return [one["id"] for one in audit["settings"] if one["result"] == "fail"]

    def drill(self, connection: str, home: Path, when_told: dict[str, Callable[[], Any]], *, by: str = "bucket") -> Any:
        """Run the drill; do what the company does once the drill asks for it in these words. Return the certificate."""
        password = home / "password"
        password.write_text(self.platform.password)
        words = ("--company", self.platform.slug, "--email", EMAIL, "--password-file", password, "--out", home)
        process = CommandLine(home).start(
            "storage", "drill", connection, "--by", by, "--data", self.platform.data, *words, "--no-browser", "--json"
        )
        try:
            said = _do_as_told(process.stderr, when_told)
            out, rest = process.communicate(timeout=90)
        finally:
            process.kill()
        # How many seconds it took is the benchmark's matter.
        assert process.returncode in (exits.DONE, exits.FINDINGS), (process.returncode, said + rest + out)
        found = json.loads(out.splitlines()[-1])
        dark = [
            one for one in found["surfaces"] if one["counts"] or by != "wrapping-key"
        ]  # the store may still be open
        assert all(one["seconds"] is not None for one in dark), found
        return found


def _do_as_told(stderr: Any, when_told: dict[str, Callable[[], Any]], seconds: float = 150.0) -> str:
    said, waiting, deadline = "", dict(when_told), time.monotonic() + seconds
    while waiting:
        assert select.select([stderr], [], [], max(0.0, deadline - time.monotonic()))[0], said
        more = os.read(stderr.fileno(), 65_536).decode()
        assert more, said
        said = " ".join(f"{said}{more}".split())
        for words in [words for words in waiting if words in said]:
            waiting.pop(words)()
    return said


Cloud = tuple[service.Ministack, str]  # and its address over TLS


@contextmanager
def in_the_cloud(folder: Path) -> Iterator[Cloud]:
    """Run a model of AWS, with TLS in front of it."""
    with service.running(folder) as server, tls_stand_in.in_front_of(server.endpoint_url) as url:
        yield server, url


@contextmanager
def without_a_bucket(cloud: Cloud) -> Iterator[Newcomer]:
    """Run `reelkeep up` with the platform's own identity at the model of AWS; the operator's commands have it, too."""
    identity = cloud[0].identity
    key, secret = identity.access_key_id or "", identity.secret_access_key or ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELKEEP_PLATFORM_ACCESS_KEY_ID", key)
        patch.setenv("REELKEEP_PLATFORM_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_ACCESS_KEY_ID", key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        one = Newcomer(open_folder("rk-on-") / "data", s3=True)
        one.start()
        try:
            one.provision()
            yield one
        finally:
            one.end_in_order()
            shutil.rmtree(one.data.parent, ignore_errors=True)
