"""Errors of botocore and obstore in our own tree: one table each, used by the adapters alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import botocore.exceptions
import obstore.exceptions

from reelkeep.errors import (
    Conflict,
    DependencyError,
    MediaError,
    NotFound,
    ReelkeepError,
    RequestError,
    StorageSetupError,
)


class ChecksumMismatch(MediaError):
    """The bytes that arrived in the bucket are not the bytes of the file."""

    code = "checksum"
    default_advice = "Check that the file is not being written to, and upload it again."


class PartsOnly(Conflict):
    """The production's store takes files in parts only: it does not refuse to replace an object."""

    code = "parts_only"
    default_advice = "Upload each file by itself."


class ObjectThere(Conflict):
    """An object of this name is already there."""


# No answer, a reset, a body cut short. Other errors of botocore are faults of ours and are not translated.
_NO_ANSWER: Final = (
    botocore.exceptions.ConnectionError,
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ResponseStreamingError,
)
_Row = tuple[type[ReelkeepError], str]
_GONE: Final[_Row] = (NotFound, "the company's bucket holds no such file")
_NO_UPLOAD: Final[_Row] = (NotFound, "the store no longer knows this upload")
_REFUSED: Final[_Row] = (StorageSetupError, "the company's bucket does not let Reelkeep in")
_NO_BUCKET: Final[_Row] = (StorageSetupError, "the company's bucket does not exist")
_REGION: Final[_Row] = (
    StorageSetupError,
    "the company's bucket lies in another region than is set for it",
)
_CLOCK: Final[_Row] = (StorageSetupError, "the clock of this machine and the store's differ by too much")
_KEY: Final[_Row] = (StorageSetupError, "the key of the company's bucket (KMS) does not let Reelkeep in")
_THERE: Final[_Row] = (ObjectThere, "an object of this name is already there, and none is ever replaced")
_PARTS: Final[_Row] = (Conflict, "the parts in the store are not the parts of this upload")
_BYTES: Final[_Row] = (ChecksumMismatch, "the bytes that arrived in the bucket are not the bytes of the file")
_NOBODY: Final = (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError)
_AWAY: Final[_Row] = (DependencyError, "the object store does not answer")
_BUSY: Final[_Row] = (DependencyError, "the object store is overloaded or has an error of its own")
_EXPIRED: Final[_Row] = (DependencyError, "the STS session has expired and is made anew")

# Amazon S3 API reference, "List of error codes"; STS "Common errors". Codes of HEAD answers are bare numbers.
S3_CODES: Final[Mapping[str, _Row]] = {
    "404": _GONE,
    "NoSuchKey": _GONE,
    "NotFound": _GONE,
    "NoSuchUpload": _NO_UPLOAD,
    "NoSuchBucket": _NO_BUCKET,
    "403": _REFUSED,
    "AccessDenied": _REFUSED,
    "AllAccessDisabled": _REFUSED,
    "InvalidAccessKeyId": _REFUSED,
    "InvalidClientTokenId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "301": _REGION,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "RequestTimeTooSkewed": _CLOCK,
    "KMS.DisabledException": _KEY,
    "KMS.NotFoundException": _KEY,
    "412": _THERE,
    "PreconditionFailed": _THERE,
    "ConditionalRequestConflict": _THERE,
    "InvalidPart": _PARTS,
    "InvalidPartOrder": _PARTS,
    "EntityTooSmall": _PARTS,
    "BadDigest": _BYTES,
    "XAmzContentChecksumMismatch": _BYTES,
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "SlowDown": _BUSY,
    "InternalError": _BUSY,
    "ServiceUnavailable": _BUSY,
    "RequestTimeout": _BUSY,
    "Throttling": _BUSY,
}

OBSTORE_ERRORS: Final[tuple[tuple[type[Exception], _Row], ...]] = (
    (FileNotFoundError, _GONE),  # what obstore really raises for a missing object
    (obstore.exceptions.NotFoundError, _GONE),
    (obstore.exceptions.PermissionDeniedError, _REFUSED),
    (obstore.exceptions.UnauthenticatedError, _REFUSED),
    (obstore.exceptions.PreconditionError, _THERE),
    (obstore.exceptions.AlreadyExistsError, _THERE),
)


def of_code(code: str, status: int) -> ReelkeepError:
    """Return our error for an S3 or STS error code, or for the status where the code is not in the table.

    >>> of_code("NoSuchKey", 404)
    NotFound("the company's bucket holds no such file")
    >>> type(of_code("Whatever", 502)).__name__
    'DependencyError'
    """
    if code in S3_CODES:
        kind, message = S3_CODES[code]
    elif code.startswith("KMS."):
        kind, message = _KEY
    elif status >= 500 or status == 429:
        kind, message = _BUSY
    elif str(status) in S3_CODES:
        kind, message = S3_CODES[str(status)]
    else:
        kind, message = RequestError, f"the object store refused the request with {code or status}"
    return kind(message)


@contextmanager
def botocore_errors() -> Iterator[None]:
    """Raise errors of botocore as ours."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise of_code(str(error.response.get("Error", {}).get("Code", "")), status) from error
    except _NO_ANSWER as error:
        kind, message = _AWAY
        raise kind(message) from error
    except _NOBODY as error:
        raise DependencyError(
            "the platform has no AWS identity of its own here",
            advice="Run it on a machine with a role, or set platform_access_key_id and platform_secret_access_key.",
        ) from error


@contextmanager
def obstore_errors() -> Iterator[None]:
    """Raise errors of obstore as ours."""
    try:
        yield
    except (obstore.exceptions.BaseError, FileNotFoundError) as error:
        for foreign, (kind, message) in OBSTORE_ERRORS:
            if isinstance(error, foreign):
                raise kind(message) from error
        kind, message = _AWAY
        raise kind(message) from error
