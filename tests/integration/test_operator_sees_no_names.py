"""The operator sees counts, sizes and states (I10): canary names of every kind are searched in all output and logs.

A platform of its own is filled with them, made to fail in several ways, and asked everything an operator can ask.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
from tests.media.originals import make_original
from tests.services.installation import wait_until
from tests.services.platform import EMAIL, Platform, running_platform
from typer.main import get_command

from reelkeep.cli.app import app, main
from reelkeep.cli.installation import Installation
from reelkeep.companies.registry import Company
from reelkeep.transfer import network
from reelkeep.transfer.luts import add_lut
from reelkeep.transfer.upload import upload

CANARY: Final = "zqkanari"  # stands in every name, and survives as a slug and as a safe name
TITLE, NOTE = f"{CANARY} production", f"{CANARY} is too dark"
CUBE: Final = "LUT_3D_SIZE 2\n" + "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)) + "\n"
USERS: Final = {  # commands of a company's own people, with their own session
    "login", "upload", "assets", "facts", "download", "remake", "delete", "deleted", "restore", "processes",
    "production",
}  # fmt: skip
NOT_RUN: Final = {
    "up": "it runs; its log is searched",
    "demo": "a company and a clip of its own",
    "company create": "names what it is told",
    "company restore": "takes a file of `company backup`, and tells its id",
    "company rotate-passwords": "starts processes anew",
    "company suspend": "shuts the test out",
    "company resume": "says one sentence",
    "company retire": "shuts the test out for good",
    "company backup-due": "runs by itself; its log is searched",
    "upgrade": "starts processes anew",
    "company network close": "shuts the test out",
    "company network open": "says one sentence",
    "user create": "names what it is told",
    "storage drill": "signs in as a user whose password it is given",
    "storage connect": "names what it is told",
    "storage host": "names what it is told",
    "storage isolate": "names what it is told",
    "storage direct": "names what it is told",
    "storage suspend": "shuts the test out",
    "storage resume": "says one sentence",
    "company wrap": "needs a key of the company's in KMS",
    "company unwrap": "needs a key of the company's in KMS",
    "cert set": "names what it is told",
    "certificate key": "speaks of the installation alone",
    "certificate verify": "reads a file that it is given",
    "network template": "speaks of no company",
    "storage template": "speaks of an account that is named to it",
    "storage audit-due": "runs by itself, and tells what `storage audits` does",
    "storage verify-due": "runs by itself; its log is searched",
}


@dataclass
class Filled:
    platform: Platform
    production: dict[str, Any]
    version_id: str
    folder: Path

    @property
    def commands(self) -> dict[str, list[str]]:
        """Return the operator's commands with what they are asked here."""
        bucket, company = self.platform.bucket, ["--company", "acme"]
        return {
            "company key": company,
            "company network show": ["acme"],
            "company backup": ["acme", "--to", str(self.folder)],
            "company backups": ["acme"],
            "storage estimate": company,
            "storage audit": [*company, "--findings", str(self.folder / "findings.jsonl")],
            "storage verify": [bucket, *company],
            "storage audits": company,
            "storage reports": company,
            "storage activate": [bucket, *company],
            "storage contract": [bucket, *company],
            "storage onboarding": company,
            "storage list": company,
            "storage place": [*company, "--connection", bucket, "--production", "no such thing"],
            "storage retire": [bucket, *company],
            "storage purge": company,
            "cert show": company,
            "support open": ["acme", "--name", "Rita Moss"],
        }

    def logs(self) -> dict[str, str]:
        """Return every log of the installation, by its name, but the embedded store's.

        SeaweedFS writes keys of deleted objects, whatever its level: docs/threat-model.md says so. That store is for
        one machine, whose operator has its disk.
        """
        files = [*(self.platform.data / "log").rglob("*"), self.platform.data.parent / "up.log"]
        ours = (file for file in files if file.is_file() and file.name != "s3.log")
        return {file.name: file.read_text(errors="replace") for file in ours}


def names_in(text: str) -> list[str]:
    """Return each place of a canary with what stands around it."""
    return re.findall(rf".{{0,80}}{CANARY}.{{0,40}}", text, re.IGNORECASE)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with running_platform() as platform:
        folder = tmp_path_factory.mktemp("canary")
        with platform.api() as api:
            production = api.create_production(TITLE)
            films = [upload(api, production["id"], film(folder, name)) for name in ("reel", "gone", "deleted")]
            for sent in films:
                platform.wait_for(sent.version_id, "ready")
            cube = folder / f"{CANARY} look.cube"
            cube.write_text(CUBE)
            add_lut(api, production["id"], cube)
            api.delete_version(films[2].version_id)
        yield Filled(platform, production, films[0].version_id, folder)


def film(folder: Path, name: str) -> Path:
    return make_original(folder / f"{CANARY} {name}.mp4", frames=12)


def page(filled: Filled) -> httpx.Client:
    """Return a client of the API as the company's admin."""
    client = network.client(connections=4)  # which knows where names below localhost lead
    client.base_url, client.timeout = httpx.URL(f"{filled.platform.origin}/api/v1"), httpx.Timeout(60)
    form = {"email": EMAIL, "password": filled.platform.password, "kind": "cli"}
    client.headers["Authorization"] = f"Bearer {client.post('/login', json=form).json()['token']}"
    return client


@contextlib.contextmanager
def a_defect_that_quotes(filled: Filled) -> Iterator[None]:
    """Make a second comment of the same words break a rule that the code knows nothing of: the database quotes them."""
    company = filled.platform.company
    assert isinstance(company, Company)
    conninfo = Installation(filled.platform.data).folder.server().conninfo(company.database_name)
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("CREATE UNIQUE INDEX planted ON comments (text)")
        try:
            yield
        finally:
            conn.execute("DROP INDEX planted")


def fail(filled: Filled) -> None:
    """Bring about what fails: a bad file, names that are taken, a file that is gone from the bucket, a defect."""
    broken = filled.folder / f"{CANARY} broken.mov"
    broken.write_bytes(b"no film at all " * 1_000)
    with filled.platform.api() as api:
        bad = upload(api, filled.production["id"], broken)
    filled.platform.wait_for(bad.version_id, "failed")
    with contextlib.closing(page(filled)) as client:
        taken = {"email": f"{CANARY}@example.org", "name": CANARY}
        assert [client.post("/users", json=taken).status_code for _ in range(2)] == [201, 409]
        assert client.post("/login", json={"email": CANARY, "password": CANARY, "kind": "cli"}).status_code == 401
        comment = {"frame": 0, "text": NOTE}
        with a_defect_that_quotes(filled):
            path = f"/versions/{filled.version_id}/comments"
            assert [client.post(path, json=comment).status_code for _ in range(2)] == [201, 500]
    store = filled.platform.store()
    original = next(key for key in filled.platform.objects("originals/") if "gone" in key)
    store.delete_object(Bucket=filled.platform.bucket, Key=original)
    store.put_object(Bucket=filled.platform.bucket, Key=f"{CANARY}/stranger.mov", Body=b"x")


def test_no_command_of_the_operator_and_no_log_tells_a_name(filled: Filled, capsys: pytest.CaptureFixture[str]) -> None:
    fail(filled)
    wait_until(lambda: "builtins" in filled.logs()["up.log"] or "UniqueViolation" in filled.logs()["up.log"])
    told: dict[str, list[str]] = {}
    written = filled.folder / "findings.jsonl"
    for command, options in filled.commands.items():
        for ending in ([], ["--json"]):
            written.unlink(missing_ok=True)
            capsys.readouterr()
            main([*command.split(), *options, "--data", str(filled.platform.data), *ending])
            said = capsys.readouterr()
            assert said.out + said.err, f"{command} says nothing"
            told[f"{command} {ending}"] = names_in(said.out + said.err)
            if command == "storage audit":
                told["findings"] = names_in(written.read_text())
    for name, text in filled.logs().items():
        told[name] = names_in(text)
    assert {name: found for name, found in told.items() if found} == {}


def test_the_audit_still_says_how_much_is_wrong(filled: Filled, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--company", "acme", "--data", str(filled.platform.data), "--json"]
    filled.platform.store().put_object(Bucket=filled.platform.bucket, Key=f"{CANARY}/stranger.mov", Body=b"x")
    capsys.readouterr()
    assert main(["storage", "audit", *options]) == 10
    (found,) = json.loads(capsys.readouterr().out)["audits"]
    assert found["found"]["foreign"] == 1
    assert re.fullmatch(
        r"sha256:[0-9a-f]{16}", next(one["key"] for one in found["findings"] if one["kind"] == "foreign")
    )


def test_every_command_is_one_of_the_operators_or_of_the_companys_people(filled: Filled) -> None:
    """A new command is searched for names, or it is said here why not."""
    known = set(NOT_RUN) | set(filled.commands)
    unknown = [command for command in commands() if command not in known and command.split()[0] not in USERS]
    assert unknown == []


def commands() -> list[str]:
    def below(group: Any, path: tuple[str, ...]) -> Iterator[str]:
        for name, command in getattr(group, "commands", {}).items():
            if hasattr(command, "commands"):
                yield from below(command, (*path, name))
            else:
                yield " ".join((*path, name))

    return list(below(get_command(app), ()))
