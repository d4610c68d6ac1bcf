"""Puts the slices of mark bands into pictures that were encoded around them. Pure; no I/O.

The bands of a rung are encoded apart, as one small picture: guard, band, guard, band, guard, from top to bottom, the
guards being noise that is dropped. A slice keeps its bytes but for its header: the place, and what all slices of a
picture must agree on. No slice filters across the upper edge of a band, nor across its lower one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reelkeep.media import MACROBLOCK_PX, Band
from reelkeep.transcode.codec.slice_header import NO_FILTER, WITHIN_SLICES, Header, Widths, moved, read, unescape

_LENGTH_BYTES: Final = 4
_HEADER_BYTES: Final = 80  # of a NAL unit, escaped, that hold its slice header in any case
_SLICES: Final = frozenset({1, 5})  # ITU-T H.264, table 7-1


class Mismatch(Exception):
    """The two encoders did not make slices of one picture."""


def places_in_stack(bands: Sequence[Band]) -> tuple[Band, ...]:
    """Return where the bands lie in the small picture, in their order: each is one slice, and so is each guard."""
    return tuple(Band((2 * number + 1) * band.rows, band.rows) for number, band in enumerate(bands))


def stack_rows(bands: Sequence[Band]) -> int:
    """Return the height of the small picture in macroblock rows."""
    return (2 * len(bands) + 1) * bands[0].rows


class Splicer:
    """Joins access units of the base and of the stack; both have four-byte lengths."""

    def __init__(self, bands: tuple[Band, ...], width_px: int, base: Widths, stack: Widths) -> None:
        if base != stack:
            raise Mismatch("the headers of both encoders differ in form")
        self._widths = base
        self._bands = bands
        self._row_macroblocks = -(-width_px // MACROBLOCK_PX)
        self._places = places_in_stack(bands)

    def splice(self, base: bytes, stack: bytes) -> bytes:
        """Return the whole picture: slices of the base, and those of the bands in their places.

        Raises:
            Mismatch: a picture is not cut at the edges of the bands, or the two are not of one kind.
        """
        inside, spliced = self._inside(stack), []
        below = {band.end_row for band in self._bands}
        for nal in slices_of(base):
            header = read(unescape(nal[:_HEADER_BYTES]), self._widths)
            row = self._row(header)
            if row in inside:
                nal = self._into_picture(inside.pop(row), header)
            elif row in below:
                below.remove(row)
                if header.filtering != NO_FILTER:
                    nal = moved(unescape(nal), header, header, self._widths, header.first_macroblock, WITHIN_SLICES)
            spliced.append(nal)
        if inside or below:
            raise Mismatch("the base is not cut at the edges of the bands")
        return b"".join(len(nal).to_bytes(_LENGTH_BYTES, "big") + nal for nal in spliced)

    def _inside(self, stack: bytes) -> dict[int, bytes]:
        """Return the slices (unescaped) of the bands, by the row of the picture where they belong."""
        rows = {place.first_row: band.first_row for place, band in zip(self._places, self._bands, strict=True)}
        found = {}
        for nal in slices_of(stack):
            row = self._row(read(unescape(nal[:_HEADER_BYTES]), self._widths))
            if row in rows:
                found[rows.pop(row)] = unescape(nal)
        if rows:
            raise Mismatch("a band has no slice")
        return found

    def _row(self, header: Header) -> int:
        row, column = divmod(header.first_macroblock, self._row_macroblocks)
        if column:
            raise Mismatch("a slice does not begin at the left")
        return row

    def _into_picture(self, raw: bytes, of: Header) -> bytes:
        header = read(raw, self._widths)
        if header.nal & 31 != of.nal & 31 or bool(header.nal & 0x60) is not bool(of.nal & 0x60):
            raise Mismatch("a band's picture is of another kind than the base's")
        return moved(raw, header, of, self._widths, of.first_macroblock, WITHIN_SLICES)


def slices_of(access_unit: bytes) -> list[bytes]:
    """Return the slices of an access unit (4-byte lengths); SEI, parameter sets and delimiters are left out."""
    kept, place = [], 0
    while place + _LENGTH_BYTES < len(access_unit):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(access_unit[place:start], "big")
        if access_unit[start] & 0x1F in _SLICES:
            kept.append(access_unit[start:place])
    return kept
