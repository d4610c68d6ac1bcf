"""STS sessions for the platform's own identity: the only module that calls AssumeRole. Used in the supervisor alone.

Follows the AWS STS API reference (AssumeRole, 2011-06-15). The external id comes from the connection, never from a
request, and is sent always. Role chaining caps a session at one hour whatever the role allows.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from reelkeep.errors import IsolationError, StorageRefused
from reelkeep.ids import ConnectionId
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.models import fresh_session
from reelkeep.storage.s3 import CONNECT_SECONDS, READ_SECONDS
from reelkeep.storage.session_policy import session_policy
from reelkeep.storage.translate import botocore_errors

MIN_SESSION_SECONDS: Final = 900  # AWS STS and SeaweedFS refuse less; November 2026
MAX_SESSION_SECONDS: Final = 3_600  # role chaining, IAM User Guide "Roles terms and concepts"
_REFUSALS: Final = frozenset({"AccessDenied", "403", "NoSuchEntity", "AccessDeniedException"})
WATCH_CONNECT_SECONDS: Final = 2.0  # whoever watches a connection asks again soon
WATCH_READ_SECONDS: Final = 4.0


@dataclass(frozen=True)
class PlatformIdentity:
    """The platform's own access key; it may assume roles and has no right to any bucket. None: the machine's own."""

    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


class ExternalIdProof(enum.Enum):
    """What a store did when it was asked without an external id and with a wrong one."""

    REFUSED = "refused"  # both were refused, as they must be
    IGNORED = "ignored"  # at least one got a session: the role's trust does not depend on it


class ExternalIdTry(enum.Enum):
    """An AssumeRole that must be refused."""

    NONE = "none"  # without an external id
    WRONG = "wrong"  # with one that was never made for anybody


class StsBroker:
    """A ``SessionBroker`` that calls STS: one AssumeRole for each call, no session is kept. Thread-safe.

    Args:
        connection: returns a connection of the one company that this broker serves; raises StorageSetupError if it
            has none of that id. So a request can never name another company's connection.
        company_slug: begins the RoleSessionName where no grant names the session, so that CloudTrail shows it.
    """

    def __init__(
        self,
        identity: PlatformIdentity,
        connection: Callable[[ConnectionId], StorageConnection],
        company_slug: str,
        *,
        session_seconds: int = MAX_SESSION_SECONDS,
    ) -> None:
        if not MIN_SESSION_SECONDS <= session_seconds <= MAX_SESSION_SECONDS:
            raise ValueError("an STS session lasts 900 to 3,600 seconds")
        self._identity = identity
        self._connection = connection
        self._company_slug = company_slug
        self._session_seconds = session_seconds
        self._clients: dict[tuple[str, str | None, bool], Any] = {}

    def session(self, request: SessionRequest) -> StsSession:
        """Return a fresh session for the request's purpose and scope.

        Raises:
            IsolationError: the scope is not one of the purpose; STS was not asked.
            StorageRefused: the role refuses us.
            StorageSetupError: STS does not know the platform's own identity, or the company has no such connection.
            DependencyError: STS does not answer.
        """
        connection = self._connection(request.connection_id)
        policy = session_policy(connection, request.purpose, request.scope, request.links_from)
        name = request.grant_id or f"{self._company_slug}-{request.purpose.value}"
        with botocore_errors(), _refusals():
            answer = self._client(connection, is_brief=request.purpose is Purpose.WATCH).assume_role(
                RoleArn=connection.role_arn,
                RoleSessionName=_session_name(name),
                ExternalId=connection.external_id,
                Policy=policy,
                DurationSeconds=self._session_seconds,
            )
        return _session(answer)

    def trial_session(self, connection_id: ConnectionId, role_arn: str, arns: frozenset[str]) -> StsSession:
        """Return a session with all rights of a role: an acceptance test asks with it for what must be refused.

        It lasts as short as a session can.

        Args:
            role_arn: one of ``arns``, which are the connection's own roles.

        Raises:
            IsolationError: it is none of them; STS was not asked.
            StorageRefused: the role refuses us. DependencyError: STS does not answer.
        """
        connection = self._connection(connection_id)
        if role_arn not in arns | {connection.role_arn}:
            raise IsolationError("a session was asked of a role that is none of the connection's")
        with botocore_errors(), _refusals():
            answer = self._client(connection).assume_role(
                RoleArn=role_arn,
                RoleSessionName=_session_name(f"{self._company_slug}-acceptance"),
                ExternalId=connection.external_id,
                DurationSeconds=MIN_SESSION_SECONDS,
            )
        return _session(answer)

    def prove_external_id(self, connection_id: ConnectionId) -> ExternalIdProof:
        """Ask without an external id and with a wrong one, and return only the outcome (both must be refused)."""
        role_arn = self._connection(connection_id).role_arn
        refused = [self.refuses(connection_id, role_arn, one) for one in ExternalIdTry]
        return ExternalIdProof.REFUSED if all(refused) else ExternalIdProof.IGNORED

    def refuses(self, connection_id: ConnectionId, role_arn: str, tried: ExternalIdTry) -> bool:
        """Ask a role in a way that it must refuse, and return only whether it did; credentials are discarded."""
        connection = self._connection(connection_id)
        given = {"ExternalId": "wrong-" + connection.external_id[::-1]} if tried is ExternalIdTry.WRONG else {}
        return not self._may_assume(connection, role_arn, given)

    def own_account(self, connection_id: ConnectionId) -> str:
        """Return the platform's own account, as STS says; "" if it says nothing."""
        with botocore_errors():
            try:
                return str(self._client(self._connection(connection_id)).get_caller_identity().get("Account", ""))
            except ClientError:
                return ""

    def canary_refuses(self, connection_id: ConnectionId, canary_arn: str) -> bool:
        """Ask the operator's own role that must refuse us whatever we say; credentials are discarded."""
        connection = self._connection(connection_id)
        return not self._may_assume(connection, canary_arn, {"ExternalId": connection.external_id})

    def _may_assume(self, connection: StorageConnection, role_arn: str, external_id: dict[str, str]) -> bool:
        with botocore_errors():
            try:
                self._client(connection).assume_role(
                    RoleArn=role_arn,
                    RoleSessionName="reelkeep-negative-test",
                    DurationSeconds=MIN_SESSION_SECONDS,
                    **external_id,
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _REFUSALS:
                    return False
                raise
        return True

    def _client(self, connection: StorageConnection, *, is_brief: bool = False) -> Any:
        key = (connection.region, connection.sts_endpoint_url, is_brief)
        if key not in self._clients:
            self._clients[key] = fresh_session().create_client(
                "sts",
                region_name=connection.region,  # the regional endpoint: its tokens are valid everywhere
                endpoint_url=connection.sts_endpoint_url,
                aws_access_key_id=self._identity.access_key_id,
                aws_secret_access_key=self._identity.secret_access_key,
                config=Config(
                    connect_timeout=WATCH_CONNECT_SECONDS if is_brief else CONNECT_SECONDS,
                    read_timeout=WATCH_READ_SECONDS if is_brief else READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": 1 if is_brief else 3},
                ),
            )
        return self._clients[key]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _REFUSALS:
            raise StorageRefused("the company's role refuses Reelkeep") from error
        raise


def _session(answer: Mapping[str, Any]) -> StsSession:
    found = answer["Credentials"]
    return StsSession(
        found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], found["Expiration"].astimezone(UTC)
    )


def _session_name(name: str) -> str:
    """Return ``name`` as a RoleSessionName: 2 to 64 of letters, digits and ``_=,.@-``.

    >>> _session_name("acme-upload")
    'acme-upload'
    """
    return re.sub(r"[^A-Za-z0-9_=,.@-]", "-", name)[:64].ljust(2, "-")
