"""What crosses the link when a process is born or its company's storage changes, as plain JSON. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelkeep.ids import ConnectionId
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.interface import Capability, StorageConnection, WrappingKey
from reelkeep.storage.private_endpoints import PrivateEndpoints
from reelkeep.storage.refusals import Answer

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


def seen_fields(seen: Mapping[ConnectionId, Answer]) -> dict[str, Any]:
    """Return the fields of a ``seen`` push: what the watch saw last at each connection that it looks at."""
    return {"seen": {connection_id: answer.value for connection_id, answer in seen.items()}}


def seen_from_fields(fields: Mapping[str, Any]) -> dict[ConnectionId, Answer]:
    """Return what ``seen_fields`` wrote down.

    >>> seen_from_fields(seen_fields({ConnectionId("c"): Answer.AWAY}))
    {'c': <Answer.AWAY: 'away'>}
    """
    return {ConnectionId(key): Answer(value) for key, value in fields["seen"].items()}


def _connection_fields(connection: StorageConnection) -> dict[str, Any]:
    return {
        **vars(connection),
        "capabilities": sorted(one.value for one in connection.capabilities),
        "state": connection.state.value,
        "revoked_by": connection.revoked_by.value if connection.revoked_by else None,
        "private": vars(connection.private) if connection.private else None,
        "wrapping_key": {**vars(key), "probe": key.probe.hex()} if (key := connection.wrapping_key) else None,
    }


def _connection_from_fields(fields: Mapping[str, Any]) -> StorageConnection:
    capabilities = frozenset(map(Capability, fields["capabilities"]))
    values = {
        "capabilities": capabilities,
        "state": ConnectionState(fields["state"]),
        "revoked_by": Revocation(fields["revoked_by"]) if fields["revoked_by"] else None,
        "wrapping_key": WrappingKey(**{**key, "probe": bytes.fromhex(key["probe"])})
        if (key := fields["wrapping_key"])
        else None,
        "links_from": tuple(fields["links_from"]),
        "private": PrivateEndpoints(**fields["private"]) if fields["private"] else None,
    }
    return StorageConnection(**{**fields, **values})
