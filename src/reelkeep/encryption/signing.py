"""The installation's signing key (Ed25519, RFC 8032): signs documents of fixed types, and nothing else.

Its file holds the public key in the clear and the private one wrapped by the keyring. A signed document carries the
very text that was signed, so nobody has to agree on how JSON is written; whoever checks it must know the public key
from elsewhere, such as the marker in the company's bucket.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from reelkeep.encryption.key_file import create_once
from reelkeep.encryption.keyring import Keyring
from reelkeep.errors import RequestError

DOCUMENT_TYPES: Final = frozenset({"reelkeep-drill-1"})
MAX_DOCUMENT_BYTES: Final = 1 << 20
_FORMAT: Final = "reelkeep-signing-key-0"
_CONTEXT: Final = "signing-key"
_DOMAIN: Final = b"reelkeep signed document\x00"  # no other signature is one of these


class NotSigned(RequestError):
    """This is not a document as it was signed by the key that is named."""

    code = "not_signed"
    default_advice = "Ask whoever gave you the document for the file as it was written, and check the public key."


class SigningKey:
    """Made by ``open`` alone."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"SigningKey({self.public_text})"

    @classmethod
    def open(cls, path: Path, keyring: Keyring) -> SigningKey:
        """Open the key's file, or make it; two processes that make it at once end with the same key.

        Raises:
            KeyringBroken: the file was made under another keyring, or altered.
        """
        if not path.exists():
            _create(path, keyring)
        fields = json.loads(path.read_text(encoding="ascii"))
        seed = keyring.unwrap(bytes.fromhex(fields["wrapped"]), _CONTEXT)
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_text(self) -> str:
        """The public key as base64 of its 32 bytes."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, kind: str, fields: Mapping[str, Any]) -> dict[str, str]:
        """Return a signed document: ``{"type", "signed", "public_key", "signature"}``.

        Args:
            kind: one of DOCUMENT_TYPES.
            fields: of the document; they hold no secret.
        """
        if kind not in DOCUMENT_TYPES:
            raise ValueError("no document of this type is ever signed")
        text = json.dumps({**fields, "type": kind}, indent=1, ensure_ascii=True)
        signature = self._key.sign(_DOMAIN + text.encode())
        return {
            "type": kind,
            "signed": text,
            "public_key": self.public_text,
            "signature": base64.b64encode(signature).decode(),
        }


def check(document: Mapping[str, Any], public_text: str) -> dict[str, Any]:
    """Return the fields of a signed document.

    Args:
        document: as ``SigningKey.sign`` wrote it, from anywhere.
        public_text: the public key that it must be signed by, known from elsewhere.

    Raises:
        NotSigned: it is not, or is no such document.
    """
    try:
        text = document["signed"].encode()
        signature = base64.b64decode(document["signature"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_text, validate=True))
        key.verify(signature, _DOMAIN + text)
        fields: dict[str, Any] = json.loads(text)
    except (InvalidSignature, KeyError, AttributeError, TypeError, ValueError, binascii.Error, RecursionError):
        raise NotSigned from None
    if fields.get("type") not in DOCUMENT_TYPES or fields["type"] != document.get("type"):
        raise NotSigned
    return fields


def _create(path: Path, keyring: Keyring) -> None:
    key = Ed25519PrivateKey.generate()
    fields = {
        "format": _FORMAT,
        "public_key": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        "wrapped": keyring.wrap(key.private_bytes_raw(), _CONTEXT).hex(),
    }
    create_once(path, fields)
