"""The one rule of placement, the states of connections, and stores that end with their connection's use."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from tests.services.wording import check_words

from reelkeep.catalog.lifecycle import step
from reelkeep.errors import Conflict, StorageSetupError, sentence
from reelkeep.ids import CompanyId, ConnectionId, GrantId, ProductionId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.connection_states import CONNECTION_STEPS, ConnectionState, Revocation
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession, WrappingKey
from reelkeep.storage.placement import COMPANY, HOSTED, InheritedFrom, check_resumable, resolve, usable

FILM, OTHER = ProductionId("film"), ProductionId("other")


def connection(name: str, state: ConnectionState = ConnectionState.ACTIVE) -> StorageConnection:
    return StorageConnection(
        ConnectionId(name), "b", "r", "", "arn", "x", None, None, False, frozenset(), name=name, state=state
    )


OURS = {ConnectionId(name): connection(name) for name in ("own", "company", "hosted")}
PLACED = {FILM: ConnectionId("own"), COMPANY: ConnectionId("company"), HOSTED: ConnectionId("hosted")}


@pytest.mark.parametrize(
    ("production", "left_out", "name", "inherited_from"),
    [
        (FILM, (), "own", InheritedFrom.PRODUCTION),
        (OTHER, (), "company", InheritedFrom.COMPANY),
        (None, (), "company", InheritedFrom.COMPANY),
        (FILM, (FILM,), "company", InheritedFrom.COMPANY),
        (FILM, (FILM, COMPANY), "hosted", InheritedFrom.HOSTED),
        (FILM, (COMPANY, HOSTED), "own", InheritedFrom.PRODUCTION),
    ],
)
def test_the_productions_setting_comes_before_the_companys_and_that_before_the_hosted_one(
    production: ProductionId | None, left_out: tuple[str, ...], name: str, inherited_from: InheritedFrom
) -> None:
    placed = {key: to for key, to in PLACED.items() if key not in left_out}
    found = resolve(production, placed, OURS)
    assert (found.connection.name, found.inherited_from) == (name, inherited_from)


def test_without_any_setting_there_is_no_place() -> None:
    with pytest.raises(StorageSetupError, match="no storage is connected"):
        resolve(FILM, {OTHER: ConnectionId("own")}, OURS)


@pytest.mark.parametrize("state", [one for one in ConnectionState if one is not ConnectionState.ACTIVE])
def test_a_connection_that_is_not_active_is_refused_with_what_to_do(state: ConnectionState) -> None:
    with pytest.raises(StorageSetupError, match="connection reels") as refused:
        usable(connection("reels", state))
    check_words(sentence(refused.value.message), refused.value.advice())


def test_a_connection_that_only_waits_for_another_ones_wrapping_key_is_not_resumed_by_itself() -> None:
    key = WrappingKey("arn:aws:kms:eu-central-1:222222222222:key/k", CompanyId("c"))
    closed = dataclasses.replace(connection("opener", ConnectionState.REVOKED), revoked_by=Revocation.WRAPPING_KEY)
    check_resumable(dataclasses.replace(closed, wrapping_key=key))
    check_resumable(dataclasses.replace(closed, revoked_by=Revocation.BUCKET))
    with pytest.raises(Conflict, match="once the company key opens"):
        check_resumable(closed)


def test_only_a_verified_connection_becomes_active_and_a_retired_one_nothing_any_more() -> None:
    ways = {old for old, new in CONNECTION_STEPS.items() if ConnectionState.ACTIVE in new}
    assert ways == {ConnectionState.VERIFIED}
    assert set(CONNECTION_STEPS) == set(ConnectionState)
    for old, allowed in CONNECTION_STEPS.items():
        for new in set(ConnectionState) - allowed:
            with pytest.raises(Conflict):
                step(CONNECTION_STEPS, old, new)
    assert CONNECTION_STEPS[ConnectionState.RETIRED] == frozenset()


class Broker:
    def __init__(self) -> None:
        self.asked: list[SessionRequest] = []

    def session(self, request: SessionRequest) -> StsSession:
        self.asked.append(request)
        return StsSession("key", "secret", "token", datetime.now(UTC))


class Store:
    """A store that asks for its session at each request."""

    def __init__(self, opened: StorageConnection, sessions) -> None:
        self.opened, self.sessions = opened, sessions

    def head(self, key: str, *, grant: GrantId) -> str:
        self.sessions()
        return self.opened.name


def test_a_store_that_was_open_before_its_connection_was_suspended_gets_no_session_any_more() -> None:
    broker = Broker()
    storage = CompanyStorage(OURS, PLACED, broker, Store, Store)
    store = storage.open(ConnectionId("own"), Purpose.PLAYBACK, "proxies/")
    assert store.head("a", grant=GrantId("g")) == "own"
    off = dataclasses.replace(OURS[ConnectionId("own")], state=ConnectionState.SUSPENDED)
    storage.update({**OURS, off.id: off}, PLACED)
    with pytest.raises(StorageSetupError, match="suspended"):
        store.head("a", grant=GrantId("g"))
    with pytest.raises(StorageSetupError, match="suspended"):
        storage.open(ConnectionId("own"), Purpose.PLAYBACK, "proxies/")
    with pytest.raises(StorageSetupError, match="suspended"):
        storage.place(FILM)  # the company's does not stand in for it
    assert storage.setting(FILM).connection.state is ConnectionState.SUSPENDED
    assert storage.place(OTHER).connection.name == "company"
    assert [one.name for one in storage.connections()] == ["company", "hosted"]
    assert len(storage.all_connections()) == 3
    assert len(broker.asked) == 1
