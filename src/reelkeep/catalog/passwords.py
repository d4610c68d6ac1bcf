"""Passwords: argon2id hashes, and a check that takes as long for an unknown account as for a wrong password.

Source: RFC 9106 for argon2id; the cost is the second choice of the OWASP Password Storage Cheat Sheet (19 MiB, 2
passes, 1 lane), because up to four sign-ins run at once in a process that should stay small.
"""

from __future__ import annotations

import secrets
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from reelkeep.errors import RequestError

MIN_PASSWORD_CHARACTERS: Final = 10
MAX_PASSWORD_CHARACTERS: Final = 256
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_NOBODY: Final = (  # the hash of a random text nobody knows, at the same cost
    "$argon2id$v=19$m=19456,t=2,p=1$JVdR98ispskBWtorW7ZcFA$LH996hrn3W7ewuSYj2aYBCNvxjjerze9bqnO4JR6Z30"
)


def hash_password(password: str) -> str:
    """Return the encoded argon2id hash; raise RequestError if the password is too short or too long."""
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise RequestError(f"a password has {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters")
    return _HASHER.hash(password)


def matches(encoded_hash: str | None, password: str) -> bool:
    """Tell whether ``password`` made ``encoded_hash``. With None the same work is done and the answer is no."""
    try:
        _HASHER.verify(encoded_hash or _NOBODY, password[: MAX_PASSWORD_CHARACTERS + 1])
    except (VerificationError, InvalidHashError):
        return False
    return encoded_hash is not None


def new_password() -> str:
    """Return a fresh password of 96 random bits, for an account that somebody else makes."""
    return secrets.token_urlsafe(12)
