"""Opens the company key in a process of the company, where the company's own key wraps it.

The supervisor takes the operator's half off and never sees what is within: this process asks the company's KMS for it,
with a session that may do nothing else. What KMS refuses makes no process die: the connection is revoked, like one
whose bucket refuses, and the process goes on without the key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from reelkeep.companies.lookout import Lookout
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import DependencyError, IsolationError, StorageRefused, StorageSetupError
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.connection_states import Revocation
from reelkeep.storage.interface import (
    KeyWrapping,
    Purpose,
    SessionRequest,
    StorageConnection,
    StsSession,
    Wrapped,
)
from reelkeep.storage.session_policy import WHOLE

ASSUME_SECONDS: Final = 8.0
AGAIN_SECONDS: Final = 1.0
AWAY_SECONDS: Final = 30.0  # and one more answer is awaited: all of it below supervisor.linked.READY_SECONDS
TRIES_WHEN_REFUSED: Final = 2  # a refusal is asked about once more with a fresh session, as by storage.watch

OpenWrapping = Callable[[StorageConnection, Callable[[], StsSession]], KeyWrapping]


class FreshSessions(Protocol):
    """The link to the supervisor, as far as it is needed here."""

    def fresh_session(self, request: SessionRequest, *, timeout_seconds: float) -> StsSession: ...


def open_company_key(
    storage: CompanyStorage,
    wrapped: bytes,
    sessions: FreshSessions,
    open_wrapping: OpenWrapping,
    lookout: Lookout,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> CompanyKey | None:
    """Return the company key, or None where the company's own key, or its role, refuses.

    Then the connection is *revoked* when this returns, and ``storage`` uses none any more.

    Raises:
        DependencyError: KMS, STS or the registry does not answer for some time. IsolationError: nothing can open it.
    """
    connection = next((one for one in storage.all_connections() if one.wrapping_key is not None), None)
    if connection is None:
        raise IsolationError("the company key is wrapped by a key that no storage connection leads to")
    request = SessionRequest(connection.id, Purpose.UNWRAP, WHOLE)
    wrapping = open_wrapping(connection, lambda: sessions.fresh_session(request, timeout_seconds=ASSUME_SECONDS))
    try:
        return CompanyKey(_unwrapped(wrapping, wrapped, pause, clock))
    except StorageSetupError as error:
        by = Revocation.ROLE if isinstance(error, StorageRefused) else Revocation.WRAPPING_KEY
    lookout.refused(connection.id, by)
    storage.close(by)
    return None


def _unwrapped(
    wrapping: KeyWrapping, wrapped: bytes, pause: Callable[[float], None], clock: Callable[[], float]
) -> bytes:
    refused, began = 0, clock()
    while True:
        try:
            return wrapping.unwrap(wrapped, Wrapped.COMPANY_KEY)
        except StorageSetupError:
            refused += 1
            if refused == TRIES_WHEN_REFUSED:
                raise
        except DependencyError:
            if clock() - began > AWAY_SECONDS:
                raise
        pause(AGAIN_SECONDS)
