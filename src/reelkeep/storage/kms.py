"""The company's own key over AWS KMS, with AWS's SDK. Used with sessions of the company's media role alone.

Follows the AWS KMS API reference (Encrypt and Decrypt, 2014-11-01). Every call names the key, so that a wrapped secret
can never be opened under another one, and carries an encryption context that the key's policy looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from reelkeep.contract.wrapping_statements import EXTERNAL_ID, PURPOSE
from reelkeep.errors import DependencyError, StorageSetupError
from reelkeep.storage.interface import StorageConnection, StsSession, Wrapped, WrappingKey
from reelkeep.storage.models import fresh_session
from reelkeep.storage.refusals import AWAY, OPEN, Verdict, of_kms

COMPANY: Final = "reelkeep-company"  # in the encryption context: the company's id, as CloudTrail shows it
CONNECT_SECONDS: Final = 1.5
READ_SECONDS: Final = 4.0


class WrappingKeyClosed(StorageSetupError):
    """The company's own key (KMS), which wraps its company key, is closed to Reelkeep."""

    code = "wrapping_key"
    default_advice = (
        "Nothing is lost; ask your cloud team to enable the wrapping key of the storage stack and to let the media "
        "role use it, and resume the connection on the page Storage then."
    )


class KmsWrapping:
    """A ``KeyWrapping``. Used by one thread at a time.

    Args:
        connection: with its wrapping key.
        sessions: returns a session that may use the key; called for every request.
        attempts: of the SDK's, the first included.
    """

    def __init__(self, connection: StorageConnection, sessions: Callable[[], StsSession], *, attempts: int = 3) -> None:
        if connection.wrapping_key is None:
            raise StorageSetupError("the company has no key of its own that wraps its company key")
        self._key: WrappingKey = connection.wrapping_key
        self._connection, self._sessions, self._attempts = connection, sessions, attempts
        self._made: tuple[StsSession, Any] | None = None

    def wrap(self, plain: bytes, what: Wrapped) -> bytes:
        return self._ask("encrypt", "CiphertextBlob", what, Plaintext=plain)

    def unwrap(self, wrapped: bytes, what: Wrapped) -> bytes:
        return self._ask("decrypt", "Plaintext", what, CiphertextBlob=wrapped)

    def look(self) -> Verdict:
        """Unwrap the probe, and say what the answer says; STALE where the session is not accepted any more."""
        try:
            self._call("decrypt", Wrapped.PROBE, CiphertextBlob=self._key.probe)
        except ClientError as error:
            return _verdict(error)
        except BotoCoreError:
            return AWAY
        return OPEN

    def _ask(self, operation: str, part: str, what: Wrapped, **given: bytes) -> bytes:
        try:
            return bytes(self._call(operation, what, **given)[part])
        except ClientError as error:
            if _verdict(error).is_refused:
                raise WrappingKeyClosed from error
            raise DependencyError("the company's key service (KMS) refuses for now") from error
        except BotoCoreError as error:
            raise DependencyError("the company's key service (KMS) does not answer") from error

    def _call(self, operation: str, what: Wrapped, **given: bytes) -> Any:
        context = {
            COMPANY: self._key.company_id,
            EXTERNAL_ID: self._connection.external_id,
            PURPOSE: what.value,
        }
        return getattr(self._client(), operation)(KeyId=self._key.arn, EncryptionContext=context, **given)

    def _client(self) -> Any:
        session = self._sessions()
        if self._made is None or self._made[0] != session:
            self._made = (
                session,
                fresh_session().create_client(
                    "kms",
                    region_name=self._connection.region,
                    endpoint_url=self._connection.sts_endpoint_url,  # None: AWS
                    aws_access_key_id=session.access_key_id,
                    aws_secret_access_key=session.secret_access_key,
                    aws_session_token=session.session_token,
                    config=Config(
                        connect_timeout=CONNECT_SECONDS,
                        read_timeout=READ_SECONDS,
                        retries={"mode": "standard", "total_max_attempts": self._attempts},
                    ),
                ),
            )
        return self._made[1]


def _verdict(error: ClientError) -> Verdict:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return of_kms(str(error.response.get("Error", {}).get("Code", "")), status)
