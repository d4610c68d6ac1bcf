"""Hands out STS sessions to the processes of one company, each only for what its role may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from reelkeep.errors import IsolationError, StorageSetupError
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.isolation.channel import BadFrame
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.sts import PlatformIdentity, StsBroker

ALLOWED: Final[Mapping[str, frozenset[Purpose]]] = {
    "app": frozenset({Purpose.UPLOAD, Purpose.DOWNLOAD}),
    "media": frozenset({Purpose.PLAYBACK}),
    "job": frozenset({Purpose.READ_ORIGINAL, Purpose.WRITE_PROXY}),
}


class CompanySessions:
    """The credential broker of one company. STS is called in threads; the platform's identity stays here.

    Args:
        identities: STS endpoint to the identity used there; an endpoint not listed gets ``default``.
    """

    def __init__(self, slug: str, identities: Mapping[str | None, PlatformIdentity], default: PlatformIdentity) -> None:
        self._connections: Mapping[ConnectionId, StorageConnection] = {}
        self._identities = identities
        self._default = StsBroker(default, self.connection, slug)
        self._brokers = {url: StsBroker(identity, self.connection, slug) for url, identity in identities.items()}

    def update(self, connections: Mapping[ConnectionId, StorageConnection]) -> None:
        self._connections = dict(connections)

    def connection(self, connection_id: ConnectionId) -> StorageConnection:
        """Return a connection of this company; raise StorageSetupError if it has none of that id."""
        try:
            return self._connections[connection_id]
        except KeyError:
            raise StorageSetupError("this company has no such storage connection") from None

    async def answer(self, role: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer a ``session`` request of one of the company's processes.

        Raises:
            BadFrame: it is no session request. IsolationError: the role may not ask for this; nothing was asked of STS.
        """
        request = _request(fields)
        if request.purpose not in ALLOWED[role]:
            raise IsolationError(f"a process of role {role} may not ask for {request.purpose.value} sessions")
        broker = self._brokers.get(self.connection(request.connection_id).sts_endpoint_url, self._default)
        session: StsSession = await asyncio.to_thread(broker.session, request)
        return {**vars(session), "expires_at": session.expires_at.isoformat()}


def _request(fields: Mapping[str, Any]) -> SessionRequest:
    grant = fields.get("grant_id")
    texts = (fields.get("connection_id"), fields.get("purpose"), fields.get("scope"), grant or "")
    if not all(isinstance(text, str) for text in texts):
        raise BadFrame("a session request has a field that is no text")
    try:
        purpose = Purpose(fields["purpose"])
    except ValueError:
        raise BadFrame("a session request has an unknown purpose") from None
    return SessionRequest(
        ConnectionId(fields["connection_id"]), purpose, fields["scope"], GrantId(grant) if grant else None
    )
