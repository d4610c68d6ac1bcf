"""Whether what is stored of a GOP depends on what its encoders did not have before them.

Outside the mark bands nothing may be predicted from inside, or a viewer's mark would smear over the picture: a GOP is
decoded with the bands that are stored, and with the noise that stood there while the picture was encoded.
Inside, nothing may be predicted from the noise around: what is stored is compared with the small picture of the bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np

from reelkeep.media import Band
from reelkeep.transcode.codec.noise import Plane, Planes
from reelkeep.transcode.codec.planes import planes_of, rows_of

# PSNR of a sequence as usual: from the squared differences of all its pictures. A leak touches the lines beside a band:
# at 60 dB it is 500 samples of each picture of 1080p that differ by 20. No picture alone may fall below the second.
LEAK_LIMIT_DB: Final = 60.0
# Where the real lines stand at the edges, the difference is that of two encodings of them, and spreads. At 52 dB it
# takes 0.3 dB from a picture of 40 dB.
DRIFT_LIMIT_DB: Final = 52.0
ONE_PICTURE_DB: Final = 48.0
# Inside it is no mark that smears, but noise beside what encoding itself leaves at 36 to 40 dB.
_INSIDE_MORE_DB: Final = 12.0
_PEAK: Final = 255
_THREADS: Final = 2  # of each of three decoders, for each rung


@dataclass(frozen=True)
class Gop:
    """One GOP in decode order.

    Args:
        stored: what is stored.
        around: the same with noise in the bands: what the encoder of the picture had before it.
        small: the bands in their small picture: what their encoder had before it.
        config, small_config: the decoder configurations of the picture and of the small one.
        bands, places: the rows of the bands in the picture and in the small one.
    """

    config: bytes
    stored: Sequence[bytes]
    around: Sequence[bytes]
    bands: Sequence[Band]
    small_config: bytes
    small: Sequence[bytes]
    places: Sequence[Band]


def leak_db(gop: Gop) -> float:
    """Return the PSNR between what is stored and what its encoders had before them, over all pictures of a GOP.

    Outside the bands, or inside with ``_INSIDE_MORE_DB`` added, whichever is lower. It is infinite where nothing
    differs, and 0 where a decoder does not show every picture or one alone is too bad.
    """
    outside: list[float] = []
    inside: list[float] = []
    streams = _decoded(gop.config, gop.stored), _decoded(gop.config, gop.around), _decoded(gop.small_config, gop.small)
    try:
        for stored, around, small in (map(planes_of, shown) for shown in zip(*streams, strict=True)):
            outside.append(_difference(_outside(stored, gop.bands), _outside(around, gop.bands)))
            inside.append(_difference(_rows(stored, gop.bands), _rows(small, gop.places)))
            if _lower(outside[-1], inside[-1]) < ONE_PICTURE_DB:
                return 0.0
    except (av.error.FFmpegError, ValueError):
        return 0.0
    if len(outside) != len(gop.stored):
        return 0.0  # pictures that no decoder shows are as wrong as can be
    return _lower(sum(outside) / len(outside), sum(inside) / len(inside))


def _lower(outside: float, inside: float) -> float:
    return min(_psnr(outside), _psnr(inside) + _INSIDE_MORE_DB)


def _psnr(error: float) -> float:
    return 10 * math.log10(_PEAK**2 / error) if error else math.inf


def _decoded(codec_config: bytes, units: Sequence[bytes]) -> Iterator[Any]:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata = codec_config
    decoder.thread_type, decoder.thread_count = "SLICE", _THREADS
    for unit in units:
        yield from decoder.decode(av.Packet(unit))
    yield from decoder.decode(None)


def _outside(picture: Planes, bands: Sequence[Band]) -> list[Plane]:
    """Return the parts of the planes between the bands."""
    edges = [0, *(edge for band in bands for edge in (band.first_row, band.end_row)), picture[0].shape[0]]
    return [part for start, end in zip(edges[::2], edges[1::2], strict=True) for part in rows_of(picture, start, end)]


def _rows(picture: Planes, bands: Sequence[Band]) -> list[Plane]:
    return [part for band in bands for part in rows_of(picture, band.first_row, band.end_row)]


def _difference(first: Sequence[Plane], second: Sequence[Plane]) -> float:
    """Return the mean squared difference."""
    pairs = list(zip(first, second, strict=True))
    return sum(_squares(one, two) for one, two in pairs) / sum(one.size for one, _ in pairs)


def _squares(one: Plane, two: Plane) -> int:
    lines = (one != two).any(axis=1)  # hardly any, and this much is quick
    if not lines.any():
        return 0
    off = one[lines].astype(np.int32) - two[lines]
    return int(np.square(off).sum())
