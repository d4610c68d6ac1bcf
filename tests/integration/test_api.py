"""The API over HTTP, with a real database: who is let in, what is refused, and what every answer carries."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import zlib
from datetime import datetime

import httpx
import pytest
from sqlalchemy import delete, select
from tests.services.sites import ORIGIN, PASSWORD, Making, Site, login_of
from websockets.exceptions import ConnectionClosed, InvalidStatus

from reelkeep.catalog import changes, people, tables, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.tables import audit_events
from reelkeep.errors import MediaError
from reelkeep.jobs.interface import JobKind

API = "/api/v1"


def sign_in(client: httpx.Client, user: User, password: str = PASSWORD, **headers: str):
    form = {"email": user.email, "password": password, "kind": "browser"}
    return client.post(f"{API}/login", json=form, headers={"Origin": ORIGIN, **headers})


def error_of(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_the_page_signs_in_with_a_cookie_that_scripts_and_other_sites_cannot_use(site: Site) -> None:
    client, user = site.client(), site.user()
    answer = sign_in(client, user)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 200
    assert "token" not in answer.json()
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert client.get(f"{API}/me").json()["user"]["email"] == user.email


def test_tokens_are_stored_as_hashes_only(site: Site) -> None:
    client = site.client(user := site.user())
    token = client.headers["Authorization"].removeprefix("Bearer ")
    with site.engine.begin() as conn:
        rows = conn.execute(select(tables.login_sessions.c.token_hash)).all()
    assert len(rows) == 1
    assert token.encode() not in rows[0].token_hash
    assert client.get(f"{API}/me").json()["user"]["id"] == user.id


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(site: Site) -> None:
    client, user = site.client(), site.user()
    wrong = sign_in(client, user, "not the pass phrase")
    form = {"email": "nobody@example.org", "password": PASSWORD, "kind": "browser"}
    unknown = client.post(f"{API}/login", json=form, headers={"Origin": ORIGIN})
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert error_of(wrong) == (401, "sign_in")


def test_wrong_sign_ins_are_limited_for_known_and_unknown_accounts_alike(site: Site) -> None:
    client, user = site.client(), site.user()
    for email in (user.email, "nobody@example.org"):
        form = {"email": email, "password": "not the pass phrase", "kind": "cli"}
        codes = [client.post(f"{API}/login", json=form).status_code for _ in range(12)]
        assert codes == [401] * 10 + [429] * 2
    limited = sign_in(client, user)
    assert error_of(limited) == (429, "too_many_tries")
    assert int(limited.headers["retry-after"]) > 0


def test_signing_out_ends_the_login_session(site: Site) -> None:
    client = site.client(site.user())
    assert client.post(f"{API}/logout").status_code == 204
    assert error_of(client.get(f"{API}/me")) == (401, "sign_in")


def test_a_login_session_ends_by_itself(site: Site) -> None:
    client = site.client(site.user())
    site.expire_logins()
    assert error_of(client.get(f"{API}/me")) == (401, "sign_in")


def test_changing_the_password_ends_every_login_session(site: Site) -> None:
    user = site.user()
    here, there = site.client(user), site.client(user)
    wrong = {"old": "not the pass phrase", "new": "another pass phrase"}
    assert here.put(f"{API}/me/password", json=wrong).status_code == 403
    assert there.get(f"{API}/me").status_code == 200
    assert here.put(f"{API}/me/password", json={"old": PASSWORD, "new": "another pass phrase"}).status_code == 204
    assert {client.get(f"{API}/me").status_code for client in (here, there)} == {401}
    assert sign_in(site.client(), user).status_code == 401
    assert sign_in(site.client(), user, "another pass phrase").status_code == 200


def test_a_disabled_account_is_shut_out_at_once(site: Site) -> None:
    client = site.client(user := site.user())
    with site.engine.begin() as conn:
        conn.execute(tables.users.update().where(tables.users.c.id == user.id).values(disabled_at="2026-01-01T00:00Z"))
    assert client.get(f"{API}/me").status_code == 401
    assert sign_in(site.client(), user).status_code == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "http://borealis.localhost:8000", "null", None])
def test_another_site_cannot_act_with_the_cookie(site: Site, origin: str | None) -> None:
    client = site.client()
    sign_in(client, site.user(is_company_admin=True))
    headers = {"Origin": origin} if origin else {}
    refused = client.post(f"{API}/productions", json={"name": "Show"}, headers=headers)
    assert error_of(refused) == (403, "wrong_origin")
    assert client.post(f"{API}/productions", json={"name": "Show"}, headers={"Origin": ORIGIN}).status_code == 201


def test_another_site_cannot_sign_somebody_in(site: Site) -> None:
    client, user = site.client(), site.user()
    assert error_of(sign_in(client, user, Origin="http://evil.example")) == (403, "wrong_origin")
    form = {"email": user.email, "password": PASSWORD, "kind": "browser"}
    assert error_of(client.post(f"{API}/login", json=form)) == (403, "wrong_origin")


@pytest.mark.parametrize("host", ["borealis.localhost:8000", "acme.localhost", "127.0.0.1:8000", "evil.example"])
def test_another_host_name_gets_421_and_the_right_address(site: Site, host: str) -> None:
    client = site.client(site.user())
    for path in ("/", f"{API}/me"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert ORIGIN in answer.text
        assert "ssh -L 8000:127.0.0.1:8000" in answer.text


def test_every_answer_carries_the_security_headers(site: Site) -> None:
    client = site.client()
    for path in ("/", "/static/api.js", f"{API}/me", "/static/nothing.js", f"{API}/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "https://acme-media.s3.eu-west-1.amazonaws.com" in policy
        assert "ws://acme.localhost:8000 http://acme-media.localhost:8000" in policy
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert "encrypted-media=(self)" in headers["permissions-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] in ("no-store", "no-cache")


def test_no_answer_of_the_api_is_kept_by_a_browser(site: Site) -> None:
    """An address in the bucket, a token and a name stand in them."""
    client, user = site.client(user := site.user(is_company_admin=True)), user
    version = site.version(site.production(), user)
    form = {"email": user.email, "password": PASSWORD, "kind": "cli"}
    answers = [
        client.get(f"{API}/{path}") for path in ("me", "productions", "users", f"versions/{version.id}/download")
    ]
    for answer in (*answers, client.post(f"{API}/login", json=form)):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
    assert client.get("/static/api.js").headers["cache-control"] == "no-cache"


def test_a_token_counts_only_where_its_kind_belongs(site: Site) -> None:
    user = site.user()
    program = site.client(user).headers["Authorization"].removeprefix("Bearer ")
    _, page = login_of(site, user)
    client = site.client()
    for headers in (
        {"Authorization": f"Bearer {page}"},
        {"Cookie": f"reelkeep_login={program}", "Origin": ORIGIN},
        {"Cookie": f"reelkeep_login={page}", "Authorization": "Bearer nonsense"},
    ):
        assert error_of(client.get(f"{API}/me", headers=headers)) == (401, "sign_in")
        assert client.post(f"{API}/logout", headers=headers).status_code in (401, 403)
    assert client.get(f"{API}/me", headers={"Cookie": f"reelkeep_login={page}"}).status_code == 200


def test_a_text_that_the_database_cannot_hold_is_the_callers_mistake(site: Site) -> None:
    client = site.client(user := site.user())
    form = {"email": "a\0b@example.org", "password": PASSWORD, "kind": "cli"}
    assert error_of(client.post(f"{API}/login", json=form)) == (400, "request")
    path = f"{API}/productions/{site.production(uploader=user).id}/uploads"
    for fields in ({"client_key": "a\0b"}, {"file_name": "\0"}):
        form = {"file_name": "a.mov", "size_bytes": 5, "client_key": "c", **fields}
        assert error_of(client.post(path, json=form)) == (400, "request")


@pytest.mark.parametrize(
    "path", ["/static/../api/signin.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/..%2f..%2fpyproject.toml"]
)
def test_no_file_outside_the_static_folder_is_served(site: Site, path: str) -> None:
    answer = site.client().get(path)
    assert "import annotations" not in answer.text
    assert "root:" not in answer.text
    assert answer.status_code == 404 or "<!doctype html>" in answer.text


def test_a_text_that_is_no_id_names_nothing(site: Site) -> None:
    client = site.client(site.user(is_company_admin=True))
    for text in ("x", "%00", "'; drop table users; --", "A" * 20):
        assert client.get(f"{API}/versions/{text}").status_code == 404


def test_each_role_may_do_what_its_row_says(site: Site) -> None:
    people_of = {role: site.user(role) for role in ("viewer", "reviewer", "uploader", "production_admin", "guest")}
    production = site.production(**people_of)
    version = site.version(production, people_of["uploader"])
    Making(site, version).publish("v360", 0)
    allowed = {}
    for role, user in people_of.items():
        client = site.client(user)
        comment = client.post(f"{API}/versions/{version.id}/comments", json={"frame": 0, "text": "hello"})
        upload = client.post(f"{API}/productions/{production.id}/uploads", json={"file_name": "a.mov", "size_bytes": 5})
        download = client.get(f"{API}/versions/{version.id}/download")
        member = client.put(f"{API}/productions/{production.id}/members/{user.id}", json={"role": role})
        allowed[role] = [answer.status_code for answer in (comment, upload, download, member)]
    assert allowed == {
        "guest": [403, 403, 403, 403],
        "viewer": [403, 403, 403, 403],
        "reviewer": [201, 403, 403, 403],
        "uploader": [201, 201, 200, 403],
        "production_admin": [201, 201, 200, 204],
    }


def test_only_company_admins_see_and_make_users_and_productions(site: Site) -> None:
    client = site.client(site.user())
    new = {"email": "new@example.org", "name": "New"}
    refused = [
        client.get(f"{API}/users"),
        client.post(f"{API}/users", json=new),
        client.post(f"{API}/productions", json={"name": "x"}),
    ]
    assert [error_of(answer) for answer in refused] == [(403, "forbidden")] * 3
    admin = site.client(site.user(is_company_admin=True))
    made = admin.post(f"{API}/users", json=new).json()
    assert len(made["password"]) >= 16
    assert error_of(admin.post(f"{API}/users", json=new)) == (409, "conflict")
    with site.engine.begin() as conn:
        assert people.check_password(conn, email="NEW@example.org", password=made["password"])


def test_productions_are_listed_with_role_and_placement(site: Site) -> None:
    user = site.user()
    production = site.production("Läufer", reviewer=user)
    site.production("Not hers")
    site.version(production, user)
    (listed,) = site.client(user).get(f"{API}/productions").json()["productions"]
    assert (listed["slug"], listed["role"], listed["assets"]) == ("laufer", "reviewer", 1)
    assert (listed["placement"]["bucket"], listed["placement"]["inherited_from"]) == ("acme-media", "company")


def test_a_file_travels_from_client_to_bucket_and_becomes_a_job(site: Site) -> None:
    user = site.user()
    production = site.production(uploader=user)
    client, body = site.client(user), b"hello"
    crc32 = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    form = {"file_name": "reel 1.mov", "size_bytes": len(body), "client_key": "k"}
    upload = client.post(f"{API}/productions/{production.id}/uploads", json=form).json()
    assert (upload["parts_total"], upload["done_parts"], upload["state"]) == (1, [], "open")
    again = client.post(f"{API}/productions/{production.id}/uploads", json=form).json()
    assert again["id"] == upload["id"]
    wanted = {"parts": [{"number": 1, "crc32": crc32}]}
    (request,) = client.post(f"{API}/uploads/{upload['id']}/parts", json=wanted).json()["requests"]
    assert site.bucket.send(request["method"], request["url"], request["headers"], body).status == 200
    (done,) = client.get(f"{API}/uploads/{upload['id']}").json()["done_parts"]
    assert (done["number"], done["size_bytes"]) == (1, 5)
    stored = client.post(f"{API}/uploads/{upload['id']}/complete", json={"crc32": crc32, "sha256": None}).json()
    assert stored["version"]["state"] == "stored"
    assert site.bell.rings == [JobKind.TRANSCODE]
    (asset,) = client.get(f"{API}/productions/{production.id}/assets").json()["assets"]
    assert asset["name"] == "reel 1.mov"
    assert asset["versions"][0]["id"] == stored["version"]["id"] == upload["version_id"]
    link = client.get(f"{API}/versions/{upload['version_id']}/download").json()
    assert site.bucket.send("GET", link["url"], {}).body == body
    with site.engine.begin() as conn:
        downloads = conn.execute(select(tables.grants).where(tables.grants.c.action == "download")).all()
    assert [grant.user_id for grant in downloads] == [user.id]
    assert f"x-reelkeep={downloads[0].id}" in link["url"]


def test_no_link_outlives_the_grant_that_accounts_for_it(site: Site) -> None:
    client = site.client(user := site.user(is_company_admin=True))
    version = site.version(site.production(), user)
    link = client.get(f"{API}/versions/{version.id}/download").json()
    with site.engine.begin() as conn:
        ends = conn.execute(select(tables.grants.c.expires_at)).scalar_one()
    assert datetime.fromisoformat(link["expires_at"]) <= ends


def test_an_upload_of_somebody_else_is_not_there(site: Site) -> None:
    ada, eve = site.user("Ada"), site.user("Eve")
    production = site.production(uploader=ada, production_admin=eve)
    form = {"file_name": "a.mov", "size_bytes": 5}
    upload = site.client(ada).post(f"{API}/productions/{production.id}/uploads", json=form).json()
    assert site.client(eve).get(f"{API}/uploads/{upload['id']}").status_code == 404


@pytest.mark.parametrize(
    "form", [{}, {"file_name": "a"}, {"file_name": 5, "size_bytes": 5}, {"file_name": "a", "size_bytes": "5"}]
)
def test_a_malformed_form_is_refused_in_words(site: Site, form: dict[str, object]) -> None:
    user = site.user()
    production = site.production(uploader=user)
    answer = site.client(user).post(f"{API}/productions/{production.id}/uploads", json=form)
    assert error_of(answer) == (400, "request")
    assert answer.json()["error"]["advice"]


def test_a_large_body_is_refused_before_it_is_held_in_memory(site: Site) -> None:
    for content in (b"x" * 1_000_000, iter([b"x" * 100_000] * 10)):
        headers = {"Content-Type": "application/json"}
        assert site.client().post(f"{API}/login", content=content, headers=headers).status_code == 400


def test_an_upload_is_given_up_by_cancelling_its_version(site: Site) -> None:
    client = site.client(user := site.user())
    production = site.production(uploader=user)
    form = {"file_name": "a.mov", "size_bytes": 5}
    upload = client.post(f"{API}/productions/{production.id}/uploads", json=form).json()
    cancelled = client.post(f"{API}/versions/{upload['version_id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    assert error_of(client.post(f"{API}/versions/{upload['version_id']}/retry")) == (409, "conflict")


def test_a_failed_version_says_why_and_can_be_tried_again(site: Site) -> None:
    client = site.client(user := site.user())
    version = site.version(site.production(uploader=user), user)
    with site.engine.begin() as conn:
        versions.move(conn, version.id, VersionState.FAILED, MediaError("the file ends in the middle"))
    seen = client.get(f"{API}/versions/{version.id}").json()
    assert (seen["state"], seen["problem"]) == ("failed", "The file ends in the middle.")
    assert seen["advice"].startswith("Export the file again")
    refused = client.post(f"{API}/versions/{version.id}/playback-sessions")
    assert error_of(refused) == (409, "conflict")
    assert client.post(f"{API}/versions/{version.id}/retry").json()["state"] == "stored"
    assert site.bell.rings == [JobKind.TRANSCODE]
    assert client.post(f"{API}/versions/{version.id}/cancel").json()["state"] == "cancelled"


def test_comments_are_written_read_and_deleted_by_their_author_or_an_admin(site: Site) -> None:
    ada, ben, admin = site.user("Ada"), site.user("Ben"), site.user("Cy")
    production = site.production(uploader=ada, reviewer=ben, production_admin=admin)
    version = site.version(production, ada)
    Making(site, version, frames=100)
    clients = {user.name: site.client(user) for user in (ada, ben, admin)}
    path = f"{API}/versions/{version.id}/comments"
    made = [clients["Ben"].post(path, json={"frame": frame, "text": f"at {frame}"}).json() for frame in (99, 3)]
    listed = clients["Ada"].get(path).json()["comments"]
    assert [(comment["frame"], comment["author"]["name"]) for comment in listed] == [(3, "Ben"), (99, "Ben")]
    assert clients["Ada"].delete(f"{API}/comments/{made[0]['id']}").status_code == 403
    assert clients["Ben"].delete(f"{API}/comments/{made[0]['id']}").status_code == 204
    assert clients["Cy"].delete(f"{API}/comments/{made[1]['id']}").status_code == 204
    assert clients["Cy"].delete(f"{API}/comments/{made[1]['id']}").status_code == 404
    assert clients["Ada"].get(path).json() == {"comments": []}


def test_a_comment_on_a_range_is_edited_by_its_author_and_resolved_by_whoever_may_comment(site: Site) -> None:
    ada, ben, cy, vera = (site.user(name) for name in ("Ada", "Ben", "Cy", "Vera"))
    version = site.version(site.production(uploader=ada, reviewer=ben, production_admin=cy, viewer=vera), ada)
    Making(site, version, frames=100)
    by = {user.name: site.client(user) for user in (ada, ben, cy, vera)}
    path = f"{API}/versions/{version.id}/comments"
    for place in ({"frame": 9, "last_frame": 8}, {"frame": 9, "last_frame": 100}, {"frame": 9, "last_frame": "x"}):
        assert by["Ben"].post(path, json={**place, "text": "x"}).status_code == 400, place
    made = by["Ben"].post(path, json={"frame": 9, "last_frame": 30, "text": "darker"}).json()
    assert (made["frame"], made["last_frame"], made["edited_at"], made["resolved_at"]) == (9, 30, None, None)
    assert by["Ben"].post(path, json={"frame": 9, "last_frame": 9, "text": "x"}).json()["last_frame"] is None
    one = f"{API}/comments/{made['id']}"
    assert [by[name].patch(one, json={"text": "no"}).status_code for name in ("Ada", "Cy", "Vera")] == [403] * 3
    assert by["Ben"].patch(one, json={"text": "  "}).status_code == 400
    edited = by["Ben"].patch(one, json={"text": "lighter"}).json()
    assert (edited["text"], edited["edited_at"] is not None) == ("lighter", True)
    assert by["Vera"].post(f"{one}/resolve").status_code == 403
    resolved = by["Ada"].post(f"{one}/resolve").json()
    assert by["Cy"].post(f"{one}/resolve").json() == resolved, "who did it first stays"
    assert (resolved["resolved_by"], resolved["resolved_at"] is not None) == ("Ada", True)
    assert by["Vera"].get(path).json()["comments"][0] == resolved
    assert by["Vera"].post(f"{one}/reopen").status_code == 403
    stranger = site.client(site.user("Eve"))
    assert [stranger.patch(one, json={"text": "x"}).status_code, stranger.post(f"{one}/resolve").status_code] == [
        404,
        404,
    ]
    reopened = by["Ben"].post(f"{one}/reopen").json()
    assert (reopened["resolved_by"], reopened["resolved_at"]) == (None, None)
    with site.engine.connect() as conn:
        whats = conn.execute(
            select(audit_events.c.what).where(audit_events.c.subject_id == made["id"]).order_by(audit_events.c.id)
        )
        assert list(whats.scalars()) == ["comment.edited", *["comment.resolved"] * 2, "comment.reopened"]


def test_the_admins_of_a_production_say_which_number_its_first_frames_have(site: Site) -> None:
    admin, uploader = site.user("Ada"), site.user("Ben")
    production = site.production(production_admin=admin, uploader=uploader)
    path, client = f"{API}/productions/{production.id}", site.client(admin)
    first = client.get(f"{API}/productions").json()["productions"][0]
    assert first["first_frame"] == 0
    assert site.client(uploader).patch(path, json={"first_frame": 1001}).status_code == 403
    for wrong in (2, -1, "1001", None, 1001.5):
        assert client.patch(path, json={"first_frame": wrong}).status_code == 400, wrong
    changed = client.patch(path, json={"first_frame": 1001}).json()
    assert changed == {**first, "first_frame": 1001}
    assert site.client(uploader).get(f"{API}/productions").json()["productions"][0]["first_frame"] == 1001
    with site.engine.connect() as conn:
        event = conn.execute(select(audit_events).where(audit_events.c.what == "production.changed")).one()
    assert (event.subject_id, event.user_id, event.details) == (production.id, admin.id, {"first_frame": 1001})


def test_the_admins_of_a_production_say_how_many_mark_bands_new_proxies_have(site: Site) -> None:
    admin, uploader = site.user("Ada"), site.user("Ben")
    production = site.production(production_admin=admin, uploader=uploader)
    path, client = f"{API}/productions/{production.id}", site.client(admin)
    first = client.get(f"{API}/productions").json()["productions"][0]
    assert first["mark_bands"] == 2
    assert site.client(uploader).patch(path, json={"mark_bands": 0}).status_code == 403
    for wrong in (4, -1, "1", None, 1.5):
        assert client.patch(path, json={"mark_bands": wrong}).status_code == 400, wrong
    assert client.patch(path, json={}).status_code == 400
    assert client.patch(path, json={"mark_bands": 0}).json() == {**first, "mark_bands": 0}
    with site.engine.connect() as conn:
        event = conn.execute(select(audit_events).where(audit_events.c.what == "production.changed")).one()
    assert (event.subject_id, event.user_id, event.details) == (production.id, admin.id, {"mark_bands": 0})


def test_the_admins_of_a_production_say_how_large_new_proxies_may_be(site: Site) -> None:
    admin, uploader = site.user("Ada"), site.user("Ben")
    production = site.production(production_admin=admin, uploader=uploader)
    path, client = f"{API}/productions/{production.id}", site.client(admin)
    first = client.get(f"{API}/productions").json()["productions"][0]
    assert first["largest_edge_px"] == 2160
    assert site.client(uploader).patch(path, json={"largest_edge_px": 720}).status_code == 403
    for wrong in (0, 1081, "1080", None, 4320):
        assert client.patch(path, json={"largest_edge_px": wrong}).status_code == 400, wrong
    assert client.patch(path, json={"largest_edge_px": 1080}).json() == {**first, "largest_edge_px": 1080}


def test_a_page_hears_of_changes_in_its_production_alone(site: Site) -> None:
    user = site.user()
    watched, other = site.production("Watched", reviewer=user), site.production("Other", reviewer=user)
    _, token = login_of(site, user)
    headers = {"Origin": ORIGIN, "Cookie": f"reelkeep_login={token}"}
    with site.served().websocket(f"{API}/productions/{watched.id}/events", headers) as socket:
        elsewhere = site.version(other, user)
        with site.engine.begin() as conn:
            changes.notify(conn, watched.id, elsewhere.id, "state")  # a notice that names the wrong production
        version = site.version(watched, user)
        message = json.loads(socket.recv(10))
        assert (message["what"], message["version"]["id"]) == ("version", version.id)
        assert message["version"]["state"] in ("uploading", "stored")
        Making(site, version).publish("v360", 0)
        while message["version"]["published_frames"] == 0:
            message = json.loads(socket.recv(10))
        assert message["version"]["published_frames"] == 12
        assert message["version"]["state"] == "playable"


def test_a_page_hears_that_its_production_counts_its_frames_from_another_number(site: Site) -> None:
    admin, viewer = site.user("Ada"), site.user("Ben")
    watched, other = (site.production(name, production_admin=admin, viewer=viewer) for name in ("Watched", "Other"))
    _, token = login_of(site, viewer)
    headers = {"Origin": ORIGIN, "Cookie": f"reelkeep_login={token}"}
    with site.served().websocket(f"{API}/productions/{watched.id}/events", headers) as socket:
        for production, number in ((other, 1), (watched, 1001)):
            site.client(admin).patch(f"{API}/productions/{production.id}", json={"first_frame": number})
        said = json.loads(socket.recv(10))
    assert said == {"what": "production", "production": {"id": watched.id, "name": "Watched", "first_frame": 1001}}


def test_a_page_hears_nothing_more_once_its_user_has_left_the_production(site: Site) -> None:
    user = site.user()
    production = site.production(reviewer=user)
    version, (_, token) = site.version(production, user), login_of(site, user)
    headers = {"Origin": ORIGIN, "Cookie": f"reelkeep_login={token}"}
    with site.served().websocket(f"{API}/productions/{production.id}/events", headers) as socket:
        with site.engine.begin() as conn:
            conn.execute(delete(tables.memberships).where(tables.memberships.c.user_id == user.id))
            changes.notify(conn, production.id, version.id, "state")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


def test_a_page_gets_at_most_five_messages_a_second(site: Site) -> None:
    user = site.user()
    production = site.production(reviewer=user)
    version, (_, token) = site.version(production, user), login_of(site, user)
    headers = {"Origin": ORIGIN, "Cookie": f"reelkeep_login={token}"}
    with site.served().websocket(f"{API}/productions/{production.id}/events", headers) as socket:
        began, received = time.monotonic(), 0
        while time.monotonic() < began + 1 or received < 2:
            with site.engine.begin() as conn:
                changes.notify(conn, production.id, version.id, "segments")
            with contextlib.suppress(TimeoutError):
                socket.recv(0.01)
                received += 1
    assert received <= 1 + 5 * (time.monotonic() - began)


@pytest.mark.parametrize("origin", [None, "http://evil.example"])
def test_another_sites_page_cannot_listen_with_the_cookie(site: Site, origin: str | None) -> None:
    user = site.user()
    production = site.production(reviewer=user)
    _, token = login_of(site, user)
    headers = {"Cookie": f"reelkeep_login={token}"} | ({"Origin": origin} if origin else {})
    with pytest.raises(InvalidStatus):
        site.served().websocket(f"{API}/productions/{production.id}/events", headers)


def test_a_stranger_cannot_listen(site: Site) -> None:
    production, (_, token) = site.production(), login_of(site, site.user())
    headers = {"Origin": ORIGIN, "Cookie": f"reelkeep_login={token}"}
    with pytest.raises(InvalidStatus):
        site.served().websocket(f"{API}/productions/{production.id}/events", headers)
