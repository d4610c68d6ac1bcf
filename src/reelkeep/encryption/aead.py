"""One way to wrap a small secret: AES-256-GCM with a random nonce and a context. Pure except for the random source.

Follows NIST SP 800-38D. Random 96-bit nonces are safe for 2**32 wraps under one key; a company's versions and a
version's content keys stay far below that. Segments are not wrapped but sealed (``sealing``), with counted nonces.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reelkeep.errors import IsolationError

NONCE_BYTES: Final = 12  # SP 800-38D, 5.2.1.1
TAG_BYTES: Final = 16
WRAP_KEY_BYTES: Final = 32


class WrapBroken(IsolationError):
    """A wrapped key does not open: it was altered, moved, or belongs to another key."""


def wrap(key: bytes, plain: bytes, context: str) -> bytes:
    """Return ``plain`` encrypted under ``key`` and bound to ``context``; NONCE_BYTES + TAG_BYTES longer than it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unwrap(key: bytes, wrapped: bytes, context: str) -> bytes:
    """Return what ``wrap`` was given.

    Raises:
        WrapBroken: another key, another context, or altered bytes; nothing was decrypted.
    """
    if len(wrapped) < NONCE_BYTES + TAG_BYTES:
        raise WrapBroken("a wrapped key is too short")
    try:
        return AESGCM(key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context.encode())
    except InvalidTag:
        raise WrapBroken from None
