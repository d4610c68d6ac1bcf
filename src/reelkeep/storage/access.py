"""One company's storage: where new versions are placed, and stores opened for one purpose each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reelkeep.errors import StorageSetupError
from reelkeep.ids import ConnectionId, GrantId, ProductionId
from reelkeep.storage.interface import (
    ObjectStore,
    Purpose,
    RangeReader,
    SessionBroker,
    SessionRequest,
    StorageConnection,
    StsSession,
)

OpenStore = Callable[[StorageConnection, Callable[[], StsSession]], ObjectStore]
OpenReader = Callable[[StorageConnection, Callable[[], StsSession], str, int], RangeReader]


@dataclass(frozen=True)
class Placement:
    connection: StorageConnection
    inherited_from: str  # "production" | "company"


class CompanyStorage:
    """Opens this company's connections. Adapters are given by ``bootstrap``; sessions are asked of the broker.

    Args:
        connections: every connection of the company, also those that only old versions use.
        placements: production id, or "" for the company's default, to the connection for new versions.
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
        self._stores: dict[tuple[ConnectionId, Purpose, str], ObjectStore] = {}

    def update(
        self, connections: Mapping[ConnectionId, StorageConnection], placements: Mapping[str, ConnectionId]
    ) -> None:
        """Take over what the operator has changed. Open stores of changed connections are forgotten."""
        changed = {key for key in self._connections if connections.get(key) != self._connections[key]}
        self._connections, self._placements = dict(connections), dict(placements)
        self._stores = {key: store for key, store in self._stores.items() if key[0] not in changed}

    def place(self, production_id: ProductionId) -> Placement:
        """Return where a new version of the production is stored: its own connection, else the company's (H2).

        Raises:
            StorageSetupError: neither has one; nothing was changed.
        """
        for key, inherited_from in ((str(production_id), "production"), ("", "company")):
            if (connection_id := self._placements.get(key)) is not None:
                return Placement(self._connections[connection_id], inherited_from)
        raise StorageSetupError(
            "no storage is connected for this company yet",
            advice="The operator connects the company's bucket with `reelkeep storage connect`.",
        )

    def connections(self) -> list[StorageConnection]:
        """Return every connection of this company, as it is now."""
        return list(self._connections.values())

    def connection(self, connection_id: ConnectionId) -> StorageConnection:
        """Return a connection of this company; raise StorageSetupError if it was removed."""
        try:
            return self._connections[connection_id]
        except KeyError:
            raise StorageSetupError("the storage connection of this version has been removed") from None

    def open(self, connection_id: ConnectionId, purpose: Purpose, scope: str) -> ObjectStore:
        """Return a store that may do ``purpose`` below ``scope``; its session is renewed by itself."""
        key = (connection_id, purpose, scope)
        if key not in self._stores:
            connection = self.connection(connection_id)
            request = SessionRequest(connection_id, purpose, scope)
            self._stores[key] = self._open_store(connection, lambda: self._broker.session(request))
        return self._stores[key]

    def reader(
        self, connection_id: ConnectionId, key: str, *, scope: str, size_bytes: int, grant: GrantId
    ) -> RangeReader:
        """Return a reader of one object. Its sessions are its own, named after the grant, and renewed by themselves."""
        connection = self.connection(connection_id)
        request = SessionRequest(connection_id, Purpose.READ_ORIGINAL, scope, grant)
        return self._open_reader(connection, lambda: self._broker.session(request), key, size_bytes)
