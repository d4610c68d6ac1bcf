"""The operator's keyring: wraps the companies' keys. Here as a local file, for a single machine.

The file is JSON with format, key id and key; mode 0600, written whole and only once. Whoever reads it and the registry
reads every company's keys, so it belongs on the operator's host and in the operator's own backup.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Protocol

from reelkeep.encryption.aead import WRAP_KEY_BYTES, WrapBroken, unwrap, wrap
from reelkeep.encryption.key_file import create_once
from reelkeep.errors import IsolationError

_FORMAT: Final = "reelkeep-keyring-0"
_KEY_ID_BYTES: Final = 8
_MAX_FILE_BYTES: Final = 4096


class KeyringBroken(IsolationError):
    """The keyring cannot be used as it is."""

    default_advice = "Put the keyring file back from the operator's backup, owned by the platform's user, mode 0600."


class Keyring(Protocol):
    """Wraps small secrets under a key that never leaves it."""

    def wrap(self, plain: bytes, context: str) -> bytes:
        """Return ``plain`` wrapped and bound to ``context``, for example ``company-key:<id>``."""

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Return what was wrapped; raise KeyringBroken if key or context are others."""


class LocalKeyring:
    """A keyring in one file. Opens it, or creates it if there is none.

    Args:
        path: the file; its folder must exist. Two processes that create it at once end with the same key.

    Raises:
        KeyringBroken: the file is open to others, not a plain file, or not a keyring. It was not changed.
    """

    def __init__(self, path: Path) -> None:
        try:
            if not path.is_symlink() and not path.exists():
                _create(path)
            content = _read(path)
        except OSError as error:
            raise KeyringBroken(f"the keyring file cannot be made or opened: {error.strerror}") from None
        self._key_id, self._key = _parse(content)

    def __repr__(self) -> str:
        return f"LocalKeyring(key_id={self._key_id.hex()})"

    def wrap(self, plain: bytes, context: str) -> bytes:
        return self._key_id + wrap(self._key, plain, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        if wrapped[:_KEY_ID_BYTES] != self._key_id:
            raise KeyringBroken("this secret was wrapped by another keyring")
        try:
            return unwrap(self._key, wrapped[_KEY_ID_BYTES:], context)
        except WrapBroken:
            raise KeyringBroken("a wrapped secret was altered, or belongs elsewhere") from None


def _create(path: Path) -> None:
    fields = {
        "format": _FORMAT,
        "key_id": secrets.token_hex(_KEY_ID_BYTES),
        "key": secrets.token_hex(WRAP_KEY_BYTES),
    }
    create_once(path, fields)


def _read(path: Path) -> bytes:
    """Return the file's content, after looking at the very file that was opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or stat.S_IMODE(facts.st_mode) & 0o077:
            raise KeyringBroken("the keyring file is open to others, or no plain file; its mode must be 0600")
        if facts.st_uid not in (0, os.geteuid()):
            raise KeyringBroken("the keyring file belongs to another user of this machine")
        return os.read(descriptor, _MAX_FILE_BYTES)
    finally:
        os.close(descriptor)


def _parse(content: bytes) -> tuple[bytes, bytes]:
    try:
        fields = json.loads(content)
        key_id, key = bytes.fromhex(fields["key_id"]), bytes.fromhex(fields["key"])
    except (ValueError, KeyError, TypeError):
        raise KeyringBroken("the keyring file does not hold a keyring") from None
    if fields.get("format") != _FORMAT or len(key_id) != _KEY_ID_BYTES or len(key) != WRAP_KEY_BYTES:
        raise KeyringBroken("the keyring file is of a format that this version does not know")
    return key_id, key
