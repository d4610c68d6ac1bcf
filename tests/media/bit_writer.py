"""Writes the bit syntax of H.264 in tests: the other way round than the parser, and independent of it."""

from __future__ import annotations


class BitWriter:
    def __init__(self) -> None:
        self.text = ""

    def bits(self, value: int, count: int) -> BitWriter:
        self.text += f"{value:0{count}b}" if count else ""
        return self

    def ue(self, value: int) -> BitWriter:
        code = f"{value + 1:b}"
        self.text += "0" * (len(code) - 1) + code
        return self

    def se(self, value: int) -> BitWriter:
        return self.ue(2 * value - 1 if value > 0 else -2 * value)

    def data(self) -> bytes:
        """Return the bytes, filled up with ones."""
        text = self.text + "1" * (-len(self.text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def escape(raw: bytes) -> tuple[bytes, list[int]]:
    """Return a NAL unit with emulation prevention, and for each raw byte its place in it."""
    out, places, zeros = bytearray(), [], 0
    for byte in raw:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        places.append(len(out))
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out), places
