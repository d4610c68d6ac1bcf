"""The tree of keys: the company key wraps version keys; a version key gives seal keys and wraps content keys.

Seal keys are derived by HKDF-SHA256 (RFC 5869) with the salt of one job attempt, so that a repeated attempt never
meets the (key, nonce) pairs of an earlier one. Content keys are those of ISO/IEC 23001-7: they reach players.
"""

from __future__ import annotations

import enum
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reelkeep.encryption.aead import WRAP_KEY_BYTES, WrapBroken, unwrap, wrap
from reelkeep.ids import BackupId, VersionId
from reelkeep.media import TrackKind

SALT_BYTES: Final = 32
CONTENT_KEY_BYTES: Final = 16  # AES-128, ISO/IEC 23001-7
KEY_ID_BYTES: Final = 16
IV_BYTES: Final = 16
SD_BELOW_HEIGHT_PX: Final = 720
HD_UP_TO_HEIGHT_PX: Final = 1080


class KeyClass(enum.Enum):
    """Renditions of one class share a content key, so that a licence can leave out the larger pictures."""

    AUDIO = "audio"
    SD = "sd"
    HD = "hd"
    UHD = "uhd"


def key_class(kind: TrackKind, height_px: int = 0) -> KeyClass:
    """Return the class of a rendition.

    >>> [key_class(TrackKind.VIDEO, height).value for height in (360, 720, 1080, 2160)]
    ['sd', 'hd', 'hd', 'uhd']
    """
    if kind is TrackKind.AUDIO:
        return KeyClass.AUDIO
    if height_px < SD_BELOW_HEIGHT_PX:
        return KeyClass.SD
    return KeyClass.HD if height_px <= HD_UP_TO_HEIGHT_PX else KeyClass.UHD


def new_salt() -> bytes:
    """Return the salt of a new attempt. Nothing may be sealed under a salt that another attempt has used."""
    return secrets.token_bytes(SALT_BYTES)


def new_iv() -> bytes:
    """Return the constant IV of a new rendition."""
    return secrets.token_bytes(IV_BYTES)


@dataclass(frozen=True)
class ContentKey:
    key_id: bytes  # KID: public, it stands in manifests
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key_id) != KEY_ID_BYTES or len(self.key) != CONTENT_KEY_BYTES:
            raise ValueError("a content key and its id have 16 bytes each")


class VersionKey:
    """The key of one version. Made and opened by CompanyKey alone."""

    def __init__(self, version_id: VersionId, key: bytes) -> None:
        _check_length(key)
        self.version_id = version_id
        self._key = key

    def __repr__(self) -> str:
        return f"VersionKey({self.version_id})"

    def seal_key(self, salt: bytes, rendition: str) -> bytes:
        """Return the 32-byte key that seals one rendition's segments in one attempt."""
        return self._derive(salt, f"reelkeep/seal/v0/{rendition}")

    def index_key(self, salt: bytes, rendition: str) -> bytes:
        """Return the 32-byte key that seals the indexes of one rendition's bundles in one attempt."""
        return self._derive(salt, f"reelkeep/index/v0/{rendition}")

    def new_content_keys(self, classes: Iterable[KeyClass]) -> dict[KeyClass, ContentKey]:
        """Return a fresh random content key for each class."""
        return {
            each: ContentKey(secrets.token_bytes(KEY_ID_BYTES), secrets.token_bytes(CONTENT_KEY_BYTES))
            for each in classes
        }

    def wrap_content_key(self, content_key: ContentKey) -> bytes:
        return wrap(self._wrapping_key(), content_key.key, self._content_context(content_key.key_id))

    def unwrap_content_key(self, key_id: bytes, wrapped: bytes) -> ContentKey:
        """Return the content key; raise WrapBroken if it belongs to another version or id."""
        return ContentKey(key_id, unwrap(self._wrapping_key(), wrapped, self._content_context(key_id)))

    def _content_context(self, key_id: bytes) -> str:
        return f"content-key:{self.version_id}:{key_id.hex()}"

    def _wrapping_key(self) -> bytes:
        return self._derive(None, "reelkeep/content-keys/v0")

    def _derive(self, salt: bytes | None, info: str) -> bytes:
        if salt is not None and len(salt) != SALT_BYTES:
            raise ValueError(f"the salt of an attempt has {SALT_BYTES} bytes")
        return HKDF(algorithm=SHA256(), length=WRAP_KEY_BYTES, salt=salt, info=info.encode()).derive(self._key)


class CompanyKey:
    """The key of one company. It wraps version keys and the keys of backups, and nothing else."""

    def __init__(self, key: bytes) -> None:
        _check_length(key)
        self._key = key

    def __repr__(self) -> str:
        return "CompanyKey(...)"

    @classmethod
    def new(cls) -> CompanyKey:
        return cls(secrets.token_bytes(WRAP_KEY_BYTES))

    def reveal(self) -> bytes:
        """Return the bytes themselves: for the keyring that wraps them and the link that carries them to a child."""
        return self._key

    def new_version_key(self, version_id: VersionId) -> tuple[VersionKey, bytes]:
        """Return a fresh version key and its wrapped form, which the database keeps."""
        key = secrets.token_bytes(WRAP_KEY_BYTES)
        return VersionKey(version_id, key), wrap(self._key, key, f"version-key:{version_id}")

    def unwrap_version_key(self, version_id: VersionId, wrapped: bytes) -> VersionKey:
        """Return the version key; raise WrapBroken if it belongs to another version or company."""
        return VersionKey(version_id, unwrap(self._key, wrapped, f"version-key:{version_id}"))

    def new_backup_key(self, backup_id: BackupId) -> tuple[bytes, bytes]:
        """Return a fresh 32-byte key for one backup and its wrapped form, which the backup carries."""
        key = secrets.token_bytes(WRAP_KEY_BYTES)
        return key, wrap(self._key, key, f"backup-key:{backup_id}")

    def unwrap_backup_key(self, backup_id: BackupId, wrapped: bytes) -> bytes:
        """Return the key of a backup; raise WrapBroken if it is another backup's or company's."""
        return unwrap(self._key, wrapped, f"backup-key:{backup_id}")


def content_keys_to_json(version_key: VersionKey, keys: Mapping[KeyClass, ContentKey]) -> dict[str, dict[str, str]]:
    """Return content keys, wrapped, in the form the database keeps: class to kid and wrapped key, in hex."""
    return {
        each.value: {"kid": key.key_id.hex(), "wrapped": version_key.wrap_content_key(key).hex()}
        for each, key in keys.items()
    }


def content_keys_from_json(
    version_key: VersionKey, stored: Mapping[str, Mapping[str, str]]
) -> dict[KeyClass, ContentKey]:
    """Return the content keys of ``content_keys_to_json``; raise WrapBroken if one does not open."""
    return {
        KeyClass(name): version_key.unwrap_content_key(bytes.fromhex(each["kid"]), bytes.fromhex(each["wrapped"]))
        for name, each in stored.items()
    }


def _check_length(key: bytes) -> None:
    if len(key) != WRAP_KEY_BYTES:
        raise WrapBroken(f"a key of {WRAP_KEY_BYTES} bytes was expected")
