"""One company's storage: where new versions are placed, and stores opened for one purpose each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from reelkeep.errors import StorageStopped
from reelkeep.ids import ConnectionId, GrantId, ProductionId
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.interface import (
    ObjectStore,
    Purpose,
    RangeReader,
    SessionBroker,
    SessionRequest,
    StorageConnection,
    StsSession,
)
from reelkeep.storage.placement import Placement, resolve, usable
from reelkeep.storage.refusals import Answer

OpenStore = Callable[[StorageConnection, Callable[[], StsSession]], ObjectStore]
OpenReader = Callable[[StorageConnection, Callable[[], StsSession], str, int], RangeReader]
OnChange = Callable[[frozenset[ConnectionId]], None]


class CompanyStorage:
    """Opens this company's connections. Adapters are given by ``bootstrap``; sessions are asked of the broker.

    Args:
        connections: every connection of the company, also those that only old versions use, or nobody may use now.
        placements: production id, or ``placement.COMPANY`` or ``HOSTED``, to the connection for new versions.
    """

    def __init__(
        self,
        connections: Mapping[ConnectionId, StorageConnection],
        placements: Mapping[str, ConnectionId],
        broker: SessionBroker,
        open_store: OpenStore,
        open_reader: OpenReader,
    ) -> None:
        self._connections = dict(connections)
        self._placements = dict(placements)
        self._broker = broker
        self._open_store = open_store
        self._open_reader = open_reader
        self._stores: dict[SessionRequest, ObjectStore] = {}
        self._seen: dict[ConnectionId, Answer] = {}
        self._listeners: list[OnChange] = []

    def on_change(self, listener: OnChange) -> None:
        """Have ``listener`` called, in another thread, when connections changed, with those that just went out of use.

        Also when what is seen of one changed (``seen``).
        """
        self._listeners.append(listener)

    def note_seen(self, seen: Mapping[ConnectionId, Answer]) -> None:
        """Take over what the watch sees at the connections that it looks at."""
        self._seen = dict(seen)
        self._tell(frozenset())

    def seen(self, connection_id: ConnectionId) -> Answer | None:
        """Return what was seen last at a connection; None if nobody looks now."""
        return self._seen.get(connection_id)

    def _tell(self, stopped: frozenset[ConnectionId]) -> None:
        for listener in self._listeners:
            listener(stopped)

    def update(
        self, connections: Mapping[ConnectionId, StorageConnection], placements: Mapping[str, ConnectionId]
    ) -> None:
        """Take over what the operator has changed. Open stores of changed connections are forgotten."""
        changed = {key for key in self._connections if connections.get(key) != self._connections[key]}
        before = {one.id for one in self.connections()}
        self._connections, self._placements = dict(connections), dict(placements)
        self._stores = {key: store for key, store in self._stores.items() if key.connection_id not in changed}
        self._tell(frozenset(before - {one.id for one in self.connections()}))

    def close(self, by: Revocation) -> None:
        """Use no connection any more, since ``by`` refuses, until the supervisor tells of their state again."""
        closed = {
            one.id: replace(one, state=ConnectionState.REVOKED, revoked_by=by)
            if one.state is ConnectionState.ACTIVE
            else one
            for one in self._connections.values()
        }
        self.update(closed, self._placements)

    def place(self, production_id: ProductionId) -> Placement:
        """Return where a new version of the production is stored (H2).

        Raises:
            StorageSetupError: there is no setting, or its connection is not in use: another one does not stand in.
        """
        placement = self.setting(production_id)
        usable(placement.connection)
        return placement

    def setting(self, production_id: ProductionId | None) -> Placement:
        """Return the setting for new versions, whether its connection is in use or not; None: of the company."""
        return resolve(production_id, self._placements, self._connections)

    def connections(self) -> list[StorageConnection]:
        """Return the connections of this company that are in use now."""
        return [one for one in self._connections.values() if one.state is ConnectionState.ACTIVE]

    def all_connections(self) -> list[StorageConnection]:
        """Return every connection of this company that is not retired, whatever its state."""
        return list(self._connections.values())

    def connection(self, connection_id: ConnectionId) -> StorageConnection:
        """Return a connection of this company; raise StorageStopped if it is gone or not in use."""
        try:
            return usable(self._connections[connection_id])
        except KeyError:
            raise StorageStopped("the storage connection of this version has been removed") from None

    def open(self, connection_id: ConnectionId, purpose: Purpose, scope: str) -> ObjectStore:
        """Return a store that may do ``purpose`` below ``scope``; its session is renewed by itself."""
        return self._opened(SessionRequest(connection_id, purpose, scope))

    def open_links(self, connection_id: ConnectionId, purpose: Purpose, scope: str) -> ObjectStore:
        """Return a store that signs links for clients and does nothing else: of a closed site they die elsewhere.

        The platform's own requests come from the platform's network, so they need the session of ``open``.
        """
        links_from = self.connection(connection_id).links_from
        return self._opened(SessionRequest(connection_id, purpose, scope, links_from=links_from))

    def _opened(self, request: SessionRequest) -> ObjectStore:
        connection = self.connection(request.connection_id)
        if request not in self._stores:
            self._stores[request] = self._open_store(connection, lambda: self._session(request))
        return self._stores[request]

    def reader(
        self, connection_id: ConnectionId, key: str, *, scope: str, size_bytes: int, grant: GrantId
    ) -> RangeReader:
        """Return a reader of one object. Its sessions are its own, named after the grant, and renewed by themselves."""
        connection = self.connection(connection_id)
        request = SessionRequest(connection_id, Purpose.READ_ORIGINAL, scope, grant)
        return self._open_reader(connection, lambda: self._session(request), key, size_bytes)

    def _session(self, request: SessionRequest) -> StsSession:
        """Return a session for the next request; a store whose connection was switched off since gets none."""
        self.connection(request.connection_id)
        return self._broker.session(request)
