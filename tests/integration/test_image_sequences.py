"""Folders of pictures as films: by the command line against a whole platform, up, played and down again."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.media.sequences import shoot
from tests.services.command_line import CommandLine
from tests.services.platform import Platform, running_platform

from reelkeep.catalog.tables import sequence_files
from reelkeep.errors import Conflict, NotFound, ReelkeepError, RequestError
from reelkeep.media import FrameRate
from reelkeep.storage import crc
from reelkeep.transfer.folders import scan
from reelkeep.transfer.interface import FrameFile
from reelkeep.transfer.sequences import sequence_key, take_sequences
from reelkeep.transfer.small import Item


@pytest.fixture(scope="module")
def house() -> Iterator[Platform]:
    with running_platform() as one:
        yield one


@pytest.fixture(scope="module")
def line(house: Platform, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine.signed_in(house, tmp_path_factory.mktemp("home"))


@pytest.fixture
def production(house: Platform, request: pytest.FixtureRequest) -> str:
    with house.api() as api:
        return str(api.create_production(request.node.name[:60])["slug"])


def asked(line: CommandLine, *arguments: str) -> tuple[int, Any, str]:
    told = line.run(*arguments, "--json")
    return told.code, told.fields if told.out.strip() else None, told.err


def ended(house: Platform, version_id: str, seconds: float = 90) -> Any:
    """Wait until a version is ready or failed."""
    give_up = time.monotonic() + seconds
    with house.api() as api:
        while (version := api.version(version_id))["state"] not in ("ready", "failed"):
            assert time.monotonic() < give_up, version
            time.sleep(0.1)
    return version


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_pictures_becomes_one_film_and_comes_back_as_a_folder(
    house: Platform, line: CommandLine, production: str, tmp_path: Path
) -> None:
    shoot(tmp_path / "shoot" / "day 1", "png", [1001, 1002, 1003, 1006, 1007])
    shoot(tmp_path / "shoot" / "day 1", "png", [1, 2], name="other_{number}")
    (tmp_path / "shoot" / "day 1" / "notes.txt").write_text("notes")
    code, sent, err = asked(line, "upload", str(tmp_path / "shoot"), "-p", production, "--rate", "25")
    assert code == 0, err
    by_name = {Path(one["path"]).name: one for one in sent["uploads"]}
    assert sorted(by_name) == ["notes.txt", "other_#.png", "shot.####.png"]
    assert (by_name["shot.####.png"]["frames"], by_name["shot.####.png"]["folder"]) == (5, "shoot/day 1")
    version = ended(house, by_name["shot.####.png"]["version_id"])
    assert (version["state"], version["problem"]) == ("ready", None)
    assert (version["frames"], version["rate"]) == (7, [25, 1])
    assert version["sequence"] == {
        "kind": "png", "files": 5, "first_number": 1001, "last_number": 1007, "missing": 2, "gaps": [[1004, 1005]],
        "rate": [25, 1],
    }  # fmt: skip
    code, got, err = asked(line, "download", "-p", production, "--to", str(tmp_path / "back"))
    assert code == 0, err
    assert tree(tmp_path / "back" / "shoot") == tree(tmp_path / "shoot")
    assert {one["verified"] for one in got["downloads"]} == {"sha256"}
    code, again, err = asked(line, "upload", str(tmp_path / "shoot"), "-p", production, "--rate", "25")
    assert {one["state"] for one in again["uploads"]} == {"there already"}, err


def test_a_client_that_was_killed_goes_on_with_the_frames_that_are_missing(
    house: Platform, line: CommandLine, production: str, tmp_path: Path
) -> None:
    (tmp_path / "plates").mkdir()
    for number in range(230):
        (tmp_path / "plates" / f"plate.{number:04}.dpx").write_bytes(os.urandom(20_000))
    command = ("upload", str(tmp_path / "plates"), "-p", production)
    process = line.start(*command, "--limit-rate", "1M")
    engine, stored = house.company_engine(), select(func.count()).select_from(sequence_files)
    stored = stored.where(sequence_files.c.stored_at.is_not(None), sequence_files.c.file_name.like("plate%"))

    def count() -> int:
        with engine.connect() as conn:
            return conn.scalar(stored) or 0

    give_up = time.monotonic() + 60
    while not count():
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert 0 < count() < 230
    code, sent, err = asked(line, *command)
    assert code == 0, err
    (upload,) = sent["uploads"]
    assert (upload["state"], upload["frames"]) == ("sent", 230)
    assert upload["sent_bytes"] < 230 * 20_000
    with house.api() as api:
        (asset,) = api.assets(api.find_production(production)["id"])
        assert len(asset["versions"]) == 1
        (version,) = asset["versions"]
    assert ended(house, version["id"])["problem"].startswith("A picture of the image sequence is of another kind")


def test_an_unfinished_sequence_is_given_up_by_its_files(
    house: Platform, line: CommandLine, production: str, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"a.{number}.png").write_bytes(os.urandom(1_000))
    (found,) = take_sequences(scan([tmp_path]), FrameRate(24, 1))
    with house.api() as api:
        production_id = str(api.find_production(production)["id"])
        ticket = api.begin_sequence(production_id, found, sequence_key(found))
        with pytest.raises(Conflict, match="3 of 3 frames have not arrived"):
            api.complete_sequence(ticket.id)
        code, gone, err = asked(line, "upload", str(tmp_path), "-p", production, "--cancel")
        assert (code, gone) == (0, {"cancelled": [ticket.version_id]}), err
        with pytest.raises(Conflict):
            api.complete_sequence(ticket.id)
        assert api.version(ticket.version_id)["state"] == "cancelled"


def test_frames_that_are_no_sequence_are_refused_in_words_before_anything_is_sent(
    house: Platform, line: CommandLine, production: str, tmp_path: Path
) -> None:
    cases = {"twins": ("a.001.png", "a.0001.png", "a.2.png"), "empty": ("b.1.png", "b.2.png")}
    for folder, names in cases.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_bytes(b"" if name == "b.2.png" else b"x")
    code, sent, _ = asked(line, "upload", str(tmp_path / "twins"), "-p", production)
    assert code == 3
    assert sent["uploads"][0]["error"]["message"] == "Two files have one number: a.0001.png and a.001.png."
    code, sent, _ = asked(line, "upload", str(tmp_path / "empty"), "-p", production)
    assert code == 6
    assert sent["uploads"][0]["error"]["message"] == "B.2.png is empty."
    assert asked(line, "upload", str(tmp_path / "empty"), "-p", production, "--rate", "fast")[0] == 3
    code, sent, _ = asked(line, "upload", str(tmp_path / "twins"), "-p", production, "--no-sequences")
    assert (code, len(sent["uploads"])) == (0, 3)


def test_the_platform_takes_nobodys_word_for_a_sequence(house: Platform, production: str, tmp_path: Path) -> None:
    paths = shoot(tmp_path, "png", [1, 2, 3])
    (found,) = take_sequences(scan([tmp_path]), FrameRate(24, 1))
    with house.api() as api:
        production_id = str(api.find_production(production)["id"])
        for wrong in (found.items[:1], (found.items[0], Item(tmp_path / "other.9.png", "", 1))):
            with pytest.raises(RequestError):
                api.begin_sequence(production_id, replace(found, items=wrong), "key")
        ticket = api.begin_sequence(production_id, found, "key")
        assert api.begin_sequence(production_id, found, "key") == ticket
        body = paths[0].read_bytes()
        told = FrameFile("shot.0001.png", len(body), crc.to_bytes(zlib.crc32(body)), hashlib.sha256(body).digest())
        wrong_files = [replace(told, file_name=name) for name in ("shot.0004.png", "x.txt", "shot.0002.dpx")]
        answers = api.sign_frames(
            ticket.id, [told, *wrong_files, replace(told, file_name="shot.0003.png", size_bytes=0)]
        )
        assert [isinstance(answer, ReelkeepError) for answer in answers] == [False, True, True, True, True]
        (twin,) = api.sign_frames(ticket.id, [replace(told, file_name="shot.01.png")])
        assert isinstance(twin, RequestError)
        assert isinstance(api.arrived_frames(ticket.id, {1: told.crc32})[1], Conflict)
        with pytest.raises(NotFound):
            api.sign_frames("0" * 20, [told])
