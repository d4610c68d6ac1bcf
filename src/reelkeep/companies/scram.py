"""Verifiers of passwords as PostgreSQL keeps them, made here, so that a password never reaches the server's log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Final

ITERATIONS: Final = 1
_SALT_BYTES: Final = 16
_HASH: Final = "sha256"


def verifier_of(password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the SCRAM-SHA-256 verifier of a password of random characters.

    Iterations make guessing a password that somebody chose dear (RFC 7677, section 4: 4,096 of them). These have 256
    random bits, which nobody guesses; so one is enough, and no process pays for the others with each connection.

    Source: RFC 5802, section 3; the form is that of pg_authid.rolpassword (PostgreSQL, 52.8).

    Args:
        password: ASCII, so that SASLprep (RFC 4013) leaves it as it is.
        salt: random if not given.
    """
    salt = salt or os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac(_HASH, password.encode("ascii"), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", _HASH)).digest()
    server_key = hmac.digest(salted, b"Server Key", _HASH)
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
