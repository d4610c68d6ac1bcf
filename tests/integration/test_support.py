"""Support access: nothing opens without it, it shows what it says and no more, and everything is on the record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from tests.services.sites import ORIGIN, Making, Site, login_of

from reelkeep.catalog import people, support
from reelkeep.catalog.people import User
from reelkeep.catalog.support import Arrival
from reelkeep.catalog.tables import audit_events, support_access, support_people
from reelkeep.errors import NotFound
from reelkeep.playback import sessions

API = "/api/v1"
MEDIA = "playback-sessions"


def page_of(site: Site, user: User) -> httpx.Client:
    _, token = login_of(site, user)
    return site.served().client(Origin=ORIGIN, Cookie=f"reelkeep_login={token}")


def give(admin: httpx.Client, **form: object) -> httpx.Response:
    return admin.post(f"{API}/support", json=form)


def expect(site: Site, name: str = "Rita Moss") -> Arrival | None:
    with site.engine.begin() as conn:
        return support.expect(conn, name)


def come_in(site: Site, name: str = "Rita Moss") -> httpx.Client:
    """Use a fresh link, as a page does; return the client of the page."""
    arrival = expect(site, name)
    assert arrival is not None
    client = site.served().client(Origin=ORIGIN)
    answer = client.post(f"{API}/support/sign-in", json={"token": arrival.token})
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    client.headers["Cookie"] = cookie.partition(";")[0]
    return client


def recorded(site: Site, what: str) -> list[tuple[str | None, dict[str, Any]]]:
    """Return who did it by name, and the details, the earliest first."""
    with site.engine.connect() as conn:
        deeds = [deed for deed in support.deeds(conn, 1_000) if deed.what == what]
    return [(deed.name, deed.details) for deed in reversed(deeds)]


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return page_of(site, site.user("Ada", is_company_admin=True))


def test_an_admin_lets_support_look_and_every_request_of_theirs_is_on_the_companys_record(
    site: Site, admin: httpx.Client
) -> None:
    owner = site.user("Eve")
    show, other = site.production("Show", production_admin=owner), site.production("Other", production_admin=owner)
    version = site.version(show, owner, "reel 1.mov")
    assert expect(site) is None  # nobody lets them in
    assert give(admin, production_id=show.id).status_code == 201
    rita = come_in(site)
    listed = rita.get(f"{API}/productions").json()["productions"]
    assert [each["name"] for each in listed] == ["Show"]
    assert rita.get(f"{API}/versions/{version.id}").json()["file_name"] == "reel 1.mov"
    assert rita.get(f"{API}/productions/{other.id}/assets").status_code == 404
    assert rita.get(f"{API}/users").status_code == 403
    me = rita.get(f"{API}/me").json()
    assert (me["user"]["name"], me["user"]["is_support"], me["support"]["production"]) == ("Rita Moss", True, "Show")
    asked = recorded(site, "support.asked")
    assert ("Rita Moss", {"method": "GET", "path": f"{API}/versions/{version.id}"}) in asked
    assert len(asked) == 5
    assert [name for name, _ in recorded(site, "support.signed_in")] == ["Rita Moss"]
    seen = admin.get(f"{API}/support").json()
    assert {(deed["what"], deed["name"]) for deed in seen["record"]} >= {
        ("support.given", "Ada"),
        ("support.signed_in", "Rita Moss"),
        ("support.asked", "Rita Moss"),
    }


def test_support_changes_nothing_and_what_it_tries_is_on_the_record(site: Site, admin: httpx.Client) -> None:
    owner = site.user("Eve")
    show = site.production("Show", production_admin=owner)
    version = site.version(show, owner)
    give(admin, with_media=True)
    rita = come_in(site)
    tries = [
        ("POST", f"{API}/productions", {"name": "Mine"}),
        ("POST", f"{API}/versions/{version.id}/comments", {"frame": 0, "text": "hello"}),
        ("DELETE", f"{API}/versions/{version.id}", None),
        ("GET", f"{API}/versions/{version.id}/download", None),
        ("POST", f"{API}/support", {"minutes": 600}),
        ("PUT", f"{API}/me/password", {"old": "x", "new": "a long pass phrase"}),
    ]
    for method, path, form in tries:
        answer = rita.request(method, path, json=form)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path
    found = [(details["method"], details["path"]) for _, details in recorded(site, "support.asked")]
    assert found == [(method, path) for method, path, _ in tries]


@pytest.mark.parametrize(("with_media", "status"), [(False, 403), (True, 201)])
def test_pictures_and_sound_are_shown_only_if_the_admin_said_so(
    site: Site, admin: httpx.Client, with_media: bool, status: int
) -> None:
    owner = site.user("Eve")
    show = site.production("Show", production_admin=owner)
    version = site.version(show, owner)
    Making(site, version, with_audio=False).publish("v360", 0)
    give(admin, with_media=with_media)
    rita = come_in(site)
    assert rita.post(f"{API}/versions/{version.id}/{MEDIA}").status_code == status
    assert rita.post(f"{API}/productions/{show.id}/browse-sessions").status_code == status
    assert rita.post(f"{API}/versions/{version.id}/proxy-downloads", json={}).status_code == 403


def test_ending_it_ends_every_session_at_once_playback_too(site: Site, admin: httpx.Client) -> None:
    owner = site.user("Eve")
    show = site.production("Show", production_admin=owner)
    version = site.version(show, owner)
    Making(site, version, with_audio=False).publish("v360", 0)
    give(admin, production_id=show.id, with_media=True)
    rita, unused = come_in(site), expect(site)
    assert unused is not None
    base = rita.post(f"{API}/versions/{version.id}/{MEDIA}").json()["base"]
    token = base.rpartition("/")[2]
    with site.engine.begin() as conn:
        assert sessions.find(conn, token).version_id == version.id
    assert admin.delete(f"{API}/support").status_code == 204
    assert rita.get(f"{API}/me").status_code == 401
    with site.engine.begin() as conn, pytest.raises(NotFound):
        sessions.find(conn, token)
    late = site.served().client(Origin=ORIGIN).post(f"{API}/support/sign-in", json={"token": unused.token})
    assert late.status_code == 401
    assert [name for name, _ in recorded(site, "support.ended")] == ["Ada"]


def test_it_is_over_by_itself_and_until_then_everybody_is_told(site: Site, admin: httpx.Client) -> None:
    guest = page_of(site, site.user("Gil"))
    show = site.production("Secret show")
    give(admin, production_id=show.id, minutes=30)
    rita = come_in(site)
    told = guest.get(f"{API}/me").json()["support"]
    assert (told["given_by"], told["whole_company"], told["production"]) == ("Ada", False, None)
    assert admin.get(f"{API}/me").json()["support"]["production"] == "Secret show"
    with site.engine.begin() as conn:
        conn.execute(update(support_access).values(ends_at=func.now() - timedelta(seconds=1)))
    assert guest.get(f"{API}/me").json()["support"] is None
    assert rita.get(f"{API}/me").status_code == 401
    assert expect(site) is None


def test_a_link_works_once_and_for_minutes(site: Site, admin: httpx.Client) -> None:
    give(admin)
    client = site.served().client(Origin=ORIGIN)

    def status(token: str) -> int:
        return client.post(f"{API}/support/sign-in", json={"token": token}).status_code

    first, second = expect(site), expect(site)
    assert first is not None
    assert second is not None
    assert [status(first.token), status(first.token), status("x" * 43)] == [200, 401, 401]
    with site.engine.begin() as conn:
        conn.execute(update(support_people).values(link_ends_at=func.now() - timedelta(seconds=1)))
    assert status(second.token) == 401
    elsewhere = site.served().client(Origin="http://evil.example")
    assert elsewhere.post(f"{API}/support/sign-in", json={"token": second.token}).status_code == 403


def test_one_access_at_a_time_within_bounds_by_admins_alone(site: Site, admin: httpx.Client) -> None:
    assert page_of(site, site.user("Gil")).post(f"{API}/support", json={}).status_code == 403
    assert [give(admin, minutes=minutes).status_code for minutes in (4, 24 * 60 + 1)] == [400, 400]
    assert give(admin, production_id="0" * 20).status_code == 404
    given = give(admin)
    assert given.status_code == 201
    assert give(admin).status_code == 409
    assert [admin.delete(f"{API}/support").status_code for _ in range(2)] == [204, 204]
    assert [name for name, _ in recorded(site, "support.ended")] == ["Ada"]  # nothing was open the second time


def test_the_operators_people_are_none_of_the_companys(site: Site, admin: httpx.Client) -> None:
    """They stand in no list, become no member, and have no password that could be tried."""
    give(admin)
    arrival = expect(site)
    assert arrival is not None
    show = site.production("Show", production_admin=site.user("Eve"))
    assert "Rita Moss" not in admin.get(f"{API}/users").text
    joined = admin.put(f"{API}/productions/{show.id}/members/{arrival.user_id}", json={"role": "viewer"})
    assert joined.status_code == 404
    with site.engine.begin() as conn:
        email = f"{arrival.user_id}@support.invalid"
        assert people.check_password(conn, email=email, password="!") is None
        asked = conn.scalar(select(func.count()).where(audit_events.c.what == "support.asked"))
    assert asked == 0
