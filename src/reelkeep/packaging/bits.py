"""Reads the bit syntax of H.264 and AAC headers from bytes that may be hostile. Pure; no I/O.

Follows ITU-T H.264 (08/2021): emulation prevention 7.4.1.1, Exp-Golomb codes 9.1. Every read is bounded.
"""

from __future__ import annotations

from typing import Final

from reelkeep.errors import IsolationError

_MAX_LEADING_ZEROS: Final = 32  # ue(v) has at most 32 in H.264: values up to 2**32 - 2
_WINDOW_BYTES: Final = 9  # the longest code, 65 bits, from any bit of the first byte on


class BadBitstream(IsolationError):
    """The codec process sent media that its own encoder would not make."""

    default_advice = "The job was stopped. Keep the file and report it: the codec's sandbox may have been attacked."


def unescape(data: bytes) -> tuple[bytes, tuple[int, ...]]:
    """Return a NAL unit without its emulation prevention bytes, and where in ``data`` those stood.

    >>> unescape(bytes.fromhex("65000003010203"))
    (b'e\\x00\\x00\\x01\\x02\\x03', (3,))
    """
    positions: list[int] = []
    pieces: list[bytes] = []
    start = 0
    while (found := data.find(b"\0\0\3", start)) >= 0:
        positions.append(found + 2)
        pieces.append(data[start : found + 2])
        start = found + 3
    pieces.append(data[start:])
    return b"".join(pieces), tuple(positions)


class BitReader:
    """Reads bits, most significant first.

    Every method raises BadBitstream when the data ends before what was asked for.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bits = len(data) * 8
        self.position = 0

    def bits(self, count: int) -> int:
        """Read an unsigned number of ``count`` bits: u(n)."""
        start, end = self.position, self.position + count
        if end > self._bits:
            raise BadBitstream("a header ends too early")
        self.position = end
        after = end + 7 >> 3
        return int.from_bytes(self._data[start >> 3 : after], "big") >> after * 8 - end & (1 << count) - 1

    def flag(self) -> bool:
        return self.bits(1) == 1

    def unsigned(self, largest: int = (1 << 32) - 2) -> int:
        """Read ue(v), at most ``largest``.

        >>> BitReader(bytes([0b00101000])).unsigned()
        4
        """
        first = self.position >> 3
        window = self._data[first : first + _WINDOW_BYTES]
        size = len(window) * 8 - (self.position & 7)
        rest = int.from_bytes(window, "big") & (1 << size) - 1
        zeros = size - rest.bit_length()
        length = 2 * zeros + 1
        if zeros > _MAX_LEADING_ZEROS:
            raise BadBitstream("a number in a header is too long")
        if length > size:
            raise BadBitstream("a header ends too early")
        self.position += length
        value = (rest >> size - length) - 1
        if value > largest:
            raise BadBitstream("a number in a header is out of its range")
        return value

    def signed(self) -> int:
        """Read se(v).

        >>> BitReader(bytes([0b00101000])).signed()
        -2
        """
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)
