"""The outer seal of everything under a proxy prefix: AES-256-GCM with counted nonces. Pure; no I/O.

Follows NIST SP 800-38D, deterministic construction (8.2.1): 4 bytes say what is sealed, 8 bytes count. Key, kind and
number together are used once: the key is derived with the attempt's salt, and Sealer refuses a number it has seen.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reelkeep.errors import IsolationError
from reelkeep.ids import CompanyId, VersionId

SEAL_OVERHEAD_BYTES: Final = 16  # the GCM tag; the nonce is derived, never stored
_MAX_NUMBER: Final = (1 << 64) - 1
_AAD_LABEL: Final = "reelkeep/sealed/v0"


class SealBroken(IsolationError):
    """A sealed object was altered, swapped, or belongs elsewhere."""

    default_advice = "Do not use this object; compare the bucket's access log with the grants, then transcode again."


class NonceReuse(IsolationError):
    """Something was about to be sealed twice under one key and nonce."""

    default_advice = "Report this as a defect; the attempt was stopped before anything was written."


class SealKind(enum.Enum):
    """What is sealed: the first four bytes of the nonce."""

    SEGMENT = b"sgmt"
    INDEX = b"indx"
    POSTER = b"pstr"
    TILES = b"tile"
    PEAKS = b"peak"
    TIMES = b"time"


@dataclass(frozen=True)
class SealContext:
    """Where a sealed object belongs. It is authenticated with the seal, not stored with it."""

    company_id: CompanyId
    version_id: VersionId
    attempt_number: int
    rendition: str

    def associated_data(self, kind: SealKind, number: int) -> bytes:
        """Return the canonical bytes of place, kind and number: each field with its length before it.

        >>> context = SealContext(CompanyId("c"), VersionId("v"), 1, "v360")
        >>> context.associated_data(SealKind.SEGMENT, 0)[-15:]
        b'\\x00\\x04v360\\x00\\x04sgmt\\x00\\x010'
        """
        fields = (
            _AAD_LABEL, self.company_id, self.version_id, str(self.attempt_number), self.rendition,
            kind.value.decode(), str(number),
        )  # fmt: skip
        return b"".join(len(each.encode()).to_bytes(2, "big") + each.encode() for each in fields)


def nonce_of(kind: SealKind, number: int) -> bytes:
    """Return the nonce: kind, then number.

    >>> nonce_of(SealKind.SEGMENT, 258).hex()
    '73676d740000000000000102'
    """
    if not 0 <= number <= _MAX_NUMBER:
        raise ValueError("a sealed thing's number has 64 bits")
    return kind.value + number.to_bytes(8, "big")


def seal(key: bytes, kind: SealKind, number: int, context: SealContext, plain: bytes) -> bytes:
    """Return ``plain`` sealed, SEAL_OVERHEAD_BYTES longer.

    The caller vouches that key, kind and number were never used together before; Sealer does so by itself.
    """
    return AESGCM(key).encrypt(nonce_of(kind, number), plain, context.associated_data(kind, number))


def unseal(
    key: bytes, kind: SealKind, number: int, context: SealContext, sealed: bytes | bytearray | memoryview
) -> bytes:
    """Return what was sealed.

    Raises:
        SealBroken: a bit was changed, or it was sealed for another place, kind or number; no byte of it is returned.
    """
    plain = bytearray(max(0, len(sealed) - SEAL_OVERHEAD_BYTES))
    unseal_into(key, kind, number, context, sealed, plain)
    return bytes(plain)


def unseal_into(
    key: bytes,
    kind: SealKind,
    number: int,
    context: SealContext,
    sealed: bytes | bytearray | memoryview,
    into: bytearray | memoryview,
) -> None:
    """Do as ``unseal`` with memory that is there, SEAL_OVERHEAD_BYTES shorter than ``sealed``.

    Raises:
        SealBroken: as ``unseal``; nobody may use what ``into`` holds then.
    """
    if len(sealed) != len(into) + SEAL_OVERHEAD_BYTES:
        raise SealBroken("a sealed object was cut off")
    try:
        AESGCM(key).decrypt_into(nonce_of(kind, number), sealed, context.associated_data(kind, number), into)
    except InvalidTag:
        raise SealBroken from None


class Sealer:
    """Seals one rendition of one attempt, each number of a kind once.

    Args:
        key: from ``VersionKey.seal_key`` or ``index_key`` with this attempt's own salt.
    """

    def __init__(self, key: bytes, context: SealContext) -> None:
        self._key = key
        self._context = context
        self._used: set[tuple[SealKind, int]] = set()

    def seal(self, kind: SealKind, number: int, plain: bytes) -> bytes:
        """Return ``plain`` sealed; raise NonceReuse, with nothing sealed, if the number was used before."""
        if (kind, number) in self._used:
            raise NonceReuse(f"{kind.name.lower()} {number} of {self._context.rendition} was about to be sealed twice")
        self._used.add((kind, number))
        return seal(self._key, kind, number, self._context, plain)
