"""Hands out STS sessions to the processes of one company, each only for what its role may ask.

A job process is held to one version besides: the first that it asks for is the only one in its life, so that a
carrier that was taken over reads no second original and writes to no second proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from reelkeep.errors import IsolationError, StorageSetupError
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.isolation.channel import BadFrame
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.placement import usable
from reelkeep.storage.session_policy import check_scope
from reelkeep.storage.sts import PlatformIdentity, StsBroker

STS_THREADS: Final = 4  # a company's own: one whose STS endpoint hangs keeps no other waiting

ALLOWED: Final[Mapping[str, frozenset[Purpose]]] = {
    "app": frozenset({Purpose.UPLOAD, Purpose.ATTACH, Purpose.DOWNLOAD, Purpose.WATCH}),
    "media": frozenset({Purpose.PLAYBACK, Purpose.UNWRAP, Purpose.WATCH}),
    "job": frozenset(
        {
            Purpose.READ_ORIGINAL,
            Purpose.WRITE_PROXY,
            Purpose.CLEAN_PROXY,
            Purpose.END_UPLOADS,
            Purpose.UNWRAP,
            Purpose.WATCH,
        }
    ),
}
_OF_ONE_VERSION: Final = frozenset({"job"})
_OF_NO_VERSION: Final = frozenset({Purpose.UNWRAP, Purpose.WATCH})
_WATCHED: Final = frozenset({ConnectionState.ACTIVE, ConnectionState.REVOKED})  # is it closed, or open again?


class CompanySessions:
    """The credential broker of one company. STS is called in threads; the platform's identity stays here.

    Args:
        identities: STS endpoint to the identity used there; an endpoint not listed gets ``default``.
    """

    def __init__(self, slug: str, identities: Mapping[str | None, PlatformIdentity], default: PlatformIdentity) -> None:
        self._connections: Mapping[ConnectionId, StorageConnection] = {}
        self._identities = identities
        self._threads = ThreadPoolExecutor(STS_THREADS, thread_name_prefix=f"sts-{slug}")
        self._default = StsBroker(default, self._known, slug)
        self._brokers = {url: StsBroker(identity, self._known, slug) for url, identity in identities.items()}

    def update(self, connections: Mapping[ConnectionId, StorageConnection]) -> None:
        self._connections = dict(connections)

    def connection(self, connection_id: ConnectionId, purpose: Purpose) -> StorageConnection:
        """Return a connection that may be used, or watched, now.

        Raises:
            StorageSetupError: this company has none of that id, or its state does not allow it.
        """
        found = self._known(connection_id)
        return found if purpose is Purpose.WATCH and found.state in _WATCHED else usable(found)

    def _known(self, connection_id: ConnectionId) -> StorageConnection:
        try:
            return self._connections[connection_id]
        except KeyError:
            raise StorageSetupError("this company has no such storage connection") from None

    def of_process(self, role: str) -> ProcessSessions:
        """Return the sessions of one fresh process of ``role``."""
        return ProcessSessions(self, role)

    def close(self) -> None:
        """Take no more questions; those under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def bound(self, request: SessionRequest) -> SessionRequest:
        """Return a request with the networks of links as they are here, whatever the process believes."""
        known = self._connections.get(request.connection_id)
        return replace(request, links_from=known.links_from) if known is not None and request.links_from else request

    async def ask(self, request: SessionRequest) -> StsSession:
        """Return a fresh session from STS. What the asking process may have is checked by ``ProcessSessions``."""
        connection = self.connection(request.connection_id, request.purpose)
        broker = self._brokers.get(connection.sts_endpoint_url, self._default)
        return await asyncio.get_running_loop().run_in_executor(self._threads, broker.session, request)


class ProcessSessions:
    """What one process of one company may have. It lives as long as the process."""

    def __init__(self, company: CompanySessions, role: str) -> None:
        self._company, self._role = company, role
        self._place: tuple[ConnectionId, str] | None = None  # the connection and the version of a job

    @property
    def connection_id(self) -> ConnectionId | None:
        """Where the one version of a job lies; None as long as it has asked for none."""
        return self._place[0] if self._place else None

    async def answer(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer a ``session`` request.

        Raises:
            BadFrame: it is no session request. IsolationError: the process may not ask for this; STS was not asked.
        """
        request = _request(fields)
        if request.purpose not in ALLOWED[self._role]:
            raise IsolationError(f"a process of role {self._role} may not ask for {request.purpose.value} sessions")
        check_scope(request.purpose, request.scope)
        if self._role in _OF_ONE_VERSION and request.purpose not in _OF_NO_VERSION:
            self._hold_to_one_version(request)
        session = await self._company.ask(self._company.bound(request))
        return {**vars(session), "expires_at": session.expires_at.isoformat()}

    def _hold_to_one_version(self, request: SessionRequest) -> None:
        place = request.connection_id, request.scope.rstrip("/").rpartition("/")[2]
        if request.purpose is Purpose.END_UPLOADS:  # at every bucket of the company, but then no version at all
            place = ConnectionId(""), request.scope
        self._place = self._place or place
        if place != self._place:
            raise IsolationError("a job process may not ask for a second version")


def _request(fields: Mapping[str, Any]) -> SessionRequest:
    grant = fields.get("grant_id")
    links_from = fields.get("links_from", [])
    texts = (fields.get("connection_id"), fields.get("purpose"), fields.get("scope"), grant or "")
    if not isinstance(links_from, list) or not all(isinstance(text, str) for text in (*texts, *links_from)):
        raise BadFrame("a session request has a field that is no text")
    try:
        purpose = Purpose(fields["purpose"])
    except ValueError:
        raise BadFrame("a session request has an unknown purpose") from None
    return SessionRequest(
        ConnectionId(fields["connection_id"]),
        purpose,
        fields["scope"],
        GrantId(grant) if grant else None,
        tuple(links_from),
    )
