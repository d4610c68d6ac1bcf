"""One request at a time to a company's store, and what came of it: for acceptance tests, which ask to be refused.

Nothing here raises for an answer: a refusal, an error code and a silence are findings. Requests to the bucket carry a
grant like all others, the anonymous ones too. Reads are bounded, and so is the time of each request.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from botocore import UNSIGNED
from botocore import exceptions as told
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from reelkeep.ids import GrantId
from reelkeep.storage.interface import GRANT_PARAMETER, StorageConnection, StsSession
from reelkeep.storage.models import fresh_session
from reelkeep.storage.s3 import client_config
from reelkeep.storage.translate import S3_CODES

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0
MAX_BODY_BYTES: Final = 8 << 20
NO_ANSWER: Final = "NoAnswer"
_REFUSALS: Final = frozenset({"AccessDenied", "403", "AllAccessDisabled", "AccessDeniedException", "Forbidden"})
_NO_ANSWER: Final = (told.ConnectionError, told.HTTPClientError, told.ResponseStreamingError)
# What stores say that do not know a request at all; S3 API reference, "List of error codes".
_UNKNOWN: Final = frozenset({"NotImplemented", "MethodNotAllowed", "405", "501", "InvalidAction", "UnknownOperation"})


@dataclass(frozen=True)
class Answer:
    """What came of one request. ``code`` is empty if it was done."""

    operation: str
    code: str
    status: int
    data: Mapping[str, Any]
    seconds: float
    body: bytes = b""

    @property
    def is_done(self) -> bool:
        return not self.code

    @property
    def is_refused(self) -> bool:
        return self.code in _REFUSALS

    @property
    def is_unsupported(self) -> bool:
        return self.code in _UNKNOWN

    @property
    def is_silent(self) -> bool:
        return self.code == NO_ANSWER

    @property
    def headers(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.data.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return found

    @property
    def date(self) -> datetime | None:
        """The store's clock, as its answer says."""
        try:
            return parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError, TypeError):
            return None

    def told(self) -> str:
        """Return what came of it, for a report: never a message of the store's, which may hold anything."""
        if self.is_done:
            return f"{self.operation}: done"
        if self.is_silent:
            return f"{self.operation}: no answer"
        known = S3_CODES.get(self.code)
        return f"{self.operation}: {self.code[:60]}{f' ({known[1]})' if known else ''}"


class TrialClient:
    """Asks as one session, or as nobody. Thread-safe.

    Args:
        session: None: unsigned.
        endpoint_url: in the place of the connection's; for asking over plain HTTP.
    """

    def __init__(
        self, connection: StorageConnection, session: StsSession | None, grant: GrantId, *, endpoint_url: str = ""
    ) -> None:
        self._connection = replace(connection, endpoint_url=endpoint_url, private=None) if endpoint_url else connection
        self._session, self._grant = session, grant
        self._plain = endpoint_url.startswith("http://")
        self._clients: dict[str, Any] = {}

    def s3(self, operation: str, **arguments: Any) -> Answer:
        """Ask S3; the bucket is the connection's if none is named."""
        return self._ask("s3", operation, {"Bucket": self._connection.bucket, **arguments})

    def iam(self, operation: str, **arguments: Any) -> Answer:
        return self._ask("iam", operation, arguments)

    def kms(self, operation: str, **arguments: Any) -> Answer:
        return self._ask("kms", operation, arguments)

    def caller(self) -> Answer:
        """Ask STS who we are."""
        return self._ask("sts", "get_caller_identity", {})

    def cross_origin(self, key: str, origin: str, method: str, names: str) -> Mapping[str, str] | None:
        """Ask as a browser does before it sends a request from a page of ``origin``.

        Args:
            names: of the headers that the page's request will have.

        Returns:
            The answer's headers, none of them if it was no; None: no answer.
        """
        url = urllib.parse.urlsplit(
            self._client("s3").generate_presigned_url(
                "get_object", Params={"Bucket": self._connection.bucket, "Key": key}, ExpiresIn=60
            )
        )
        asked = f"{url.scheme}://{url.netloc}{url.path}?{GRANT_PARAMETER}={self._grant}"
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        headers |= {"Access-Control-Request-Headers": names} if names else {}
        try:
            answer = httpx.options(asked, headers=headers, timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS))
        except httpx.HTTPError:
            return None
        return dict(answer.headers) if answer.is_success else {}

    def _ask(self, service: str, operation: str, arguments: Mapping[str, Any]) -> Answer:
        since = time.monotonic()
        try:
            data = getattr(self._client(service), operation)(**arguments)
            stream = data.get("Body")
            body = bytes(stream.read(MAX_BODY_BYTES)) if stream is not None else b""
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(error.response.get("Error", {}).get("Code", "")) or str(status)
            return Answer(operation, code, status, dict(error.response), time.monotonic() - since)
        except BotoCoreError as error:
            code = NO_ANSWER if isinstance(error, _NO_ANSWER) else "Unreadable"
            return Answer(operation, code, 0, {}, time.monotonic() - since)
        return Answer(operation, "", 200, data, time.monotonic() - since, body)

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._made(service)
        return self._clients[service]

    def _made(self, service: str) -> Any:
        one = self._connection
        config = client_config(one, attempts=1).merge(
            Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
        )
        if self._session is None:
            config = config.merge(Config(signature_version=UNSIGNED))
        elif service != "s3":
            config = config.merge(Config(signature_version="v4"))
        session = self._session
        made: Any = fresh_session().create_client(
            service,
            region_name=one.region,
            endpoint_url=one.platform_url if service == "s3" else one.sts_endpoint_url,
            use_ssl=not self._plain,
            aws_access_key_id=session.access_key_id if session else None,
            aws_secret_access_key=session.secret_access_key if session else None,
            aws_session_token=session.session_token if session else None,
            config=config,
        )
        if service == "s3":
            made.meta.events.register("before-sign.s3", self._add_grant)
        return made

    def _add_grant(self, request: AWSRequest, **_: object) -> None:
        url = str(request.url)
        if f"{GRANT_PARAMETER}=" not in url:
            request.url = f"{url}{'&' if '?' in url else '?'}{GRANT_PARAMETER}={self._grant}"
