"""Writes ISO base media file format boxes. Pure; no I/O. Follows ISO/IEC 14496-12:2022, 4.2."""

from __future__ import annotations

import struct


def box(name: bytes, *parts: bytes) -> bytes:
    """Return a box of ``parts``.

    >>> box(b"free", b"ab").hex()
    '0000000a667265656162'
    """
    size = 8 + sum(map(len, parts))
    return b"".join((struct.pack(">I", size), name, *parts))


def full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box with version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def descriptor(tag: int, *parts: bytes) -> bytes:
    """Return a descriptor of ISO/IEC 14496-1, 8.3.3, of at most 127 bytes."""
    body = b"".join(parts)
    if len(body) > 127:
        raise ValueError("a descriptor of more than 127 bytes is not written here")
    return bytes((tag, len(body))) + body
