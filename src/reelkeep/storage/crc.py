"""CRC-32 of a whole from the CRC-32s of its parts, and its text form in S3's headers. Pure; no I/O.

The polynomial is that of ISO 3309 and zlib (reflected 0xEDB88320). Appending n zero bytes to a message is a linear
map on its CRC, so the CRC of A+B is map(crc(A), len(B)) xor crc(B). The map for n bytes is the product of the maps for
the powers of two in n.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from functools import lru_cache

from reelkeep.errors import RequestError

_POLYNOMIAL = 0xEDB88320
_BITS = 32
CRC32_BYTES = 4


def combine(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-32 of a message from (CRC-32, length in bytes) of its parts, in order.

    >>> import zlib
    >>> combine([(zlib.crc32(b"hello "), 6), (zlib.crc32(b"world"), 5)]) == zlib.crc32(b"hello world")
    True
    """
    whole = 0
    for crc, length in parts:
        whole = _shift(whole, length) ^ crc
    return whole


def to_bytes(crc: int) -> bytes:
    """Return a CRC-32 as the four bytes, big-endian, that S3 takes."""
    return crc.to_bytes(CRC32_BYTES, "big")


def to_text(crc: bytes) -> str:
    """Return the base64 text of S3's ``x-amz-checksum-crc32``.

    >>> to_text(to_bytes(0x3610A686))
    'NhCmhg=='
    """
    return base64.b64encode(crc).decode("ascii")


def from_text(text: str) -> bytes:
    """Return the four bytes of a base64 CRC-32; raise RequestError if it is none."""
    try:
        crc = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        crc = b""
    if len(crc) != CRC32_BYTES:
        raise RequestError("a CRC-32 is four bytes in base64")
    return crc


def _shift(crc: int, zeros: int) -> int:
    power = 0
    while zeros:
        if zeros & 1:
            crc = _apply(_matrix(power), crc)
        zeros >>= 1
        power += 1
    return crc


@lru_cache(maxsize=64)
def _matrix(power: int) -> tuple[int, ...]:
    """Return the columns of the map for 2**power zero bytes."""
    if power:
        half = _matrix(power - 1)
        return tuple(_apply(half, column) for column in half)
    bit = (_POLYNOMIAL, *(1 << n for n in range(_BITS - 1)))  # one zero bit
    columns = bit
    for _ in range(3):  # 1 -> 2 -> 4 -> 8 bits
        columns = tuple(_apply(columns, column) for column in columns)
    return columns


def _apply(columns: tuple[int, ...], vector: int) -> int:
    result = 0
    for column in columns:
        if vector & 1:
            result ^= column
        vector >>= 1
    return result
