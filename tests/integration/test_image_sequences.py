"""Folders of pictures as films: by the command line against a whole platform, up, played and down again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.media.sequences import shoot
from tests.services.command_line import CommandLine
from tests.services.platform import Platform, running_platform


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
