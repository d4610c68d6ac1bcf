from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.services.sites import PASSWORD, Site, login_of

from reelkeep.catalog import login_sessions, members, passwords, people, productions, tables
from reelkeep.catalog.roles import ALLOWED, Action, Role
from reelkeep.errors import Conflict, Forbidden, NotFound, RequestError, SignInRequired
from reelkeep.ids import ProductionId, new_id


def test_a_password_is_kept_as_an_argon2id_hash(site: Site) -> None:
    user = site.user()
    with site.engine.begin() as conn:
        kept = conn.scalar(select(tables.users.c.password_hash).where(tables.users.c.id == user.id))
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


def test_an_unknown_account_costs_the_same_work_as_a_wrong_password() -> None:
    from argon2 import extract_parameters

    nobody, somebody = (extract_parameters(each) for each in (passwords._NOBODY, passwords.hash_password(PASSWORD)))
    assert nobody == somebody
    assert not passwords.matches(None, PASSWORD)


@pytest.mark.parametrize(
    "changed",
    [
        {"email": "no address"}, {"email": "a@b@c"}, {"email": "a@" + "b" * 300}, {"name": " "}, {"name": "x" * 121},
        {"name": "Ada\u202e"}, {"name": "A\x00da"}, {"password": "short"}, {"password": "x" * 257},
    ],
)  # fmt: skip
def test_a_user_with_an_unfit_address_name_or_password_is_refused(site: Site, changed: dict[str, str]) -> None:
    fields = {"email": "ada@example.org", "name": "Ada", "password": PASSWORD} | changed
    with site.engine.begin() as conn, pytest.raises(RequestError):
        people.create(conn, **fields)


def test_one_address_has_one_account_whatever_its_case(site: Site) -> None:
    with site.engine.begin() as conn:
        user = people.create(conn, email="Ada@Example.org", name="Ada", password=PASSWORD)
        with pytest.raises(Conflict):
            people.create(conn, email="ADA@example.org", name="Other", password=PASSWORD)
        assert people.check_password(conn, email="aDA@example.org", password=PASSWORD) == user
        assert people.check_password(conn, email="ada@example.org", password=PASSWORD + "x") is None


def test_a_login_session_is_found_by_its_token_until_it_ends(site: Site) -> None:
    user = site.user()
    login, token = login_of(site, user)
    with site.engine.begin() as conn:
        assert login_sessions.find(conn, token).user == user
        login_sessions.end(conn, login.id)
        for unknown in (token, "", "x", token + "x"):
            with pytest.raises(SignInRequired):
                login_sessions.find(conn, unknown)


def test_a_new_password_ends_every_login_session_of_that_user_alone(site: Site) -> None:
    user, other = site.user(), site.user("Ben")
    tokens = [login_of(site, user)[1] for _ in range(2)]
    _, others = login_of(site, other)
    with site.engine.begin() as conn:
        people.set_password(conn, user.id, "another pass phrase")
        for token in tokens:
            with pytest.raises(SignInRequired):
                login_sessions.find(conn, token)
        assert login_sessions.find(conn, others).user == other


def test_productions_of_one_name_get_slugs_of_their_own(site: Site) -> None:
    with site.engine.begin() as conn:
        made = [productions.create(conn, "Läufer") for _ in range(3)] + [productions.create(conn, "🎬")]
        long = [productions.create(conn, "x" * 100).slug for _ in range(2)]
        assert [production.slug for production in made] == ["laufer", "laufer-2", "laufer-3", "unnamed"]
        assert {len(slug) for slug in long} == {40}
        assert all(productions.get(conn, production.id) == production for production in made)


def test_a_stranger_is_told_nothing_and_a_member_what_the_role_lacks(site: Site) -> None:
    for role in Role:
        user = site.user(role.value)
        production = site.production(role.value, **{role.value: user})
        stranger = site.user("Eve")
        with site.engine.begin() as conn:
            for action in Action:
                if action in ALLOWED[role]:
                    assert members.require(conn, user, production.id, action) is role
                else:
                    with pytest.raises(Forbidden):
                        members.require(conn, user, production.id, action)
                with pytest.raises(NotFound):
                    members.require(conn, stranger, production.id, action)


def test_a_company_admin_may_do_everything_in_productions_that_exist(site: Site) -> None:
    admin, production = site.user(is_company_admin=True), site.production()
    with site.engine.begin() as conn:
        assert members.require(conn, admin, production.id, Action.ADMINISTER) is Role.PRODUCTION_ADMIN
        with pytest.raises(NotFound):
            members.require(conn, admin, ProductionId(new_id()), Action.VIEW)


def test_a_second_role_replaces_the_first(site: Site) -> None:
    user = site.user()
    production = site.production(uploader=user)
    with site.engine.begin() as conn:
        members.put(conn, production.id, user.id, Role.VIEWER)
        assert members.role(conn, user, production.id) is Role.VIEWER
        (listed,) = productions.for_user(conn, user)
        assert listed.role is Role.VIEWER
