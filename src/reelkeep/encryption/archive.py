"""An encrypted stream of any length, in chunks, for backups: what comes out of it was put in, in order and to the end.

Follows the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, CRYPTO 2015) with AES-256-GCM, as the age file format does: the nonce of a chunk is its
number and whether it is the last, so that none can be left out, moved or added, and no end can be made up.

    MAGIC | length of the header, 4 bytes | header, JSON | chunks: CHUNK_BYTES and a tag each, the last one shorter

The header is readable without a key; each chunk is bound to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reelkeep.encryption.aead import TAG_BYTES
from reelkeep.errors import IsolationError

MAGIC: Final = b"reelkeep-archive-1\n"
CHUNK_BYTES: Final = 1 << 20  # held in memory twice; a tag is 0.0015 % of it
MAX_HEADER_BYTES: Final = 16 << 10
_LENGTH_BYTES: Final = 4
_COUNTER_BYTES: Final = 11


class ArchiveBroken(IsolationError):
    """This archive was cut off or altered, or belongs to another key."""

    default_advice = "Do not use it; take another copy or an earlier backup. Nothing was changed."


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class ArchiveWriter:
    """Writes one archive. Without ``close`` it has no end, and no reader takes it.

    Args:
        key: 32 bytes that no other archive has: the nonces only count.
    """

    def __init__(self, sink: Sink, key: bytes, header: Mapping[str, str]) -> None:
        encoded = json.dumps(header, sort_keys=True).encode()
        if len(encoded) > MAX_HEADER_BYTES:
            raise ValueError("the header of an archive is too long")
        begin = MAGIC + len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded
        self._sink, self._cipher, self._bound_to = sink, AESGCM(key), hashlib.sha256(begin).digest()
        self._pending, self._number = bytearray(), 0
        sink.write(begin)

    def write(self, data: bytes) -> None:
        """Take plain bytes, as many as one likes."""
        self._pending += data
        while len(self._pending) > CHUNK_BYTES:  # the last chunk is known only once there is more, or no more
            self._put(bytes(self._pending[:CHUNK_BYTES]), is_last=False)
            del self._pending[:CHUNK_BYTES]

    def close(self) -> None:
        """Write the end. The sink stays open."""
        self._put(bytes(self._pending), is_last=True)
        self._pending.clear()

    def _put(self, plain: bytes, *, is_last: bool) -> None:
        self._sink.write(self._cipher.encrypt(_nonce(self._number, is_last), plain, self._bound_to))
        self._number += 1


class ArchiveReader:
    """Reads one archive. No byte comes out that was not authenticated; ``header`` is, once a first byte was read.

    Raises:
        ArchiveBroken: it is no archive.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        begin = _exactly(source, len(MAGIC) + _LENGTH_BYTES)
        length = int.from_bytes(begin[len(MAGIC) :], "big")
        if not begin.startswith(MAGIC) or length > MAX_HEADER_BYTES:
            raise ArchiveBroken("this file is no backup of Reelkeep, or was made by another release")
        encoded = _exactly(source, length)
        self.header = _parse(encoded)
        self._bound_to = hashlib.sha256(begin + encoded).digest()
        self._cipher: AESGCM | None = None
        self._number, self._plain, self._at_end = 0, bytearray(), False
        self._ahead = b""

    def open(self, key: bytes) -> None:
        """Give the key; nothing is decrypted yet."""
        self._cipher = AESGCM(key)
        self._ahead = self._source.read(CHUNK_BYTES + TAG_BYTES)

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` plain bytes.

        Raises:
            ArchiveBroken: it was altered, or ends before; what was returned earlier is authentic, but not the whole.
        """
        while len(self._plain) < size:
            if self._at_end:
                raise ArchiveBroken("this archive ends too early")
            self._take()
        taken = bytes(self._plain[:size])
        del self._plain[:size]
        return taken

    def finish(self) -> None:
        """Make sure that this was all; raise ArchiveBroken if anything follows, or the end is missing."""
        while not self._at_end and not self._plain:
            self._take()
        if self._plain or self._source.read(1):
            raise ArchiveBroken("this archive does not end where it should")

    def _take(self) -> None:
        if self._cipher is None:
            raise ValueError("the archive was not opened")
        sealed, self._ahead = self._ahead, self._source.read(CHUNK_BYTES + TAG_BYTES)
        is_last = not self._ahead
        try:
            self._plain += self._cipher.decrypt(_nonce(self._number, is_last), sealed, self._bound_to)
        except (InvalidTag, ValueError):
            raise ArchiveBroken from None
        self._number, self._at_end = self._number + 1, is_last


def _nonce(number: int, is_last: bool) -> bytes:
    """Return the nonce of a chunk.

    >>> _nonce(258, True).hex()
    '000000000000000000010201'
    """
    return number.to_bytes(_COUNTER_BYTES, "big") + bytes([is_last])


def _exactly(source: Source, size: int) -> bytes:
    found = source.read(size)
    if len(found) != size:
        raise ArchiveBroken("this file is no backup of Reelkeep, or its beginning is missing")
    return found


def _parse(encoded: bytes) -> Mapping[str, str]:
    try:
        found: Any = json.loads(encoded)
    except ValueError:
        raise ArchiveBroken("the header of this archive cannot be read") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ArchiveBroken("the header of this archive is not one")
    return found
