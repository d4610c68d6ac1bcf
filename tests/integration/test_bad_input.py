"""Bad files, names and requests on the whole platform: each says what happened, and no original is touched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import socket
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.media.clips import small_prores
from tests.media.originals import make_original
from tests.services.command_line import CommandLine
from tests.services.platform import Platform
from tests.services.wording import check_failed, check_words

from reelkeep.errors import Conflict, MediaError, NotFound
from reelkeep.storage import crc
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer import network
from reelkeep.transfer.api import Api
from reelkeep.transfer.bucket import problem_of
from reelkeep.transfer.interface import SignedRequest
from reelkeep.transfer.upload import Uploaded, upload
from reelkeep.transfer.wire import Answer

MIB = 1 << 20


@dataclass
class Listener:
    """A server on loopback that counts who connects."""

    socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    connections: int = 0

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def count(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                self.connections += 1
                client.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    one = Listener()
    thread = threading.Thread(target=one.count)
    thread.start()
    yield one
    one.socket.shutdown(socket.SHUT_RDWR)
    one.socket.close()
    thread.join(5)


@pytest.fixture(scope="module")
def command_line(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine.signed_in(platform, tmp_path_factory.mktemp("home"))


def _cut(path: Path, share: float) -> bytes:
    whole = path.read_bytes()
    return whole[: int(len(whole) * share)]


def _index_last(folder: Path, _: int) -> bytes:
    return _cut(make_original(folder / "last.mp4"), 0.95)


def _index_first(folder: Path, _: int) -> bytes:
    return _cut(make_original(folder / "first.mp4", options={"movflags": "faststart"}), 0.5)


def _prores(folder: Path, _: int) -> bytes:
    return _cut(small_prores(folder / "whole.mov", frames=12), 0.6)


def _playlist(text: str) -> Callable[[Path, int], bytes]:
    return lambda _, port: text.format(port=port).encode()


@dataclass(frozen=True)
class BadFile:
    name: str
    make: Callable[[Path, int], bytes]  # from a scratch folder and the listener's port
    expected: str


BAD_FILES = (
    BadFile("index last.mp4", _index_last, "end of the file is missing"),
    BadFile("index first.mp4", _index_first, "end of the file is missing"),
    BadFile("prores.mov", _prores, "end of the file is missing"),
    BadFile("noise.mp4", lambda *_: random.Random(7).randbytes(300_000), "not a film"),
    BadFile(
        "hls.mp4", _playlist("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\nfile:///etc/passwd\n"), "playlist"
    ),
    BadFile("concat.mp4", _playlist("ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.mp4\n"), "playlist"),
    BadFile("passwd.mp4", _playlist("ffconcat version 1.0\nfile file:///etc/passwd\n"), "playlist"),
    BadFile("sdp.mp4", _playlist("v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n"), "playlist"),
)


@pytest.fixture(scope="module")
def sent(
    platform: Platform, listener: Listener, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[bytes, Uploaded]]:
    """Every bad file, uploaded and waiting to be looked at."""
    folder, scratch, found = tmp_path_factory.mktemp("bad"), tmp_path_factory.mktemp("scratch"), {}
    with platform.api() as api:
        for bad in BAD_FILES:
            (folder / bad.name).write_bytes(content := bad.make(scratch, listener.port))
            found[bad.name] = content, upload(api, platform.production_id, folder / bad.name)
    return found


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_bad_file_says_what_is_wrong_and_stays_as_it_came(
    platform: Platform, sent: dict[str, tuple[bytes, Uploaded]], bad: BadFile
) -> None:
    content, uploaded = sent[bad.name]
    version = platform.wait_for(uploaded.version_id, "failed")
    check_failed(version, bad.expected, "stays stored")
    assert version["published_frames"] == 0
    assert original(platform, uploaded.version_id) == content
    assert not platform.objects(f"proxies/{uploaded.version_id}/")
    with platform.api() as api:
        assert httpx.get(api.download_link(uploaded.version_id).url).content == content


def test_no_playlist_made_anything_connect(
    platform: Platform, sent: dict[str, tuple[bytes, Uploaded]], listener: Listener
) -> None:
    for _, uploaded in sent.values():
        platform.wait_for(uploaded.version_id, "failed")
    assert listener.connections == 0
    socket.create_connection(("127.0.0.1", listener.port)).close()
    deadline = time.monotonic() + 5
    while not listener.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert listener.connections == 1  # it would have been counted


def test_the_command_line_shows_the_problem_beside_the_asset(
    platform: Platform, sent: dict[str, tuple[bytes, Uploaded]], command_line: CommandLine
) -> None:
    for _, uploaded in sent.values():
        platform.wait_for(uploaded.version_id, "failed")
    told = command_line.run("assets", "--production", "demo")
    assert told.code == 0
    shown = " ".join(told.out.split())
    for bad in BAD_FILES:
        assert bad.name in shown
    for words in ("The end of the file is missing", "playlist", "not a film, a sound or a picture"):
        assert words in shown


def test_an_empty_file_is_refused_before_anything_is_written(
    platform: Platform, command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "empty.mov").touch()
    told = command_line.run("upload", tmp_path / "empty.mov", "--production", "demo")
    assert told.code == 6
    assert told.last_words.startswith("The file is empty. ")
    check_words("The file is empty.", told.last_words.removeprefix("The file is empty. "))
    with platform.api() as api:
        with pytest.raises(MediaError):
            api.begin_upload(platform.production_id, "empty.mov", 0, "k")
        assert "empty.mov" not in [asset["name"] for asset in api.assets(platform.production_id)]


def test_a_part_with_a_wrong_checksum_is_refused_by_the_store_and_the_right_one_is_taken(platform: Platform) -> None:
    right = os.urandom(1000)
    with platform.api() as api, network.client() as client:
        ticket = api.begin_upload(platform.production_id, "flipped part.mov", len(right), "flipped")
        for content in (right[:-1] + bytes([right[-1] ^ 1]), right):
            (signed,) = api.sign_parts(ticket.id, [(1, _crc(right))])
            answer = _put(client, signed, content)
            if content != right:
                problem = problem_of(Answer(answer.status_code, answer.headers, answer.content), signed.expires_at)
                assert isinstance(problem, ChecksumMismatch)
                assert "not the bytes of the file" in problem.message
                assert api.begin_upload(platform.production_id, "flipped part.mov", len(right), "flipped") == ticket
        api.complete_upload(ticket.id, _crc(right), hashlib.sha256(right).digest())
        cancel(api, ticket.version_id)
    assert original(platform, ticket.version_id) == right


def test_a_whole_with_a_wrong_checksum_fails_the_version_and_is_not_stored(platform: Platform) -> None:
    content = os.urandom(1000)
    with platform.api() as api, network.client() as client:
        ticket = api.begin_upload(platform.production_id, "wrong whole.mov", len(content), "whole")
        (signed,) = api.sign_parts(ticket.id, [(1, _crc(content))])
        assert _put(client, signed, content).is_success
        with pytest.raises(ChecksumMismatch) as refused:
            api.complete_upload(ticket.id, _crc(b"another"), hashlib.sha256(b"another").digest())
        check_words(refused.value.message, refused.value.advice())
        check_failed(api.version(ticket.version_id), "not the bytes of the file", "upload it again")
    assert not [key for key in platform.objects("originals/") if ticket.version_id in key]


def test_an_original_that_is_not_what_the_uploader_read_fails_and_stays_stored(
    platform: Platform, tmp_path: Path
) -> None:
    content = make_original(tmp_path / "fine.mp4", frames=4).read_bytes()
    with platform.api() as api, network.client() as client:
        ticket = api.begin_upload(platform.production_id, "another sha.mp4", len(content), "sha")
        (signed,) = api.sign_parts(ticket.id, [(1, _crc(content))])
        assert _put(client, signed, content).is_success
        api.complete_upload(ticket.id, _crc(content), hashlib.sha256(b"another").digest())
    check_failed(platform.wait_for(ticket.version_id, "failed"), "not the file that was sent", "Upload the file again")
    assert original(platform, ticket.version_id) == content


LONG = "x" * 300 + ".mov"
NAMES = {
    "../../etc/passwd": "passwd",
    "a\x00b\x1b[31m\r\nc.mov": "ab[31mc.mov",
    "fdp\u202e4pm.exe": "fdp4pm.exe",
    LONG: "x" * 251 + ".mov",
    "🎬👩‍🎤 ﬁnal “cut”; 100%.mov": "🎬👩‍🎤 ﬁnal “cut”; 100%.mov",
    'say "cut" \\ then.mov': "then.mov",
}
SAFE_KEY = re.compile(r"originals/demo-[0-9a-z]{20}/[a-z0-9-]{1,40}-[0-9a-z]{20}/[0-9a-z]{20}/[A-Za-z0-9._-]{1,120}")


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=ascii)
def test_a_hostile_name_is_shown_as_far_as_it_is_true_and_never_reaches_a_key(
    platform: Platform, name: str, shown: str
) -> None:
    content = name.encode() + os.urandom(8)
    with platform.api() as api:
        version_id = send(api, platform.production_id, name, content)
        version, link = api.version(version_id), api.download_link(version_id)
        (asset,) = [asset for asset in api.assets(platform.production_id) if asset["id"] == version["asset_id"]]
        answer = httpx.get(link.url)
    assert version["file_name"] == asset["name"] == link.file_name == shown
    (key,) = [key for key in platform.objects("originals/") if version_id in key]
    assert SAFE_KEY.fullmatch(key)
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert disposition.isascii()
    assert disposition.isprintable()
    assert urllib.parse.unquote(disposition.partition("filename*=UTF-8''")[2]) == shown
    assert answer.content == content


def test_a_file_whose_name_is_no_unicode_is_uploaded_all_the_same(
    platform: Platform, command_line: CommandLine, tmp_path: Path
) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/K\xf6nig.mov"))
    path.write_bytes(b"of an old disk")
    told = command_line.run("upload", path, "--production", "demo", "--json")
    assert told.code == 0, told.err
    with platform.api() as api:
        version_id = told.fields["uploads"][0]["version_id"]
        cancel(api, version_id)
        assert api.version(version_id)["file_name"] == "K\ufffdnig.mov"


def test_a_production_that_is_not_yours_is_answered_as_one_that_is_not_there(
    platform: Platform, tmp_path: Path
) -> None:
    with platform.api() as api:
        made = api._post("/users", {"email": "eve@acme.example", "name": "Eve"})
    form = {"file_name": "a.mov", "size_bytes": 5}
    with Api(platform.origin) as eve:
        token = eve.login("eve@acme.example", made["password"])
        signed_in = {"Authorization": f"Bearer {token}"}
        with network.client(base_url=f"{platform.origin}/api/v1") as client:
            addresses = [f"/productions/{each}/uploads" for each in (platform.production_id, "0" * 20)]
            answers = [client.post(address, json=form, headers=signed_in) for address in addresses]
        with pytest.raises(NotFound) as refused:
            eve.begin_upload(platform.production_id, "a.mov", 5, "k")
    check_words(refused.value.message, refused.value.advice())
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    (tmp_path / "a.mov").write_bytes(b"12345")
    hers = CommandLine.signed_in(platform, tmp_path, "eve@acme.example", made["password"])
    told = hers.run("upload", tmp_path / "a.mov", "--production", "demo")
    assert told.code == 5
    assert told.last_words == "You have no production 'demo'. Ask an admin of the company to make you a member."


def test_two_uploads_of_one_name_at_once_are_two_versions_both_whole(platform: Platform, tmp_path: Path) -> None:
    contents = [os.urandom(9 * MIB) for _ in range(2)]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "reel.mov").write_bytes(content)
    with platform.api() as api, ThreadPoolExecutor(2) as pool:
        paths = [tmp_path / str(number) / "reel.mov" for number in range(2)]
        both = list(pool.map(lambda path: upload(api, platform.production_id, path), paths))
        asset = api.asset(both[0].asset_id)
        for one in both:
            cancel(api, one.version_id)
    assert both[0].asset_id == both[1].asset_id
    assert [version["number"] for version in asset["versions"]] == [2, 1]
    assert [original(platform, one.version_id) for one in both] == contents


def original(platform: Platform, version_id: str) -> bytes:
    """Return the stored original as the company's own cloud team would read it."""
    (key,) = [key for key in platform.objects("originals/") if f"/{version_id}/" in key]
    return platform.body(key)


def send(api: Api, production_id: str, name: str, content: bytes) -> str:
    """Upload bytes of one part under any name; return the version's id."""
    with network.client() as client:
        ticket = api.begin_upload(production_id, name, len(content), os.urandom(8).hex())
        (signed,) = api.sign_parts(ticket.id, [(1, _crc(content))])
        assert _put(client, signed, content).is_success
        api.complete_upload(ticket.id, _crc(content), hashlib.sha256(content).digest())
    cancel(api, ticket.version_id)
    return ticket.version_id


def cancel(api: Api, version_id: str) -> None:
    """Stop the job of a version that is of no further interest, so that it keeps no other waiting."""
    with contextlib.suppress(Conflict):  # it has ended already
        api._post(f"/versions/{version_id}/cancel", {})


def _put(client: httpx.Client, signed: SignedRequest, content: bytes) -> httpx.Response:
    return client.request(signed.method, signed.url, headers=dict(signed.headers), content=content)


def _crc(content: bytes) -> bytes:
    return crc.to_bytes(zlib.crc32(content))
