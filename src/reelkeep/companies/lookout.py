"""Looks whether a company's bucket still lets the platform in, and tells the supervisor when it refuses.

Every process of the company may look at once when it met a refusal; the media process looks all the time while media is
in use (``companies.watch``). What a look costs, and what counts as a refusal, is in ``storage.watch`` and
``storage.refusals``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Engine

from reelkeep.catalog import audit, grants
from reelkeep.catalog.grants import GrantAction
from reelkeep.errors import StorageStopped
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.connection_states import ConnectionState, Revocation, refusal
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.layout import MARKER
from reelkeep.storage.refusals import AWAY, Verdict
from reelkeep.storage.watch import Eye

ASSUME_SECONDS: Final = 8.0  # for STS, and the supervisor's way there
GRANT_LIFE: Final = timedelta(hours=1)
_RENEW_GRANT_SECONDS: Final = GRANT_LIFE.total_seconds() - 60
_WATCHED: Final = frozenset({ConnectionState.ACTIVE, ConnectionState.REVOKED})


class Teller(Protocol):
    """The link to the supervisor, as far as a lookout needs it."""

    def fresh_session(self, request: SessionRequest, *, timeout_seconds: float) -> StsSession: ...

    def call(self, kind: str, /, *, timeout_seconds: float | None = ..., **fields: object) -> Mapping[str, Any]: ...


class Lookout:
    """Thread-safe: one look at a connection at a time, later askers get their own."""

    def __init__(self, storage: CompanyStorage, engine: Engine, link: Teller) -> None:
        self._storage, self._engine, self._link = storage, engine, link
        self._lock = threading.Lock()
        self._eyes: dict[ConnectionId, tuple[StorageConnection, Eye, threading.Lock]] = {}

    def look(self, connection_id: ConnectionId) -> Verdict:
        """Look at a connection; one in use that refuses is *revoked* when this returns.

        Hosted storage is not looked at, nor is a connection in any other state: AWAY.
        """
        found = self._eye(connection_id)
        if found is None:
            return AWAY
        connection, eye, alone = found
        with alone:
            told = eye.look()
        if told.is_refused and connection.state is ConnectionState.ACTIVE and told.by is not None:
            self.refused(connection_id, told.by)
        return told

    def refused(self, connection_id: ConnectionId, by: Revocation) -> None:
        """Have a connection in use *revoked*, since it refuses; one that is not in use stays what it is."""
        answer = self._link.call("refused", connection_id=connection_id, by=by.value)
        if answer.get("revoked") is True:
            self.record("storage.revoked", connection_id, by=by.value)

    def refuses(self, connection_id: ConnectionId) -> StorageStopped | None:
        """Return why a connection is not used, after a look if it seems to be: for whoever met a refusal there."""
        try:
            connection = self._storage.connection(connection_id)
        except StorageStopped as stopped:
            return stopped
        told = self.look(connection_id)
        why = refusal(ConnectionState.REVOKED, connection.name or connection.bucket, told.by)
        return StorageStopped(why[0], advice=why[1]) if told.is_refused and why else None

    def record(self, what: str, connection_id: ConnectionId, **details: str) -> None:
        """Add an event about a connection to the company's audit record."""
        with self._engine.begin() as conn:
            audit.record(conn, what, connection_id, None, **details)

    def _eye(self, connection_id: ConnectionId) -> tuple[StorageConnection, Eye, threading.Lock] | None:
        wanted = next((one for one in self._storage.all_connections() if one.id == connection_id), None)
        if wanted is None or wanted.is_hosted or wanted.state not in _WATCHED:
            return None
        with self._lock:
            kept = self._eyes.get(connection_id)
            if kept is None or kept[0] != wanted:
                kept = self._eyes[connection_id] = (wanted, self._open(wanted), threading.Lock())
            return kept

    def _open(self, connection: StorageConnection) -> Eye:
        request = SessionRequest(connection.id, Purpose.WATCH, MARKER)
        return Eye(
            connection,
            lambda: self._link.fresh_session(request, timeout_seconds=ASSUME_SECONDS),
            _Grants(self._engine, connection.id).current,
        )


class _Grants:
    """The grant of looks at one connection, a new one each hour."""

    def __init__(self, engine: Engine, connection_id: ConnectionId) -> None:
        self._engine, self._reason = engine, f"watching storage connection {connection_id}"
        self._grant: GrantId | None = None
        self._until = 0.0

    def current(self) -> GrantId:
        if self._grant is None or time.monotonic() >= self._until:
            expires_at = datetime.now(UTC) + GRANT_LIFE
            with self._engine.begin() as conn:
                self._grant = grants.record(conn, GrantAction.WATCH, MARKER, self._reason, expires_at=expires_at)
            self._until = time.monotonic() + _RENEW_GRANT_SECONDS
        return self._grant
