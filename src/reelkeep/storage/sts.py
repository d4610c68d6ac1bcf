"""STS sessions for the platform's own identity: the only module that calls AssumeRole. Used in the supervisor alone.

Follows the AWS STS API reference (AssumeRole, 2011-06-15). The external id comes from the connection, never from a
request, and is sent always. Role chaining caps a session at one hour whatever the role allows.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from reelkeep.errors import StorageRefused
from reelkeep.ids import ConnectionId
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
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
        policy = session_policy(connection, request.purpose, request.scope)
        name = request.grant_id or f"{self._company_slug}-{request.purpose.value}"
        with botocore_errors():
            try:
                answer = self._client(connection, is_brief=request.purpose is Purpose.WATCH).assume_role(
                    RoleArn=connection.role_arn,
                    RoleSessionName=_session_name(name),
                    ExternalId=connection.external_id,
                    Policy=policy,
                    DurationSeconds=self._session_seconds,
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _REFUSALS:
                    raise StorageRefused("the company's role refuses Reelkeep") from error
                raise
        found = answer["Credentials"]
        return StsSession(
            found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], found["Expiration"].astimezone(UTC)
        )

    def prove_external_id(self, connection_id: ConnectionId) -> ExternalIdProof:
        """Ask without an external id and with a wrong one, and return only the outcome (both must be refused)."""
        connection = self._connection(connection_id)
        wrong = {"ExternalId": "wrong-" + connection.external_id[::-1]}
        granted = [self._may_assume(connection, {}), self._may_assume(connection, wrong)]
        return ExternalIdProof.IGNORED if any(granted) else ExternalIdProof.REFUSED

    def _may_assume(self, connection: StorageConnection, external_id: dict[str, str]) -> bool:
        with botocore_errors():
            try:
                self._client(connection).assume_role(
                    RoleArn=connection.role_arn,
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
            session = boto3.Session(botocore_session=botocore.session.Session())
            self._clients[key] = session.client(
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


def _session_name(name: str) -> str:
    """Return ``name`` as a RoleSessionName: 2 to 64 of letters, digits and ``_=,.@-``.

    >>> _session_name("acme-upload")
    'acme-upload'
    """
    return re.sub(r"[^A-Za-z0-9_=,.@-]", "-", name)[:64].ljust(2, "-")
