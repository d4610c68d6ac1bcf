"""The last bytes of every object below a proxy prefix: how to open it again with nothing but the keys. Pure; no I/O.

Layout, big-endian: salt of the attempt (32), attempt number (4), number (4), length of the sealed part before it (4),
magic (4). For a bundle that part is its index, for a still the still itself. The footer is not sealed and not
trusted: salt, attempt and number go into the key, the nonce and the associated data of what it points at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from reelkeep.encryption.keys import SALT_BYTES
from reelkeep.encryption.sealing import SealBroken

MAGIC: Final = b"RKB1"  # Reelkeep, bundle, proxy format version 1
_FIELDS: Final = struct.Struct(f">{SALT_BYTES}sIII4s")
FOOTER_BYTES: Final = _FIELDS.size  # 48


@dataclass(frozen=True)
class Footer:
    salt: bytes
    attempt_number: int
    number: int  # of the bundle, or of the still within its kind
    length: int  # sealed bytes that end where the footer begins

    def encode(self) -> bytes:
        return _FIELDS.pack(self.salt, self.attempt_number, self.number, self.length, MAGIC)


def sealed_part(tail: bytes) -> tuple[Footer, bytes]:
    """Return the footer at the end of ``tail`` and the sealed part before it.

    Args:
        tail: the last bytes of an object, enough to hold both.

    Raises:
        SealBroken: there is no footer, or the part does not lie in ``tail``.
    """
    if len(tail) < FOOTER_BYTES:
        raise SealBroken("an object of a proxy is too short")
    salt, attempt_number, number, length, magic = _FIELDS.unpack(tail[-FOOTER_BYTES:])
    if magic != MAGIC or length > len(tail) - FOOTER_BYTES:
        raise SealBroken("an object of a proxy does not end as it should")
    return Footer(salt, attempt_number, number, length), tail[len(tail) - FOOTER_BYTES - length : -FOOTER_BYTES]
