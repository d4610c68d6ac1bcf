"""Where the slices of the mark bands lie in each sample of a segment: found, packed and read. Pure; no I/O.

The slices come from the codec process: a range counts only if the headers of its slices, as packaging itself parses
them, say that they begin exactly at the band and that the next slice begins exactly below it.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from reelkeep.media import MACROBLOCK_PX, MAX_BANDS, Band
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.cbcs import Slice

_RANGE: Final = struct.Struct(">II")


class BandRange(NamedTuple):
    """The bytes of one band in one sample: whole NAL units with their lengths; ``offset`` is within the sample."""

    offset: int
    length: int


def find_ranges(slices: Sequence[Slice], bands: Sequence[Band], width_px: int) -> tuple[BandRange, ...]:
    """Return the range of each band in one sample.

    Args:
        slices: all of the sample, in its order.
        width_px: of the picture, for the length of a row of macroblocks.

    Raises:
        BadBitstream: the slices are out of order, or none begins where a band begins or ends.
    """
    if not bands:
        return ()
    row = -(-width_px // MACROBLOCK_PX)
    pairs = list(itertools.pairwise(slices))
    if slices[0].first_macroblock or any(b.first_macroblock <= a.first_macroblock for a, b in pairs):
        raise BadBitstream("the slices of a picture are out of order")
    if any(before.offset + before.length != after.offset for before, after in pairs):
        raise BadBitstream("something lies between the slices of a picture")
    starts = {each.first_macroblock: each.offset for each in slices}
    try:
        edges = [(starts[band.first_row * row], starts[band.end_row * row]) for band in bands]
    except KeyError:
        raise BadBitstream("a picture is not cut at the edges of its mark bands") from None
    return tuple(BandRange(start, end - start) for start, end in edges)


def pack_ranges(samples: Sequence[Sequence[BandRange]]) -> bytes:
    """Return the ranges of a segment: for each sample in decode order, for each band, offset and length in 32 bits.

    >>> pack_ranges([[BandRange(4, 9)], [BandRange(1, 2)]]).hex()
    '00000004000000090000000100000002'
    """
    return b"".join(_RANGE.pack(*each) for sample in samples for each in sample)


def unpack_ranges(packed: bytes, samples: int, bands: int) -> tuple[tuple[BandRange, ...], ...]:
    """Return what ``pack_ranges`` packed; raise ValueError if it is not that many.

    >>> unpack_ranges(bytes.fromhex("0000000400000009"), 1, 1)
    ((BandRange(offset=4, length=9),),)
    """
    if not 0 <= bands <= MAX_BANDS or len(packed) != samples * bands * _RANGE.size:
        raise ValueError("the ranges of the bands are not as many as samples and bands")
    found = [BandRange(*each) for each in _RANGE.iter_unpack(packed)]
    return tuple(tuple(found[number * bands : (number + 1) * bands]) for number in range(samples))
