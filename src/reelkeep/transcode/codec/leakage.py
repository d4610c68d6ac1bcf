"""Whether anything outside the mark bands of a GOP depends on what is inside.

Decodes the GOP twice, with the bands that are stored and with the noise that stood there while the base was encoded,
and compares what lies outside: no prediction may reach into a band, or a viewer's mark would smear over the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import av
import numpy as np

from reelkeep.media import Band
from reelkeep.transcode.codec.noise import Plane, Planes
from reelkeep.transcode.codec.planes import planes_of, rows_of

# Of the worst picture, over all samples outside. At 60 dB one sample in 15 is off by one, or 300 of 1080p by 20.
LEAK_LIMIT_DB: Final = 60.0
_PEAK: Final = 255


def worst_db(codec_config: bytes, stored: Sequence[bytes], other: Sequence[bytes], bands: Sequence[Band]) -> float:
    """Return the PSNR outside the bands of the worst picture of one GOP, infinite where nothing differs.

    It is 0 where a decoder does not show every picture.

    Args:
        stored, other: the same access units in decode order, with other slices in the bands alone.
    """
    worst, count = 0.0, 0
    try:
        for first, second in zip(_decoded(codec_config, stored), _decoded(codec_config, other), strict=True):
            worst, count = max(worst, _difference(planes_of(first), planes_of(second), bands)), count + 1
    except (av.error.FFmpegError, ValueError):
        return 0.0
    if count != len(stored):
        return 0.0  # pictures that no decoder shows are as wrong as can be
    return 10 * math.log10(_PEAK**2 / worst) if worst else math.inf


def _decoded(codec_config: bytes, units: Sequence[bytes]) -> Iterator[Any]:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata = codec_config
    decoder.thread_type = "SLICE"
    for unit in units:
        yield from decoder.decode(av.Packet(unit))
    yield from decoder.decode(None)


def _difference(first: Planes, second: Planes, bands: Sequence[Band]) -> float:
    """Return the mean squared difference outside."""
    edges = [0, *(edge for band in bands for edge in (band.first_row, band.end_row)), first[0].shape[0]]
    total = samples = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        for one, two in zip(rows_of(first, start, end), rows_of(second, start, end), strict=True):
            total += _squares(one, two)
            samples += one.size
    return total / samples


def _squares(one: Plane, two: Plane) -> int:
    lines = (one != two).any(axis=1)  # hardly any, and this much is quick
    if not lines.any():
        return 0
    off = one[lines].astype(np.int32) - two[lines]
    return int(np.square(off).sum())
