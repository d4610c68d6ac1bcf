"""The command line against a whole platform of its own: an operator's and a user's way, and a client killed on it."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as select_rows

from reelkeep.catalog.tables import grants
from reelkeep.cli.installation import Installation
from reelkeep.companies import provisioning

MIB = 1 << 20


@dataclass
class Machine:
    """A machine on which the platform runs, and the home of the user at it."""

    data: Path
    home: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HOME": str(self.home), "REELKEEP_DATA": str(self.data)}
        environment.pop("XDG_CONFIG_HOME", None)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-m", "reelkeep.cli", *arguments], env=environment, text=True, **pipes)

    def run(self, *arguments: str, typed: str = "") -> tuple[int, Any, str]:
        """Run a command with --json; return its exit code, its object, and what it told people."""
        process = self.start(*arguments, "--json")
        out, err = process.communicate(typed, timeout=120)
        return process.returncode, json.loads(out.splitlines()[-1]) if out.strip() else None, err


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="rk-cli-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o711)
        found = Machine(Path(folder) / "data", Path(folder) / "home")
        found.home.mkdir()
        read_end, write_end = os.pipe()
        command = [sys.executable, "-m", "reelkeep.cli", "up", "--data", str(found.data), "--s3", "embedded"]
        command += ["--port", "0", "--ready-fd", str(write_end)]
        with (Path(folder) / "up.log").open("wb") as log:
            up = subprocess.Popen(command, pass_fds=[write_end], stdout=log, stderr=log)
        os.close(write_end)
        try:
            readable, _, _ = select.select([read_end], [], [], 90)
            assert readable
            assert json.loads(os.read(read_end, 65_536))["ready"]
            yield found
        finally:
            os.close(read_end)
            up.send_signal(signal.SIGINT)
            assert up.wait(60) == 0


@pytest.fixture(scope="module")
def signed_in(machine: Machine) -> Machine:
    """An operator has made a company with a bucket and a user; the user has signed in and made a production."""
    code, company, err = machine.run("company", "create", "acme", "--name", "Acme Pictures")
    assert code == 0, err
    code, connection, err = machine.run("storage", "connect", "--embedded", "--company", "acme")
    assert code == 0, err
    assert "full_object_crc32" in connection["capabilities"]
    code, user, err = machine.run("user", "create", "ada@acme.example", "--name", "Ada", "--admin")
    assert code == 0, err
    port = json.loads((machine.data / "config.json").read_text())["port"]
    address = f"http://{company['host']}:{port}"
    login = ("login", address, "--email", "ada@acme.example", "--password-file", "-")
    for _ in range(50):  # the company's processes are being started
        code, _, err = machine.run(*login, typed=user["password"] + "\n")
        if code == 0:
            break
    assert code == 0, err
    code, _, err = machine.run("production", "create", "Läufer")
    assert code == 0, err
    return machine


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Rolle 1.mov"
    path.write_bytes(hashlib.sha256(path.name.encode()).digest() * (64 * MIB // 32))
    return path


def test_what_was_uploaded_comes_back_the_same(signed_in: Machine, film: Path, tmp_path: Path) -> None:
    code, sent, err = signed_in.run("upload", str(film), "--production", "laufer")
    assert code == 0, err
    (upload,) = sent["uploads"]
    assert upload["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    target = tmp_path / "back"
    target.mkdir()
    code, got, err = signed_in.run("download", upload["version_id"], "--to", str(target))
    assert code == 0, err
    assert got["verified"] == "sha256"
    assert Path(got["path"]).read_bytes() == film.read_bytes()
    assert Path(got["path"]).name == "Rolle 1.mov"
    code, listed, _ = signed_in.run("assets", "--production", "Läufer")
    assert code == 0
    assert upload["version_id"] in json.dumps(listed)


def test_a_client_that_was_killed_goes_on_where_it_stopped(signed_in: Machine, tmp_path: Path) -> None:
    path = tmp_path / "killed.mov"
    path.write_bytes(os.urandom(MIB) * 256)
    process = signed_in.start("upload", str(path), "--production", "laufer", "--parallel", "1")
    time.sleep(0.2)
    while process.poll() is None and _parts(signed_in, path) < 3:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    code, sent, err = signed_in.run("upload", str(path), "--production", "laufer")
    assert code == 0, err
    (upload,) = sent["uploads"]
    assert 0 < upload["sent_bytes"] < path.stat().st_size
    code, listed, _ = signed_in.run("assets", "--production", "laufer")
    (asset,) = [asset for asset in listed["assets"] if asset["name"] == "killed.mov"]
    assert len(asset["versions"]) == 1


def _parts(machine: Machine, path: Path) -> int:
    """Return how many parts of the file the store holds, asked as its client would."""
    from reelkeep.cli.logins import Logins
    from reelkeep.transfer.upload import client_key

    with Logins(machine.home / ".config" / "reelkeep" / "logins.json").open(None) as api:
        production = api.find_production("laufer")
        status = path.stat()
        key = client_key(path, (status.st_size, status.st_mtime_ns))
        return len(api.begin_upload(production["id"], path.name, status.st_size, key).done_parts)


def test_each_fault_has_its_exit_code_and_says_what_to_do(signed_in: Machine, film: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mov"
    empty.write_bytes(b"")
    cases = [
        (("upload", str(film), "--production", "nobody's"), 5),
        (("upload", str(empty), "--production", "laufer"), 6),
        (("upload", str(tmp_path / "none.mov"), "--production", "laufer"), 3),
        (("download", "0" * 20), 5),
        (("company", "create", "acme"), 3),
        (("company", "create", "Not A Slug!"), 3),
        (("storage", "connect"), 3),
        (("assets", "--production", "laufer", "--address", "http://nobody.localhost:1"), 4),
    ]
    for arguments, expected in cases:
        code, answer, err = signed_in.run(*arguments)
        assert code == expected, (arguments, answer, err)
        error = answer["error"] if "error" in answer else answer["uploads"][0]["error"]
        assert error["message"]
        assert error["advice"]
        assert "Traceback" not in err


def test_one_bad_file_does_not_keep_the_others_from_being_sent(signed_in: Machine, film: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mov"
    empty.write_bytes(b"")
    code, sent, _ = signed_in.run("upload", str(empty), str(film), "--production", "laufer")
    assert code == 6
    assert "error" in sent["uploads"][0]
    assert "version_id" in sent["uploads"][1]


def test_words_for_people_go_to_the_error_stream_and_a_sentence_to_the_output(signed_in: Machine) -> None:
    process = signed_in.start("assets", "--production", "laufer")
    out, err = process.communicate(timeout=60)
    assert "Rolle 1.mov" in out
    assert err == ""
    process = signed_in.start("assets", "--production", "none")
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert err.startswith("You have no production 'none'. Your productions are: laufer.")


def test_an_admin_sees_which_processes_serve_the_company(signed_in: Machine) -> None:
    code, shown, err = signed_in.run("processes", "--all")
    assert code == 0, err
    serving = [one["kind"] for one in shown["processes"] if one["ended_at"] is None and one["kind"] != "job"]
    assert sorted(serving) == ["app", "media"]


def test_trying_out_a_bucket_is_accounted_for(signed_in: Machine) -> None:
    operator = Installation(signed_in.data)
    engine = provisioning.app_engine(operator.folder.server(), operator.folder.keyring(), operator.company("acme"))
    try:
        with engine.begin() as conn:
            rows = conn.execute(select_rows(grants).where(grants.c.action == "probe")).all()
    finally:
        engine.dispose()
    assert [(row.object_key, row.reason.startswith("acceptance test of storage connection ")) for row in rows] == [
        ("", True)  # it also asks for what must be refused, all over the bucket
    ]
