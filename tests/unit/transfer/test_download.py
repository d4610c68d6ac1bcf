"""Downloads from a real server on loopback that can break off, be busy, or refuse a link."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reelkeep.errors import Conflict, RequestError, StorageSetupError
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.download import RANGE_BYTES, download
from reelkeep.transfer.interface import DownloadLink

FILM = hashlib.sha256(b"film").digest() * (40 * (1 << 20) // 32) + b"the end"


class Store(ThreadingHTTPServer):
    """Serves FILM by ranges. ``faults`` are used up, one for each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        self.ranges: list[str] = []
        self.film = FILM
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        with self.server.lock:
            fault = self.server.faults.pop(0) if self.server.faults else ""
            self.server.ranges.append(self.headers["range"])
        if fault in ("busy", "refused"):
            self.send_response(503 if fault == "busy" else 403)
            self.end_headers()
            return
        start, end = (int(text) for text in self.headers["range"].removeprefix("bytes=").split("-"))
        body = self.server.film[start : end + 1]
        self.send_response(206)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "broken" else body)

    def log_message(self, *_: object) -> None:
        pass


class Api:
    """The platform's side: gives links to the store."""

    def __init__(self, store: Store) -> None:
        self.store, self.links = store, 0
        self.name, self.seconds, self.sha256_known_from = "Läufer 🎬.mov", 900, 1  # the number of a link
        self.sha256: bytes | None = hashlib.sha256(FILM).digest()
        self.crc32: bytes | None = zlib.crc32(FILM).to_bytes(4, "big")

    def download_link(self, version_id: str) -> DownloadLink:
        self.links += 1
        url = f"http://127.0.0.1:{self.store.server_port}/film?link={self.links}"
        expires_at = datetime.now(UTC) + timedelta(seconds=self.seconds)
        sha256 = self.sha256 if self.links >= self.sha256_known_from else None
        return DownloadLink(url, self.name, len(FILM), sha256, self.crc32, expires_at)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def api(store: Store) -> Api:
    return Api(store)


def test_a_film_comes_back_whole_under_its_true_name(api: Api, tmp_path: Path) -> None:
    seen = []
    got = download(api, "v", tmp_path, on_progress=seen.append)
    assert got.path == tmp_path / "Läufer 🎬.mov"
    assert got.path.read_bytes() == FILM
    assert got.verified == "sha256"
    assert seen[-1].done_bytes == seen[-1].total_bytes == len(FILM)
    assert [path.name for path in tmp_path.iterdir()] == ["Läufer 🎬.mov"]


@pytest.mark.parametrize(
    ("sha256", "crc32", "verified"), [(True, False, "sha256"), (False, True, "crc32"), (False, False, "size")]
)
def test_the_best_checksum_there_is_is_compared(
    api: Api, tmp_path: Path, sha256: bool, crc32: bool, verified: str
) -> None:
    api.sha256, api.crc32 = api.sha256 if sha256 else None, api.crc32 if crc32 else None
    got = download(api, "v", tmp_path / "f")
    assert (got.verified, got.path.read_bytes() == FILM) == (verified, True)


def test_a_wrong_crc_is_seen_where_nothing_better_is_known(api: Api, tmp_path: Path) -> None:
    api.sha256, api.crc32 = None, bytes(4)
    with pytest.raises(ChecksumMismatch):
        download(api, "v", tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_a_later_link_that_knows_a_better_checksum_does_not_mix_two(api: Api, tmp_path: Path) -> None:
    api.seconds, api.sha256_known_from = 30, 2
    got = download(api, "v", tmp_path / "f", parallel=1)
    assert (api.links > 2, got.verified, got.path.read_bytes() == FILM) == (True, "crc32", True)


def test_busy_and_broken_answers_are_made_good(api: Api, store: Store, tmp_path: Path) -> None:
    store.faults = ["busy", "broken", "busy"]
    seen = []
    assert download(api, "v", tmp_path / "f", on_progress=seen.append).path.read_bytes() == FILM
    assert seen[-1].done_bytes == len(FILM)


def test_a_refused_link_is_asked_for_anew(api: Api, store: Store, tmp_path: Path) -> None:
    store.faults = ["refused"]
    assert download(api, "v", tmp_path / "f", parallel=1).path.read_bytes() == FILM
    assert api.links == 2


def test_refusals_without_end_stop_it(api: Api, store: Store, tmp_path: Path) -> None:
    store.faults = ["refused"] * 50
    with pytest.raises(StorageSetupError):
        download(api, "v", tmp_path / "f")


def test_links_that_are_about_to_expire_are_replaced_before_they_are_used(api: Api, tmp_path: Path) -> None:
    api.seconds = 30
    download(api, "v", tmp_path / "f", parallel=1)
    assert api.links == 1 + 3


def test_a_download_goes_on_where_it_stopped(api: Api, store: Store, tmp_path: Path) -> None:
    store.faults = ["", "", *["refused"] * 50]
    with pytest.raises(StorageSetupError):
        download(api, "v", tmp_path / "f", parallel=1)
    notes = json.loads((tmp_path / "f.part.json").read_text())
    assert notes["done"] == [0, RANGE_BYTES]
    store.faults, store.ranges = [], []
    got = download(api, "v", tmp_path / "f", parallel=1)
    assert len(store.ranges) == 1
    assert got.fetched_bytes == len(FILM) - 2 * RANGE_BYTES
    assert got.path.read_bytes() == FILM


def test_notes_of_another_version_are_not_believed(api: Api, store: Store, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"x" * len(FILM))
    (tmp_path / "f.part.json").write_text(json.dumps({"version": "w", "size_bytes": len(FILM), "done": [0]}))
    assert download(api, "v", tmp_path / "f").path.read_bytes() == FILM


def test_bytes_that_are_not_those_uploaded_never_get_the_files_name(api: Api, store: Store, tmp_path: Path) -> None:
    store.film = FILM[:-1] + b"!"
    with pytest.raises(ChecksumMismatch):
        download(api, "v", tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_ever_replaced(api: Api, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"mine")
    with pytest.raises(Conflict):
        download(api, "v", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"mine"


def test_a_folder_that_is_not_there_is_said_in_a_sentence(api: Api, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be written"):
        download(api, "v", tmp_path / "none" / "f")


@pytest.mark.parametrize("name", ["../../x", ".bashrc", "a/b", "é" * 255 + ".mov"])
def test_a_name_from_the_server_stays_in_the_folder(api: Api, tmp_path: Path, name: str) -> None:
    api.name = name
    got = download(api, "v", tmp_path)
    assert got.path.parent == tmp_path
    assert not got.path.name.startswith(".")
