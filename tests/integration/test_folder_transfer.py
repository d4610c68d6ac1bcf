"""Whole folders up and down by the command line, against a whole platform: stopped, gone on with, held back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select
from tests.services.command_line import CommandLine
from tests.services.platform import Platform, running_platform

from reelkeep.catalog import tables
from reelkeep.errors import Conflict, NotFound, RequestError
from reelkeep.storage import crc
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.api import Api
from reelkeep.transfer.interface import SmallFile, SmallTicket
from reelkeep.transfer.small import MAX_SMALL_BYTES

MIB = 1 << 20


@pytest.fixture(scope="module")
def house() -> Iterator[Platform]:
    """A platform whose runner sleeps: what is sent here is no media, and the cores are for the transfer."""
    with running_platform() as one:
        with one.api():
            pass
        runners = one.find("runner_process")
        for pid in runners:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield one
        finally:
            for pid in runners:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def line(house: Platform, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine.signed_in(house, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def database(house: Platform) -> Engine:
    return house.company_engine()


@pytest.fixture
def production(house: Platform, request: pytest.FixtureRequest) -> str:
    with house.api() as api:
        return str(api.create_production(request.node.name[:60])["slug"])


def asked(line: CommandLine, *arguments: str) -> tuple[int, Any, str]:
    """Run a command; return its exit code, its object for programs, and what it told people."""
    told = line.run(*arguments, "--json")
    return told.code, told.fields if told.out.strip() else None, told.err


def shoot(folder: Path, *, frames: int = 230, reel_bytes: int = MAX_SMALL_BYTES + 5 * MIB) -> dict[str, bytes]:
    """Make a folder as a camera leaves it; return what of it is to be sent."""
    made = {f"day 1/cam A/frame.{number:04}.ari": os.urandom(3_000) for number in range(frames)}
    made |= {
        "day 1/cam B/frame.0001.ari": b"another",
        "Läufer 🎬.txt": b"notes",
        "reel.mov": os.urandom(MIB) * (reel_bytes // MIB),
    }
    for name, body in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "thumb").write_bytes(b"x")
    (folder / "link.mov").symlink_to("reel.mov")
    (folder / "up").symlink_to("..")
    return made


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_goes_up_and_comes_down_the_same(line: CommandLine, production: str, tmp_path: Path) -> None:
    made = shoot(tmp_path / "shoot")
    code, sent, err = asked(line, "upload", str(tmp_path / "shoot"), "-p", production)
    assert code == 0, err
    assert {one["state"] for one in sent["uploads"]} == {"sent"}
    assert len(sent["uploads"]) == len(made)
    left_out = {Path(one["path"]).name: one["reason"] for one in sent["left_out"]}
    assert left_out == {
        ".DS_Store": "hidden", ".cache": "hidden", "link.mov": "a symbolic link", "up": "a symbolic link",
    }  # fmt: skip
    target = tmp_path / "back"
    code, got, err = asked(line, "download", "-p", production, "--to", str(target))
    assert code == 0, err
    assert tree(target) == {f"shoot/{name}": body for name, body in made.items()}
    assert {one["verified"] for one in got["downloads"]} == {"sha256"}
    code, listed, _ = asked(line, "assets", "-p", production)
    assert {one["folder"] for one in listed["assets"]} == {"shoot", "shoot/day 1/cam A", "shoot/day 1/cam B"}

    code, again, err = asked(line, "upload", str(tmp_path / "shoot"), "-p", production)
    assert code == 0, err
    assert {one["state"] for one in again["uploads"]} == {"there already"}
    (target / "shoot/day 1/cam A/frame.0000.ari").unlink()
    (target / "shoot/day 1/cam A/frame.0001.ari").write_bytes(b"mine")
    code, got, _ = asked(line, "download", "-p", production, "--to", str(target), "--folder", "shoot/day 1")
    assert code == 3  # one of them is not ours to replace
    fetched = [one for one in got["downloads"] if one.get("fetched_bytes")]
    assert [Path(one["path"]).name for one in fetched] == ["frame.0000.ari"]
    assert (target / "shoot/day 1/cam A/frame.0001.ari").read_bytes() == b"mine"


def test_a_folder_that_was_interrupted_or_killed_goes_on_where_it_stopped(
    house: Platform, database: Engine, line: CommandLine, production: str, tmp_path: Path
) -> None:
    made = shoot(tmp_path / "shoot", frames=500, reel_bytes=8 * MIB)
    command = ("upload", str(tmp_path / "shoot"), "-p", production, "--limit-rate", "2M")
    for end, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = line.start(*command)
        before = _stored(database, production)
        _until(lambda: _stored(database, production) > before)  # noqa: B023
        process.send_signal(end)
        _, err = process.communicate(timeout=30)
        assert process.returncode == code, err
    assert 0 < _stored(database, production) < len(made)
    code, sent, err = asked(line, "upload", str(tmp_path / "shoot"), "-p", production)
    assert code == 0, err
    assert {one["state"] for one in sent["uploads"]} == {"sent", "there already"}
    assert _stored(database, production) == len(made)
    with house.api() as api:
        assets = api.assets(api.find_production(production)["id"])
    assert all(len(asset["versions"]) == 1 for asset in assets)


def test_a_transfer_keeps_to_its_rate_and_a_pause_loses_nothing(
    line: CommandLine, production: str, tmp_path: Path
) -> None:
    path = tmp_path / "film.mov"
    path.write_bytes(os.urandom(6 * MIB))
    process = line.start("upload", str(path), "-p", production, "--limit-rate", "3M", "--json")
    began = time.monotonic()
    time.sleep(1.5)
    process.send_signal(signal.SIGSTOP)  # what Ctrl-Z does
    time.sleep(1.0)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert time.monotonic() - began >= 2.0
    (sent,) = json.loads(out)["uploads"]
    began = time.monotonic()
    code, got, err = asked(line, "download", sent["version_id"], "--to", str(tmp_path / "back"), "--limit-rate", "3M")
    assert code == 0, err
    assert got["seconds"] >= 1.5
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_unfinished_uploads_of_a_folder_are_given_up(
    house: Platform, line: CommandLine, production: str, tmp_path: Path
) -> None:
    (tmp_path / "shoot").mkdir()
    (tmp_path / "shoot" / "reel.mov").write_bytes(os.urandom(MIB) * 40)
    process = line.start("upload", str(tmp_path / "shoot"), "-p", production, "--limit-rate", "5M")
    with house.api() as api:
        production_id = api.find_production(production)["id"]
        _until(lambda: bool(api.assets(production_id)))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        code, gone, err = asked(line, "upload", str(tmp_path / "shoot"), "-p", production, "--cancel")
        assert code == 0, err
        (asset,) = api.assets(production_id)
        (version,) = asset["versions"]
        assert gone["cancelled"] == [version["id"]]
        assert version["state"] == "cancelled"
    assert asked(line, "upload", str(tmp_path / "shoot"), "-p", production, "--cancel")[1] == {"cancelled": []}


def test_bad_files_of_a_folder_do_not_keep_the_others_from_being_sent(
    line: CommandLine, production: str, tmp_path: Path
) -> None:
    for name, body in {"empty.dpx": b"", "good.dpx": b"good"}.items():
        (tmp_path / name).write_bytes(body)
    code, sent, _ = asked(line, "upload", str(tmp_path), "-p", production)
    assert code == 6
    by_name = {Path(one["path"]).name: one for one in sent["uploads"]}
    assert by_name["empty.dpx"]["error"]["code"] == "media"
    assert by_name["good.dpx"]["state"] == "sent"
    assert asked(line, "upload", str(tmp_path), "-p", production, "--limit-rate", "fast")[0] == 3


def small(name: str, body: bytes, key: str, folder: str = "") -> SmallFile:
    checksum = crc.to_bytes(zlib.crc32(body))
    return SmallFile(folder, name, len(body), checksum, hashlib.sha256(body).digest(), key)


@contextmanager
def begun(house: Platform, production: str, file: SmallFile) -> Iterator[tuple[Api, str, SmallTicket]]:
    with house.api() as api:
        production_id = str(api.find_production(production)["id"])
        (ticket,) = api.begin_small(production_id, [file])
        assert isinstance(ticket, SmallTicket)
        yield api, production_id, ticket


def put(ticket: SmallTicket, body: bytes) -> int:
    return httpx.put(ticket.request.url, content=body, headers=dict(ticket.request.headers)).status_code


def test_a_small_file_is_stored_only_once_its_bytes_are_there(
    house: Platform, database: Engine, production: str
) -> None:
    file = small("a.dpx", b"frame", "k1")
    with begun(house, production, file) as (api, production_id, ticket):
        outcome = api.complete_small(production_id, {ticket.id: file.crc32})[ticket.id]
        assert isinstance(outcome, Conflict)
        assert put(ticket, b"FRAME") in (400, 403)
        (again,) = api.begin_small(production_id, [file])
        assert isinstance(again, SmallTicket)
        assert again.version_id == ticket.version_id  # the same client's open upload is found again
        assert put(again, b"frame") == 200
        assert put(ticket, b"frame") == 412  # no link replaces what is there
        for _ in range(2):
            assert api.complete_small(production_id, {ticket.id: file.crc32}) == {ticket.id: ticket.version_id}
        assert api.known_uploads(production_id, ["k1", "k2"]) == {"k1": ticket.version_id}
        assert api.version(ticket.version_id)["stored_at"]
    with database.begin() as conn:
        jobs = select(func.count()).select_from(tables.jobs).where(tables.jobs.c.version_id == ticket.version_id)
        assert conn.scalar(jobs) == 1
        granted = set(conn.scalars(select(tables.grants.c.id)))
        assert any(f"x-reelkeep={grant}" in ticket.request.url for grant in granted)


def test_a_small_file_that_is_another_than_was_said_fails(house: Platform, production: str) -> None:
    file = small("a.dpx", b"frame", "k1")
    with begun(house, production, file) as (api, production_id, ticket):
        assert put(ticket, b"frame") == 200
        outcome = api.complete_small(production_id, {ticket.id: b"1234"})[ticket.id]
        assert isinstance(outcome, ChecksumMismatch)
        assert api.version(ticket.version_id)["state"] == "failed"


def test_a_small_upload_belongs_to_its_user_and_its_production(house: Platform, production: str) -> None:
    file = small("a.dpx", b"frame", "k1")
    with begun(house, production, file) as (api, production_id, ticket):
        assert put(ticket, b"frame") == 200
        other = str(api.create_production("another")["id"])
        assert isinstance(api.complete_small(other, {ticket.id: file.crc32})[ticket.id], NotFound)
        with pytest.raises(NotFound):
            api.download_links(other, [ticket.version_id])
        with pytest.raises(Conflict):
            api.download_links(production_id, [ticket.version_id])
        (bad,) = api.begin_small(production_id, [dataclasses.replace(file, folder="../x", client_key="k2")])
        assert isinstance(bad, RequestError)
        with pytest.raises(NotFound):  # it is none of parts
            api.sign_parts(ticket.id, [(1, file.crc32)])


def _stored(database: Engine, production: str) -> int:
    query = select(func.count()).select_from(tables.versions).join(tables.assets).join(tables.productions)
    query = query.where(tables.productions.c.slug == production, tables.versions.c.stored_at.is_not(None))
    with database.begin() as conn:
        return int(conn.scalar(query) or 0)


def _until(true: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
