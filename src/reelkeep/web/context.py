"""What the handlers of the app process work with, and the checks each request passes before its handler runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Protocol

from fastapi import Depends, Path
from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from reelkeep.catalog import audit, login_sessions, members, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.login_sessions import LoginKind, LoginSession
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.catalog.versions import VersionRow
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.network_policy import NetworkPolicy
from reelkeep.companies.onboarding import Known as Onboarding
from reelkeep.companies.onboarding_steps import Note
from reelkeep.errors import DependencyError, Forbidden, NotFound, SignInRequired
from reelkeep.ids import ID_CHARACTERS, ConnectionId, VersionId
from reelkeep.ingest.uploads import Uploads
from reelkeep.web.attempts import SignInLimits
from reelkeep.web.changes import ChangeHub
from reelkeep.web.connection_host import ENDPOINT
from reelkeep.web.security import SAFE_METHODS, check_origin

_COOKIE: Final = "reelkeep_login"
_BEARER: Final = "bearer "
MAX_PATH_CHARACTERS: Final = 200  # of a request, on record
NO_NUL: Final = r"^[^\x00]*$"  # a text that PostgreSQL can hold; for fields that no rule of names looks at


class Registry(Protocol):
    """What the app asks of the registry, by way of the supervisor."""

    def resume(self, connection_id: ConnectionId) -> None:
        """Put a revoked connection into use again; raise Conflict or NotFound, with nothing changed."""

    def onboarding(self) -> Onboarding:
        """Return what is known there of the company's onboarding."""

    def note_step(self, given: Note) -> None:
        """Note what is so of a step; raise Forbidden for one that is not the company's to note, or Conflict."""

    def network(self) -> NetworkSeen:
        """Return the network policy, and whom it turned away."""

    def set_network(self, policy: NetworkPolicy | None) -> None:
        """Set the network policy; None opens the site to everybody."""


@dataclass(frozen=True)
class NetworkSeen:
    """From where the company's site may be reached, and whom that turned away."""

    policy: NetworkPolicy | None
    refused: Sequence[Mapping[str, Any]]  # companies.refused.RefusedSource as JSON


class NoRegistry:
    """Stands where there is no supervisor."""

    def resume(self, connection_id: ConnectionId) -> None:
        """Refuse."""
        del connection_id
        raise DependencyError("the supervisor does not answer")

    def onboarding(self) -> Onboarding:
        """Refuse."""
        raise DependencyError("the supervisor does not answer")

    def note_step(self, given: Note) -> None:
        """Refuse."""
        del given
        raise DependencyError("the supervisor does not answer")

    def network(self) -> NetworkSeen:
        """Refuse."""
        raise DependencyError("the supervisor does not answer")

    def set_network(self, policy: NetworkPolicy | None) -> None:
        """Refuse."""
        del policy
        raise DependencyError("the supervisor does not answer")


@dataclass(frozen=True)
class AppContext:
    company: CompanyHandle
    uploads: Uploads
    limits: SignInLimits
    hub: ChangeHub
    registry: Registry = field(default_factory=NoRegistry)
    looking: threading.Lock = field(default_factory=threading.Lock)  # held while a refusal is looked into

    @property
    def is_secure(self) -> bool:
        return self.company.app_origin.startswith("https://")

    @property
    def cookie_name(self) -> str:
        """The __Host- prefix binds a cookie to this one host; browsers accept it over TLS only."""
        return f"__Host-{_COOKIE}" if self.is_secure else _COOKIE


@dataclass(frozen=True)
class Call:
    """One request: the company's parts and the caller's token, not looked up yet.

    A token counts only where its kind belongs: a page's in the cookie, which needs our Origin; a program's in the
    Authorization header, which needs none.

    A handler opens its transactions itself, in its one thread: a thread that holds a database connection never waits
    for another thread, so few threads and fewer connections cannot block each other.
    """

    context: AppContext
    token: str | None
    kind: LoginKind
    address: str  # of the peer, as the gateway saw it
    endpoint_id: str | None = None  # of the PrivateLink endpoint that it came through
    method: str = "GET"  # of a WebSocket, too
    path: str = ""
    on_record: threading.Event = field(default_factory=threading.Event)  # set once support's deed is on record

    @property
    def company(self) -> CompanyHandle:
        return self.context.company

    @contextmanager
    def signed_in(self, *, changes_nothing: bool = False) -> Iterator[tuple[Connection, LoginSession]]:
        """Open a transaction for somebody with a login session; it commits with the block, or rolls back.

        One of the operator's people may read alone, and each request is on the company's record before it is done.

        Args:
            changes_nothing: the request changes nothing that people made, whatever its method.

        Raises:
            SignInRequired: there is none, or it has ended.
            Forbidden: one of the operator's people would change something.
        """
        with self.company.engine.begin() as conn:
            login = self._login(conn)
            if login.user.support is None:
                yield conn, login
                return
            if not self.on_record.is_set():
                audit.record(conn, "support.asked", None, login.user.id, method=self.method, path=self.path)
        self.on_record.set()
        if self.method not in SAFE_METHODS and not changes_nothing:
            raise Forbidden("support may look, and change nothing", advice="Ask somebody of the company to do it.")
        with self.company.engine.begin() as conn:
            yield conn, self._login(conn)

    def _login(self, conn: Connection) -> LoginSession:
        if not self.token:
            raise SignInRequired
        login = login_sessions.find(conn, self.token)
        if login.kind is not self.kind:
            raise SignInRequired
        return login

    @contextmanager
    def company_admin(self) -> Iterator[tuple[Connection, LoginSession]]:
        """Open a transaction for an admin of the company, or for support that may look at the whole of it.

        Raises:
            Forbidden: for anybody else.
        """
        with self.signed_in() as (conn, login):
            support = login.user.support
            if not login.user.is_company_admin and (support is None or support.production_id is not None):
                raise Forbidden("only an admin of the company may do this", advice="Ask an admin of the company.")
            yield conn, login


async def call_of(connection: HTTPConnection) -> Call:
    """Return the call of a request or of a WebSocket.

    Raises:
        WrongOrigin: another site's page could have sent it in the user's name.
    """
    context = connection.app.state.context
    assert isinstance(context, AppContext)
    bearer, cookie = _bearer_token(connection), connection.cookies.get(context.cookie_name)
    check_origin(
        connection.scope.get("method", "GET"),
        connection.headers.get("origin"),
        own_origin=context.company.app_origin,
        has_cookie=bearer is None and cookie is not None,
    )
    token, kind = (cookie, LoginKind.BROWSER) if bearer is None else (bearer, LoginKind.CLI)
    address = connection.client.host if connection.client else ""
    method, path = connection.scope.get("method", "GET"), connection.url.path[:MAX_PATH_CHARACTERS]
    return Call(context, token, kind, address, connection.scope.get(ENDPOINT), method, path)


Caller = Annotated[Call, Depends(call_of)]
IdInPath = Annotated[str, Path(pattern=rf"^[0-9a-z]{{{ID_CHARACTERS}}}$")]


def version_for(conn: Connection, user: User, version_id: str, action: Action) -> VersionRow:
    """Return a version the user may do ``action`` with; raise NotFound, also of a deleted one, or Forbidden."""
    version = versions.get(conn, VersionId(version_id))
    members.require(conn, user, version.production_id, action)
    if version.state is VersionState.DELETED:
        raise NotFound
    return version


def _bearer_token(connection: HTTPConnection) -> str | None:
    """Return the token of an Authorization header (RFC 6750), or None."""
    header = connection.headers.get("authorization", "")
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else None
