"""Where a new version is stored: the production's connection, else the company's, else the hosted one. Pure; no I/O.

This is the only place that decides it (promise H2). What it decided is recorded with the version, and whatever belongs
to the version later follows that record, never this rule again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.errors import Conflict, StorageSetupError, StorageStopped
from reelkeep.ids import ConnectionId, ProductionId
from reelkeep.storage.connection_states import refusal
from reelkeep.storage.interface import StorageConnection

COMPANY: Final = ""  # keys of placements beside the productions' ids
HOSTED: Final = "*"


class InheritedFrom(enum.Enum):
    PRODUCTION = "production"  # its own setting
    COMPANY = "company"
    HOSTED = "hosted"  # the operator's storage


@dataclass(frozen=True)
class Placement:
    connection: StorageConnection
    inherited_from: InheritedFrom


def resolve(
    production_id: ProductionId | None,
    placements: Mapping[str, ConnectionId],
    connections: Mapping[ConnectionId, StorageConnection],
) -> Placement:
    """Return the connection for new versions of a production, whatever its state, and where the setting comes from.

    Args:
        production_id: None for a production without a setting of its own.
        placements: production id, COMPANY or HOSTED to a connection.

    Raises:
        StorageSetupError: nobody has a setting.
    """
    keys = [(COMPANY, InheritedFrom.COMPANY), (HOSTED, InheritedFrom.HOSTED)]
    if production_id is not None:
        keys.insert(0, (str(production_id), InheritedFrom.PRODUCTION))
    for key, inherited_from in keys:
        connection = connections.get(placements[key]) if key in placements else None
        if connection is not None:
            return Placement(connection, inherited_from)
    raise StorageSetupError(
        "no storage is connected for this company yet",
        advice="The operator connects the company's bucket with `reelkeep storage connect`.",
    )


def check_resumable(connection: StorageConnection) -> None:
    """Raise Conflict if a connection is not in use only because another one's wrapping key is closed."""
    if connection.waits_for_key:
        raise Conflict(
            f"{connection.name or connection.bucket} is in use again by itself once the company key opens",
            advice="Resume the connection whose wrapping key opens it.",
        )


def usable(connection: StorageConnection) -> StorageConnection:
    """Return a connection that is in use.

    Raises:
        StorageStopped: its state does not allow it; the message says why and what to do.
    """
    if (why := refusal(connection.state, connection.name or connection.bucket, connection.revoked_by)) is not None:
        message, advice = why
        raise StorageStopped(message, advice=advice)
    return connection
