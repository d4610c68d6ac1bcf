"""What crosses the link when a process is born or its company's storage changes, as plain JSON. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelkeep.ids import ConnectionId
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Capability, StorageConnection

Connections = Mapping[ConnectionId, StorageConnection]
Placements = Mapping[str, ConnectionId]


def storage_fields(connections: Connections, placements: Placements) -> dict[str, Any]:
    """Return the fields ``connections`` and ``placements`` of a birth or of a ``storage`` push."""
    return {"connections": [_connection_fields(one) for one in connections.values()], "placements": dict(placements)}


def storage_from_fields(fields: Mapping[str, Any]) -> tuple[Connections, Placements]:
    """Return what ``storage_fields`` wrote down.

    >>> storage_from_fields(storage_fields({}, {"": ConnectionId("c")}))
    ({}, {'': 'c'})
    """
    connections = [_connection_from_fields(one) for one in fields["connections"]]
    return {one.id: one for one in connections}, {key: ConnectionId(to) for key, to in fields["placements"].items()}


def _connection_fields(connection: StorageConnection) -> dict[str, Any]:
    return {
        **vars(connection),
        "capabilities": sorted(one.value for one in connection.capabilities),
        "state": connection.state.value,
    }


def _connection_from_fields(fields: Mapping[str, Any]) -> StorageConnection:
    capabilities = frozenset(map(Capability, fields["capabilities"]))
    return StorageConnection(**{**fields, "capabilities": capabilities, "state": ConnectionState(fields["state"])})
