from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reelkeep.errors import Conflict, DependencyError, Forbidden, NotFound
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.folders import Ways
from reelkeep.transfer.interface import Original, ProxyTicket
from reelkeep.transfer.many import Got, NotGot, Wanted
from reelkeep.transfer.proxies import download_proxies, download_proxy


@dataclass
class Platform:
    """Gives out the parts of one proxy; ``problems`` meets the next requests for a part."""

    parts: list[bytes]
    made: str = "first"
    life_seconds: float = 900.0
    problems: dict[int, list[Exception]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    tickets: int = 0
    missing: set[str] = field(default_factory=set)
    allowed: bool = True

    def proxy_ticket(self, version_id: str, rendition: str = "") -> ProxyTicket:
        if not self.allowed:
            raise Forbidden
        if version_id in self.missing:
            raise Conflict("the proxy is not complete yet")
        self.tickets += 1
        end = datetime.now(UTC) + timedelta(seconds=self.life_seconds)
        size = sum(map(len, self.parts))
        return ProxyTicket("base", rendition or "v720", "Rolle 1.mov", len(self.parts), size, self.made, end)

    def proxy_part(self, ticket: ProxyTicket, number: int) -> bytes:
        self.asked.append(number)
        if self.problems.get(number):
            raise self.problems[number].pop()
        return self.parts[number]


@pytest.fixture
def platform() -> Platform:
    return Platform([os.urandom(1_000 + number) for number in range(9)])


def test_parts_become_one_file_in_their_order(platform: Platform, tmp_path: Path) -> None:
    platform.problems = {3: [DependencyError("away")], 5: [ChecksumMismatch()], 7: [NotFound("over")]}
    got = download_proxy(platform, "v", tmp_path, rendition="v360")
    assert got.path == tmp_path / "Rolle 1.mov.v360.mp4"
    assert got.path.read_bytes() == b"".join(platform.parts)
    assert list(tmp_path.iterdir()) == [got.path]
    with pytest.raises(Conflict, match="there already"):
        download_proxy(platform, "v", tmp_path, rendition="v360")


def broken_off(platform: Platform, tmp_path: Path) -> Path:
    platform.problems = {5: [Conflict("no more")]}
    with pytest.raises(Conflict):
        download_proxy(platform, "v", tmp_path / "a.mp4", parallel=1)
    platform.asked.clear()
    return tmp_path / "a.mp4.part"


def test_a_download_that_broke_off_goes_on_at_a_part(platform: Platform, tmp_path: Path) -> None:
    broken_off(platform, tmp_path)
    with (tmp_path / "a.mp4.part.json").open("a") as notes:
        notes.write('[1005, "cut of')
    got = download_proxy(platform, "v", tmp_path / "a.mp4", parallel=1)
    assert platform.asked == [5, 6, 7, 8]
    assert got.path.read_bytes() == b"".join(platform.parts)
    assert got.fetched_bytes == sum(map(len, platform.parts[5:]))


def test_what_lies_on_the_disk_is_checked_before_anything_is_added(platform: Platform, tmp_path: Path) -> None:
    part = broken_off(platform, tmp_path)
    with part.open("r+b") as file:
        file.seek(2_500)
        file.write(b"\0\0\0\0")
    download_proxy(platform, "v", tmp_path / "a.mp4", parallel=1)
    assert platform.asked == [2, 3, 4, 5, 6, 7, 8]
    assert (tmp_path / "a.mp4").read_bytes() == b"".join(platform.parts)


def test_a_proxy_that_was_made_again_begins_anew(platform: Platform, tmp_path: Path) -> None:
    broken_off(platform, tmp_path)
    platform.made = "second"
    download_proxy(platform, "v", tmp_path / "a.mp4", parallel=1)
    assert platform.asked[0] == 0


def test_a_right_that_ends_is_asked_for_again(platform: Platform, tmp_path: Path) -> None:
    platform.life_seconds = 30  # less than is left to spare
    download_proxy(platform, "v", tmp_path, parallel=1)
    assert platform.tickets == 1 + len(platform.parts)


def test_bytes_that_arrive_broken_again_and_again_are_not_kept(platform: Platform, tmp_path: Path) -> None:
    platform.problems = {4: [ChecksumMismatch() for _ in range(9)]}
    with pytest.raises(ChecksumMismatch):
        download_proxy(platform, "v", tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


def wanted(folder: Path, name: str) -> Wanted:
    return Wanted(Original(name, "", f"{name}.mov", 1, None), folder / "day 1" / f"{name}.mov")


def test_many_proxies_come_beside_their_originals_and_one_that_is_missing_stops_none(
    platform: Platform, tmp_path: Path
) -> None:
    platform.missing = {"b"}
    names = [wanted(tmp_path, name) for name in "abc"]
    outcomes: list[Got | NotGot] = []
    download_proxies(platform, names, "", outcomes.append, Ways())
    assert [type(each) for each in outcomes] == [Got, NotGot, Got]
    assert sorted(path.name for path in (tmp_path / "day 1").iterdir()) == ["a.mov.mp4", "c.mov.mp4"]
    outcomes.clear()
    download_proxies(platform, names, "", outcomes.append, Ways())
    assert [each.fetched_bytes for each in outcomes if isinstance(each, Got)] == [0, 0]
    assert platform.tickets == 2


def test_without_the_right_nothing_is_tried(platform: Platform, tmp_path: Path) -> None:
    platform.allowed = False
    with pytest.raises(Forbidden):
        download_proxies(platform, [wanted(tmp_path, "a")], "", lambda outcome: None, Ways())
