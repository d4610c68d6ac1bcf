"""What an answer of S3 or STS says about the platform's rights: open, refused, or nothing at all. Pure; no I/O.

Only a refusal revokes a connection: the store, asked by its own protocol, said no. Whatever is not plainly a no (no
answer, an error of the store's own, a clock that differs, a redirect) is *away*: it passes, and revokes nothing.

Codes: Amazon S3 API reference, "Error responses"; AWS KMS API reference, "Common errors" and Decrypt, which S3 passes
on with the prefix "KMS.", Encrypt, and "Common error types"; AWS STS API reference, AssumeRole.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.storage.connection_states import Revocation


class Answer(enum.Enum):
    OPEN = "open"
    AWAY = "away"  # no answer that says anything about our rights
    STALE = "stale"  # the session is not accepted any more; a fresh one will tell
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    answer: Answer
    by: Revocation | None = None  # of a refusal

    @property
    def is_refused(self) -> bool:
        return self.answer is Answer.REFUSED


OPEN: Final = Verdict(Answer.OPEN)
AWAY: Final = Verdict(Answer.AWAY)
STALE: Final = Verdict(Answer.STALE)
ROLE_REFUSES: Final = Verdict(Answer.REFUSED, Revocation.ROLE)
_BUCKET: Final = Verdict(Answer.REFUSED, Revocation.BUCKET)
_KEY: Final = Verdict(Answer.REFUSED, Revocation.KEY)

GET_CODES: Final[Mapping[str, Verdict]] = {
    "AccessDenied": _BUCKET,
    "AllAccessDisabled": _BUCKET,
    "403": _BUCKET,  # an answer without a code, as some stores give
    "NoSuchBucket": Verdict(Answer.REFUSED, Revocation.BUCKET_GONE),
    "NoSuchKey": Verdict(Answer.REFUSED, Revocation.MARKER),
    "404": Verdict(Answer.REFUSED, Revocation.MARKER),
    "InvalidObjectState": Verdict(Answer.REFUSED, Revocation.MARKER),  # it was moved to an archive
    "InvalidAccessKeyId": STALE,
    "InvalidToken": STALE,
    "ExpiredToken": STALE,
    "TokenRefreshRequired": STALE,
    "KMS.DisabledException": _KEY,
    "KMS.NotFoundException": _KEY,
    "KMS.KMSInvalidStateException": _KEY,  # waits to be deleted, or its material was taken away
    "KMS.AccessDeniedException": _KEY,
    "KMS.InvalidKeyUsageException": _KEY,
    "KMS.InvalidGrantTokenException": _KEY,
}


_WRAPPING_KEY: Final = Verdict(Answer.REFUSED, Revocation.WRAPPING_KEY)
# Of Encrypt and Decrypt themselves. What stands not here (throttling, KeyUnavailableException) is KMS's own trouble.
KMS_CODES: Final[Mapping[str, Verdict]] = {
    "AccessDeniedException": _WRAPPING_KEY,
    "DisabledException": _WRAPPING_KEY,
    "NotFoundException": _WRAPPING_KEY,
    "KMSInvalidStateException": _WRAPPING_KEY,  # waits to be deleted, or its material was taken away
    "InvalidKeyUsageException": _WRAPPING_KEY,
    "InvalidCiphertextException": _WRAPPING_KEY,  # another key, or the same one under another encryption context
    "IncorrectKeyException": _WRAPPING_KEY,
    "ExpiredTokenException": STALE,
    "InvalidClientTokenId": STALE,
    "UnrecognizedClientException": STALE,
}


def of_kms(code: str, status: int) -> Verdict:
    """Return what a failed Encrypt or Decrypt with a company's own key says.

    >>> of_kms("DisabledException", 400).by.value, of_kms("ThrottlingException", 400).answer.value
    ('wrapping_key', 'away')
    """
    return AWAY if status >= 500 else KMS_CODES.get(code, AWAY)


def of_get(code: str, status: int) -> Verdict:
    """Return what a failed GET of the marker says.

    Args:
        code: of the answer's body; "" where there was none.
        status: of HTTP; 0 where there was no answer.

    >>> of_get("KMS.DisabledException", 400).by.value, of_get("SlowDown", 503).answer.value, of_get("", 0).answer.value
    ('key', 'away', 'away')
    """
    if status >= 500 or status == 429:
        return AWAY
    return GET_CODES.get(code or str(status), AWAY)
