"""Every route of the API, called with ids of another production and of another company: they name nothing.

Routes, parameters and bodies come from the OpenAPI document, so that a new route takes part by itself. One for whose
ids no object stands here yet fails and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIWebSocketRoute
from sqlalchemy import Engine, select
from tests.services.api_document import NO_IDS, Route, query_parameters, routes
from tests.services.databases import MakeCompany
from tests.services.sites import ORIGIN, Making, Site, login_of, open_site
from websockets.exceptions import InvalidStatus

from reelkeep.catalog import members, storage_audits
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Role
from reelkeep.catalog.tables import metadata
from reelkeep.companies import provisioning
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.lookout import Lookout
from reelkeep.companies.registry import Company
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.ids import ProductionId, new_id
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Capability
from reelkeep.web.app import ROUTERS, make_app

API: Final = "/api/v1"
FIT: Final = frozenset({Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32})
CRC32: Final = "NhCmhg=="  # of b"hello"
OF_THE_COMPANY: Final = {"members", "connections"}  # these belong to a whole company, and to no production
ADMINS_ALONE: Final = (  # 403 for everybody else, whatever the id; to admins what is not theirs is not there
    f"{API}/storage/",
    f"{API}/support",
)
ONE_BY_ONE: Final = (
    f"POST {API}/productions/{{production_id}}/small-uploads/complete"  # 200, and not_found in its place
)
MINE_IS_NOT_THERE_EITHER: Final = {
    f"POST {API}/versions/{{version_id}}/frames/downloads": "a film has no frame 1 to download",
}


class Nothing(dict[str, str]):
    """Ids of nothing at all."""

    def __missing__(self, collection: str) -> str:
        self[collection] = new_id()
        return self[collection]


@dataclass
class Companies:
    """A company whose API is called by two of its people, and another one."""

    here: Site
    there: Site
    member: User  # administers a production, and no more
    admin: User  # of the company

    def strangers(self) -> dict[str, Mapping[str, str]]:
        """Return ids that are not the callers', by whose they are."""
        return {
            "nobody": Nothing(),
            "another company": objects(self.there, self.there.user("Zoe")),
            "another production": objects(self.here, self.here.user("Eve")),
        }

    def rows(self) -> dict[str, list[Any]]:
        """Return every row of both databases."""
        found = {}
        for site in (self.here, self.there):
            with site.engine.connect() as conn:
                for table in metadata.sorted_tables:
                    found[f"{site.handle.slug} {table.name}"] = conn.execute(select(table)).all()
        return found


def signed_in(site: Site, user: User) -> httpx.Client:
    """Return a client of a page of the user's, without the work of checking a password."""
    _, token = login_of(site, user)
    return site.served().client(Origin=ORIGIN, Cookie=f"reelkeep_login={token}")


def objects(site: Site, user: User) -> dict[str, str]:
    """Return one object of each collection, all in a fresh production that the user administers."""
    client, production = signed_in(site, user), site.production(production_admin=user)
    version, here = site.version(production, user), f"{API}/productions/{production.id}"
    Making(site, version, with_audio=False).publish("v360", 0)

    def made(path: str, **form: object) -> dict[str, Any]:
        answer = client.post(path, json=form)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    small = {"file_name": "a.wav", "size_bytes": 5, "crc32": CRC32, "client_key": "s"}
    frames = {"first_file": "s.1001.exr", "last_file": "s.1002.exr", "files": 2, "size_bytes": 9, "client_key": "f"}
    return {
        "productions": production.id,
        "versions": version.id,
        "assets": version.asset_id,
        "uploads": made(f"{here}/uploads", file_name="b.mov", size_bytes=5)["id"],
        "small-uploads": made(f"{here}/small-uploads", files=[small])["uploads"][0]["id"],
        "sequences": made(f"{here}/sequences", **frames)["id"],
        "luts": made(f"{here}/luts", file_name="look.cube", size_bytes=5, crc32=CRC32)["id"],
        "comments": made(f"{API}/versions/{version.id}/comments", frame=0, text="too dark")["id"],
        "members": user.id,
        "connections": site.connection.id,
        "audits": audit_of(site),
    }


def audit_of(site: Site) -> str:
    """Return a kept audit of the company's bucket that found something fresh."""
    body = {"found": {"foreign": 1}, "fresh": {"foreign": 1}, "gone": 0, "named": [], "settings": [], "notes": []}
    body |= {"objects": 1, "bytes": 1}
    with site.engine.begin() as conn:
        now = datetime.now(UTC)
        return storage_audits.keep(conn, site.connection.id, now, is_clean=False, fresh=1, body=body, marks=[])


@pytest.fixture
def companies(
    postgres_server: DatabaseServer,
    keyring: LocalKeyring,
    make_company: MakeCompany,
    company: Company,
    company_database: Engine,
) -> Iterator[Companies]:
    other = make_company("Borealis")
    engine = provisioning.app_engine(postgres_server, keyring, other)
    here, there = open_site(company, company_database, FIT), open_site(other, engine, FIT)
    here.handle = replace(here.handle, lookout=Lookout(here.handle.storage, here.engine, Silent()))
    yield Companies(here, there, here.user("Ada"), here.user("Root", is_company_admin=True))
    here.close()
    there.close()
    engine.dispose()


class Silent:
    """A link to a supervisor that answers nothing, and need not."""


def document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = make_app(site.handle).inner.openapi()
    return found


def with_ids(site: Site) -> list[Route]:
    return [route for route in routes(document(site)) if route.places()]


def cases(route: Route, mine: Mapping[str, str], theirs: Mapping[str, str], whose: str) -> Iterator[Mapping[str, str]]:
    """Yield the ids of calls that must fail: all of a stranger's, then one of them among the caller's own."""
    places = route.places()
    yield {place: theirs[place] for place in places}
    for place in places if len(places) > 1 else ():
        if whose != "another production" or place not in OF_THE_COMPANY:
            yield {**{name: mine[name] for name in places}, place: theirs[place]}


def call(client: httpx.Client, route: Route, ids: Mapping[str, str]) -> httpx.Response:
    return client.request(route.method, route.url(ids), json=route.form(ids))


def problem(route: Route, answer: httpx.Response, is_mine: bool, caller: User) -> str:
    """Say what is wrong with an answer to a call with a stranger's id; nothing if it is as it must be.

    Args:
        is_mine: the production in the path is the caller's own.
    """
    if route.name == ONE_BY_ONE and is_mine and answer.status_code == 200:
        codes = [one["error"]["code"] for one in answer.json()["uploads"]]
        return "" if codes == ["not_found"] else answer.text
    is_refused = route.path.startswith(ADMINS_ALONE) and not caller.is_company_admin
    wanted = (403, "forbidden") if is_refused else (404, "not_found")
    code = answer.json().get("error", {}).get("code") if answer.content else None
    return "" if (answer.status_code, code) == wanted else f"{answer.status_code} {answer.text[:200]}"


def told(answer: httpx.Response, ids: Mapping[str, str]) -> tuple[int, str]:
    """Return an answer less the ids that were asked for."""
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status_code, text


CALLERS: Final = (
    ("member", ConnectionState.ACTIVE),
    ("member", ConnectionState.SUSPENDED),
    ("admin", ConnectionState.ACTIVE),
)


def test_ids_of_another_production_or_company_name_nothing_on_any_route(companies: Companies) -> None:
    """Nor does the answer tell whose they are, whatever the state of the storage; and nothing is changed."""
    here, wrong = companies.here, {}
    mine = objects(here, companies.member)
    with here.engine.begin() as conn:
        members.put(conn, ProductionId(mine["productions"]), companies.admin.id, Role.PRODUCTION_ADMIN)
    strangers, found = companies.strangers(), with_ids(here)
    clients = {who: signed_in(here, getattr(companies, who)) for who, _ in CALLERS}
    rows, requests = companies.rows(), list(here.bucket.log)
    for who, state in CALLERS:
        caller = getattr(companies, who)
        client = clients[who]
        connection = replace(here.connection, state=state)
        here.handle.storage.update({connection.id: connection}, {"": connection.id})
        for route in found:
            answers: dict[str, set[tuple[int, str]]] = {}
            for whose, theirs in strangers.items():
                if whose == "another production" and caller.is_company_admin:
                    continue  # to whom every production of the company is open
                for ids in cases(route, mine, theirs, whose):
                    answer = call(client, route, ids)
                    is_mine = ids.get("productions") == mine["productions"]
                    if text := problem(route, answer, is_mine, caller):
                        wrong[f"{who}, {state.value}: {route.name} with ids of {whose}: {sorted(ids)}"] = text
                    answers.setdefault(whose, set()).add(told(answer, ids))
            if not all(each <= answers["nobody"] for each in answers.values()):
                wrong[f"{who}, {state.value}: {route.name} tells whose they are"] = str(answers)
    assert wrong == {}
    assert companies.rows() == rows
    assert here.bucket.log == requests


def test_the_same_calls_with_the_callers_own_ids_reach_something(companies: Companies) -> None:
    """Or the refusals would show nothing: a route that is not there refuses everybody."""
    here, admin = companies.here, companies.admin
    client, mine = signed_in(here, admin), objects(here, admin)
    found = sorted(with_ids(here), key=lambda route: (route.method == "DELETE", route.path))  # a version goes last
    status = {route.name: call(client, route, mine).status_code for route in found}
    assert {name for name, code in status.items() if code in (404, 405, 422)} == set(MINE_IS_NOT_THERE_EITHER)
    assert len(found) > 40


def test_every_id_that_a_route_takes_is_known_here(site: Site) -> None:
    """A field or parameter that looks like an id is listed as one of a collection, or as none, with the reason."""
    paper = document(site)
    assert [unknown for route in routes(paper) for unknown in route.unknown_ids()] == []
    assert query_parameters(paper) - set(NO_IDS) == set()


def test_no_page_can_listen_to_another_production_or_company(companies: Companies) -> None:
    here, caller = companies.here, companies.member
    mine, strangers, (_, token) = objects(here, caller), companies.strangers(), login_of(here, caller)
    headers = {"Origin": ORIGIN, "Cookie": f"reelkeep_login={token}"}
    sockets = [each for router in ROUTERS for each in router.routes if isinstance(each, APIWebSocketRoute)]
    assert sockets
    for each in sockets:
        route = Route("GET", f"{API}{each.path}", None, {})
        with here.served().websocket(route.url(mine), headers):
            pass
        for theirs in strangers.values():
            with pytest.raises(InvalidStatus, match="403"):
                here.served().websocket(route.url(theirs), headers)
