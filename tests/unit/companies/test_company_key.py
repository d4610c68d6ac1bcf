"""How a process opens a company key that the company's own key wraps, and what it does where that key refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.storage.test_session_policy import WRAPPING, connection

from reelkeep.companies.company_key import AGAIN_SECONDS, AWAY_SECONDS, TRIES_WHEN_REFUSED, open_company_key
from reelkeep.errors import DependencyError, IsolationError, ReelkeepError, StorageRefused, StorageStopped
from reelkeep.ids import ConnectionId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.interface import StorageConnection, StsSession, Wrapped
from reelkeep.storage.kms import WrappingKeyClosed

KEY = bytes(range(32))
OPENER = connection(id=ConnectionId("opener"), wrapping_key=WRAPPING)
OTHER = connection(id=ConnectionId("other"))


@dataclass
class Kms:
    """Stands in for the company's key: answers in order, and with the last for good."""

    answers: list[bytes | ReelkeepError]
    asked: list[tuple[bytes, Wrapped]] = field(default_factory=list)

    def open(self, connection: StorageConnection, sessions: Callable[[], StsSession]) -> Kms:
        assert connection is OPENER
        return self

    def wrap(self, plain: bytes, what: Wrapped) -> bytes:
        raise NotImplementedError

    def unwrap(self, wrapped: bytes, what: Wrapped) -> bytes:
        self.asked.append((wrapped, what))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ReelkeepError):
            raise answer
        return answer


@dataclass
class Told:
    """Stands in for the lookout and the link: remembers what was refused."""

    refusals: list[tuple[str, Revocation]] = field(default_factory=list)

    def refused(self, connection_id: ConnectionId, by: Revocation) -> None:
        self.refusals.append((connection_id, by))


def storage(*connections: StorageConnection) -> CompanyStorage:
    def unused(*_: Any) -> Any:
        raise NotImplementedError

    return CompanyStorage({one.id: one for one in connections}, {}, None, unused, unused)  # type: ignore[arg-type]


def opened(kms: Kms, stored: CompanyStorage, told: Told) -> Any:
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    return open_company_key(
        stored,
        b"wrapped",
        None,
        kms.open,
        told,
        pause=pause,
        clock=lambda: now[0],  # type: ignore[arg-type]
    )


def test_the_key_is_unwrapped_as_a_company_key_and_nothing_else_changes() -> None:
    kms, told, stored = Kms([DependencyError(), KEY]), Told(), storage(OTHER, OPENER)
    assert opened(kms, stored, told).reveal() == KEY
    assert kms.asked == [(b"wrapped", Wrapped.COMPANY_KEY)] * 2
    assert not told.refusals
    assert len(stored.connections()) == 2


@pytest.mark.parametrize(
    ("error", "by"), [(WrappingKeyClosed(), Revocation.WRAPPING_KEY), (StorageRefused(), Revocation.ROLE)]
)
def test_a_refusal_that_stays_revokes_the_connection_and_leaves_the_process_without_any(
    error: ReelkeepError, by: Revocation
) -> None:
    kms, told, stored = Kms([error]), Told(), storage(OTHER, OPENER)
    assert opened(kms, stored, told) is None
    assert len(kms.asked) == TRIES_WHEN_REFUSED
    assert told.refusals == [(OPENER.id, by)]
    assert stored.connections() == []
    with pytest.raises(StorageStopped, match="taken back the right"):
        stored.connection(OTHER.id)


def test_one_refusal_alone_is_asked_about_once_more() -> None:
    told = Told()
    assert opened(Kms([WrappingKeyClosed(), KEY]), storage(OPENER), told).reveal() == KEY
    assert not told.refusals


def test_a_key_service_that_stays_away_revokes_nothing() -> None:
    kms, told, stored = Kms([DependencyError()]), Told(), storage(OPENER)
    with pytest.raises(DependencyError):
        opened(kms, stored, told)
    assert len(kms.asked) == AWAY_SECONDS / AGAIN_SECONDS + 2  # the last try is after that time
    assert not told.refusals
    assert stored.connections() == [OPENER]


def test_without_a_connection_that_leads_to_the_key_nothing_is_asked() -> None:
    kms = Kms([KEY])
    with pytest.raises(IsolationError):
        opened(kms, storage(OTHER, dataclasses.replace(OTHER, state=ConnectionState.SUSPENDED)), Told())
    assert not kms.asked
