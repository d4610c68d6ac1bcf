"""Where the mark bands of a rung lie: on whole slices, at the same place of the picture on every rung. Pure; no I/O.

A mark band is a strip over the whole width whose slices may be replaced later, for one viewer, without a change to
anything outside. x264 cuts a picture into slices of equal height, so a band is one such slice of the base; docs/adr/
0011-mark-bands.md tells why.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from reelkeep.media import MACROBLOCK_PX, MAX_BANDS, Band

BAND_HEIGHT: Final = Fraction(1, 17)  # of the picture: 64 of 1080 lines, enough for a line of text to be read
# The upper edges, as fractions of the picture: none at an edge, where cropping takes it, nor where subtitles stand.
BAND_PLACES: Final = {
    1: (Fraction(13, 17),),
    2: (Fraction(3, 17), Fraction(13, 17)),
    3: (Fraction(3, 17), Fraction(8, 17), Fraction(13, 17)),
}
MIN_BAND_ROWS: Final = 2  # 32 pixels: less holds no text


def place_bands(height_px: int, count: int) -> tuple[Band, ...]:
    """Return the bands of a picture of this height, all equally tall; none if it is too small for ``count`` of them.

    The picture is cut into slices as tall as a band, so a band begins at a multiple of its own height.

    >>> place_bands(1080, 2)
    (Band(first_row=12, rows=4), Band(first_row=52, rows=4))
    >>> place_bands(360, 1)
    (Band(first_row=18, rows=2),)
    >>> place_bands(96, 2)
    ()

    Raises:
        ValueError: no picture has so many bands.
    """
    if not 0 <= count <= MAX_BANDS:
        raise ValueError("a picture has up to three mark bands")
    rows = -(-height_px // MACROBLOCK_PX)
    tall = max(MIN_BAND_ROWS, round(rows * BAND_HEIGHT))
    bands = tuple(Band(round(rows * place / tall) * tall, tall) for place in BAND_PLACES.get(count, ()))
    edges = [0, *(edge for band in bands for edge in (band.first_row, band.end_row)), rows]
    fits = all(after - before >= tall for before, after in zip(edges[::2], edges[1::2], strict=True))
    return bands if fits else ()


def bands_share(height_px: int, bands: tuple[Band, ...]) -> Fraction:
    """Return how much of a picture lies in its bands."""
    return Fraction(sum(band.rows for band in bands) * MACROBLOCK_PX, height_px)
