"""Playback over HTTP: what the media process sends to a player, and what it keeps to itself."""

from __future__ import annotations

import base64
import json
import os
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import httpx
import pytest
from sqlalchemy import func, select, update
from tests.services.served import Served
from tests.services.sites import MEDIA_ORIGIN, ORIGIN, MakeSite, Making, Site

from reelkeep.catalog import tables, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.productions import Production
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import MediaError
from reelkeep.packaging.stills import StillKind
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import SessionRequest, StorageConnection, StsSession
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.web.media import SESSION_KEPT_SECONDS
from reelkeep.web.media_process import make_media
from reelkeep.web.security import host_of

API = "/api/v1"


@dataclass
class Cinema:
    """A version in the making, a viewer, and both processes' applications served."""

    site: Site
    user: User
    production: Production
    making: Making
    app: httpx.Client
    media: httpx.Client

    @property
    def version_id(self) -> str:
        return self.making.version.id

    def begin(self) -> dict:
        return self.app.post(f"{API}/versions/{self.version_id}/playback-sessions").json()

    def path(self) -> str:
        return self.begin()["base"].removeprefix(MEDIA_ORIGIN)

    def browse(self) -> str:
        answer = self.app.post(f"{API}/productions/{self.production.id}/browse-sessions").json()
        return answer["base"].removeprefix(MEDIA_ORIGIN)


OpenCinema = Callable[..., Cinema]


@pytest.fixture
def open_cinema(make_site: MakeSite) -> OpenCinema:
    def open_one(site: Site | None = None, *, frames: int = 200) -> Cinema:
        site = site or make_site()
        user = site.user()
        production = site.production(reviewer=user)
        making = Making(site, site.version(production, user), frames=frames)
        served = site.keep(
            Served(make_media(site.handle, site.dsn, cache_bytes=256 << 20, max_entries=64), host_of(MEDIA_ORIGIN))
        )
        app = site.client(user)
        return Cinema(site, user, production, making, app, served.client(Origin=ORIGIN))

    return open_one


@pytest.fixture
def cinema(open_cinema: OpenCinema) -> Cinema:
    cinema = open_cinema()
    cinema.making.publish("v360", 0)
    cinema.making.publish("a1", 0)
    return cinema


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def kids(manifest: str) -> list[bytes]:
    name = "{urn:mpeg:cenc:2013}default_KID"
    root = ElementTree.fromstring(manifest)
    return [bytes.fromhex(each.get(name).replace("-", "")) for each in root.iter() if each.get(name)]


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_player_gets_manifest_init_segment_and_licence(cinema: Cinema) -> None:
    session = cinema.begin()
    assert session["rate"] == [24000, 1001]
    assert (session["planned_frames"], session["frames"], session["published_frames"]) == (200, None, 12)
    assert [each["name"] for each in session["renditions"]] == ["v360", "a1"]
    base = session["base"].removeprefix(MEDIA_ORIGIN)
    manifest = cinema.media.get(f"{base}/{session['manifest']}")
    assert manifest.headers["content-type"] == "application/dash+xml"
    assert f"{session['base']}/licence" in manifest.text
    for name, kind in (("v360", "video/mp4"), ("a1", "audio/mp4")):
        init = cinema.media.get(f"{base}/{name}/init.mp4")
        assert init.content[4:8] == b"ftyp"
        assert b"moov" in init.content
        assert init.headers["content-type"] == kind
        segment = cinema.media.get(f"{base}/{name}/0.m4s")
        assert segment.content == cinema.making.plain[name, 0]
        assert segment.headers["content-type"] == kind
    asked = kids(manifest.text)
    body = json.dumps({"kids": [text(kid) for kid in asked], "type": "temporary"})
    licence = cinema.media.post(f"{base}/licence", content=body)
    keys = {each["kid"]: each["k"] for each in licence.json()["keys"]}
    contents = cinema.making.keys.content_keys.values()
    assert keys == {text(key.key_id): text(key.key) for key in contents if key.key_id in asked}
    assert len(keys) == 2
    assert licence.headers["cache-control"] == "no-store"


def test_keys_of_another_version_are_not_licensed(open_cinema: OpenCinema, cinema: Cinema) -> None:
    other = open_cinema(cinema.site)
    theirs = kids(cinema.media.get(f"{other.path()}/manifest.mpd").text)
    asked = json.dumps({"kids": [text(kid) for kid in theirs]})
    assert code_of(cinema.media.post(f"{cinema.path()}/licence", content=asked)) == (404, "not_found")


def test_a_malformed_licence_request_is_refused(cinema: Cinema) -> None:
    base = cinema.path()
    for body in (b"", b"{}", b"x" * 100_000, b'{"kids": ["' + b"A" * 22 + b'"]'):
        assert code_of(cinema.media.post(f"{base}/licence", content=body)) == (400, "request")


def test_only_the_apps_own_origin_may_read_answers(cinema: Cinema) -> None:
    base = cinema.path()
    for origin in (ORIGIN, "http://evil.example"):
        for path in ("manifest.mpd", "v360/0.m4s", "v360/999.m4s", "nothing"):
            answer = cinema.media.get(f"{base}/{path}", headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert answer.headers["access-control-expose-headers"] == "Retry-After"
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    preflight = cinema.media.options(f"{base}/licence", headers={"Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert "Content-Type" in preflight.headers["access-control-allow-headers"]


def test_another_host_name_gets_421(cinema: Cinema) -> None:
    answer = cinema.media.get(f"{cinema.path()}/manifest.mpd", headers={"Host": host_of(ORIGIN)})
    assert answer.status_code == 421


ADDRESSES = [
    "", "/", "/x", "/v360", "/v360/init.mp4/..", "/../../etc/passwd", "/v360/00.m4s", "/v360/-1.m4s",
    "/v360/%2e%2e/0.m4s", "/V360/0.m4s", "/v360/99999999999999999999.m4s", "/tiles/x.jpg", "/stills/0.m4s",
    "/poster.jpg", "/peaks.json", "/tiles/0.jpg", "/versions/00000000000000000000/poster.jpg",
]  # fmt: skip


def test_an_address_that_names_nothing_is_not_there(cinema: Cinema) -> None:
    base = cinema.path()
    for rest in ADDRESSES:
        assert code_of(cinema.media.get(base + rest)) == (404, "not_found"), rest


def test_without_a_playback_session_nothing_is_there(cinema: Cinema) -> None:
    for token in ("x", "A" * 32, "A" * 5_000):
        for rest in ("manifest.mpd", "v360/0.m4s", "v360/init.mp4", "poster.jpg"):
            assert code_of(cinema.media.get(f"/p/{token}/{rest}")) == (404, "not_found")


def _sign_out(cinema: Cinema) -> None:
    cinema.app.post(f"{API}/logout")


def _expire(cinema: Cinema) -> None:
    cinema.site.expire_logins()


def _lose_membership(cinema: Cinema) -> None:
    with cinema.site.engine.begin() as conn:
        conn.execute(tables.memberships.delete().where(tables.memberships.c.user_id == cinema.user.id))


def _disable(cinema: Cinema) -> None:
    with cinema.site.engine.begin() as conn:
        conn.execute(update(tables.users).where(tables.users.c.id == cinema.user.id).values(disabled_at=func.now()))


@pytest.mark.parametrize("end", [_sign_out, _expire, _lose_membership, _disable])
def test_playback_ends_with_the_right_to_watch(cinema: Cinema, end: Callable[[Cinema], None]) -> None:
    base = cinema.path()
    assert cinema.media.get(f"{base}/v360/0.m4s").status_code == 200
    end(cinema)
    time.sleep(SESSION_KEPT_SECONDS + 0.1)
    for path in ("v360/0.m4s", "manifest.mpd", "v360/init.mp4"):
        assert code_of(cinema.media.get(f"{base}/{path}")) == (404, "not_found")
    licence = cinema.media.post(f"{base}/licence", content=json.dumps({"kids": [text(os.urandom(16))]}))
    assert code_of(licence) == (404, "not_found")


def test_a_request_for_a_segment_in_the_making_is_held_until_the_database_tells_of_it(cinema: Cinema) -> None:
    base = cinema.path()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(cinema.media.get, f"{base}/v360/1.m4s")
        time.sleep(0.3)
        assert not asked.done()
        cinema.making.publish("v360", 1)
        begun = time.monotonic()
        assert asked.result(5).content == cinema.making.plain["v360", 1]
    assert time.monotonic() - begun < 0.6


def test_a_segment_that_takes_too_long_is_answered_with_try_again(cinema: Cinema) -> None:
    begun = time.monotonic()
    answer = cinema.media.get(f"{cinema.path()}/v360/2.m4s")
    assert 9.5 < time.monotonic() - begun < 12
    assert code_of(answer) == (503, "not_yet_published")
    assert answer.headers["retry-after"] == "1"


def test_a_version_that_failed_answers_with_the_reason(cinema: Cinema) -> None:
    base = cinema.path()
    with cinema.site.engine.begin() as conn:
        versions.move(conn, cinema.making.version.id, VersionState.FAILED, MediaError("the picture breaks off"))
    answer = cinema.media.get(f"{base}/v360/1.m4s")
    assert code_of(answer) == (410, "making_stopped")
    assert answer.json()["error"]["message"] == "The picture breaks off."


def test_stills_are_sent_uncacheable_and_only_of_the_sessions_version(cinema: Cinema, open_cinema: OpenCinema) -> None:
    cinema.making.publish_still(StillKind.POSTER, 0, b"poster")
    cinema.making.publish_still(StillKind.TILES, 3, b"tiles")
    cinema.making.publish_still(StillKind.PEAKS, 0, b"[1]")
    base = cinema.path()
    for path, plain in (("poster.jpg", b"poster"), ("tiles/3.jpg", b"tiles"), ("peaks.json", b"[1]")):
        answer = cinema.media.get(f"{base}/{path}")
        assert (answer.content, answer.headers["cache-control"]) == (plain, "no-store")
    other = open_cinema(cinema.site)
    assert cinema.media.get(f"{other.path()}/versions/{cinema.version_id}/poster.jpg").status_code == 404


def test_a_browse_session_shows_posters_of_its_production_and_nothing_else(
    cinema: Cinema, open_cinema: OpenCinema
) -> None:
    cinema.making.publish_still(StillKind.POSTER, 0, b"poster")
    other = open_cinema(cinema.site)
    other.making.publish_still(StillKind.POSTER, 0, b"theirs")
    base = cinema.browse()
    assert cinema.media.get(f"{base}/versions/{cinema.version_id}/poster.jpg").content == b"poster"
    for path in (
        f"versions/{other.version_id}/poster.jpg",
        "manifest.mpd",
        "v360/0.m4s",
        "v360/init.mp4",
        "poster.jpg",
    ):
        assert code_of(cinema.media.get(f"{base}/{path}")) == (404, "not_found")
    assert cinema.media.post(f"{base}/licence", content=b"{}").status_code == 404


def test_tokens_are_stored_as_hashes_only(cinema: Cinema) -> None:
    token = cinema.path().removeprefix("/p/")
    with cinema.site.engine.begin() as conn:
        (hashed,) = conn.scalars(select(tables.playback_sessions.c.token_hash))
    assert len(hashed) == 32
    assert token.encode() not in hashed


def test_a_defect_is_reported_without_the_token_or_any_detail(cinema: Cinema, caplog: pytest.LogCaptureFixture) -> None:
    base = cinema.path()
    asked = {"kids": [text(bytes(16))]}
    with cinema.site.engine.begin() as conn:
        conn.execute(update(tables.version_keys).values(content_keys={"sd": 5}))
    answer = cinema.media.post(f"{base}/licence", json=asked)
    assert code_of(answer) == (500, "error")
    assert "TypeError" in caplog.text
    assert base.removeprefix("/p/") not in caplog.text


class Broker:
    """The supervisor's part, as its link does it."""

    def __init__(self, identity: PlatformIdentity, connection: StorageConnection) -> None:
        self._sts = StsBroker(identity, lambda _: connection, "acme")
        self._sessions: dict[SessionRequest, StsSession] = {}

    def session(self, request: SessionRequest) -> StsSession:
        if request not in self._sessions:
            self._sessions[request] = self._sts.session(request)
        return self._sessions[request]


def test_segments_come_out_of_a_real_bucket_by_a_session_for_playback_alone(
    make_site: MakeSite, open_cinema: OpenCinema, acme_connection: StorageConnection, platform_credentials: object
) -> None:
    identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
    broker = Broker(identity, acme_connection)
    site = make_site()
    connections = {acme_connection.id: acme_connection}
    storage = CompanyStorage(connections, {"": acme_connection.id}, broker, S3Store, ObstoreReader)
    handle: CompanyHandle = replace(site.handle, storage=storage)
    site.handle, site.connection = handle, acme_connection
    cinema = open_cinema(site)
    cinema.making.publish("v360", 0)
    cinema.making.publish("v360", 1, 2)
    base = cinema.path()
    for number in (2, 0, 1):
        assert cinema.media.get(f"{base}/v360/{number}.m4s").content == cinema.making.plain["v360", number]
    purposes = {request.purpose.value for request in broker._sessions}
    assert purposes == {"write_proxy", "playback"}


def test_the_root_of_the_media_name_says_what_it_is_and_nothing_of_anybody(cinema: Cinema) -> None:
    """A browser is sent there to accept the name's certificate; the page tries whether it reaches it."""
    answer = cinema.media.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert ORIGIN in answer.text
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert cinema.media.post("/").status_code == 404
