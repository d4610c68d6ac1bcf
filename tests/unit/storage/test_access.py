"""Stores of a company: links are signed with sessions of their own, which carry a closed site's networks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from reelkeep.ids import ConnectionId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession

HERE = ConnectionId("here")
STUDIO, OFFICE = ("198.41.0.0/24",), ("198.41.7.0/24",)


class Recording:
    """A broker that writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[SessionRequest] = []

    def session(self, request: SessionRequest) -> StsSession:
        self.asked.append(request)
        return StsSession("id", "secret", "token", datetime.now(UTC) + timedelta(hours=1))


def connection(links_from: tuple[str, ...]) -> StorageConnection:
    return StorageConnection(
        HERE, "acme", "us-east-1", "", "arn:role", "x", None, None, False, frozenset(), links_from=links_from
    )


def test_links_and_own_requests_have_sessions_of_their_own_and_a_new_policy_makes_new_ones() -> None:
    broker = Recording()

    def open_store(_: StorageConnection, session: Callable[[], StsSession]) -> Any:
        return session

    storage = CompanyStorage({HERE: connection(STUDIO)}, {}, broker, open_store, None)  # type: ignore[arg-type]
    opened: list[Any] = [storage.open(HERE, Purpose.UPLOAD, "s/"), storage.open_links(HERE, Purpose.UPLOAD, "s/")]
    storage.update({HERE: connection(OFFICE)}, {})
    opened += [storage.open_links(HERE, Purpose.UPLOAD, "s/")]
    storage.update({HERE: connection(())}, {})
    opened += [storage.open_links(HERE, Purpose.UPLOAD, "s/")]
    for session in opened:
        session()
    assert [request.links_from for request in broker.asked] == [(), STUDIO, OFFICE, ()]
