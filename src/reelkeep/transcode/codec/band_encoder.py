"""The encoder of a rung with mark bands: the picture around them, the bands apart, and both put together GOP by GOP.

While the picture is encoded, static noise stands in its bands, so that nothing outside is predicted from inside; those
slices are dropped. The bands are encoded at the same time as a small picture of their own. Every GOP is decoded and
compared before it goes out (``leakage``), while the next is encoded; one that leaks is encoded again another way.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Final

import av

from reelkeep.media import MACROBLOCK_PX, Band, FrameRate, Rung
from reelkeep.transcode.bands import bands_share
from reelkeep.transcode.codec.leakage import DRIFT_LIMIT_DB, LEAK_LIMIT_DB, Gop, leak_db
from reelkeep.transcode.codec.noise import Planes, noise
from reelkeep.transcode.codec.planes import new_picture, planes_of, put, put_chroma_edges, put_real_edges, rows_of
from reelkeep.transcode.codec.processors import stand_behind
from reelkeep.transcode.codec.slice_header import Widths
from reelkeep.transcode.codec.splice import Mismatch, Splicer, places_in_stack, stack_rows
from reelkeep.transcode.codec.video_encoder import Settings, fragment_of, open_x264, slices_only, track_of
from reelkeep.transcode.protocol import Fragment, Track

# Both encoders must make the same kinds of pictures at the same places, whatever is in them.
_FIXED_PATTERN: Final = ("b-adapt=0", "b-pyramid=none", "weightp=0", "ref=1")
_BAND_RATE: Final = Fraction(150, 100)  # of a band's share of the picture: it cannot be predicted from what is around
_BAND_CRF_LESS: Final = 1.0  # a mark is drawn on what a decoder makes of the band, and encoded once more
# Across a soft edge one picture goes on, and the filter would have to do the same on both sides: there is none.
_NO_DEBLOCKING: Final = ("no-deblock=1",)
_SOFT_PART: Final = Fraction(1, 4)  # of a band's height at each edge: no mark is drawn there
_MAX_CHECKING: Final = 1  # GOPs whose pictures are kept while the next is encoded


class Way(enum.Enum):
    """How a GOP is kept from leaking; one that does gets the next."""

    HARD = "hard"  # noise up to the edge: it is not predicted from, unless the picture has nothing better
    SOFT = "soft"  # the real lines at the edges, then noise: what is predicted from them is right but for their coding
    ALONE = "alone"  # every picture is a keyframe: nothing can be predicted from anywhere else


_RATES: Final = {Way.HARD: 1, Way.SOFT: 1, Way.ALONE: 4}  # times the cap of a rung


class BandEncoder:
    """Encodes frames of consecutive grid numbers from ``first`` on, like ``VideoEncoder``, for a rung with bands.

    Holds the pictures of the GOPs under way until they have been checked. GOPs come out in order.

    Args:
        limits_db: what a GOP must reach with hard and with soft edges, or it is encoded again.
    """

    def __init__(
        self,
        rung: Rung,
        rate: FrameRate,
        first: int,
        limits_db: tuple[float, float] = (LEAK_LIMIT_DB, DRIFT_LIMIT_DB),
    ) -> None:
        self._rung = rung
        self._limits_db = dict(zip((Way.HARD, Way.SOFT), limits_db, strict=True))
        self._rate = rate
        self.first = first
        self._held: list[tuple[int, Any]] = []
        self._checker = ThreadPoolExecutor(1, "check", initializer=stand_behind)
        self._checking: deque[Future[Fragment]] = deque()
        self._pair = _Pair(rung, rate, Way.HARD)
        self._track = track_of(rung, rate, self._pair.base)
        self._small_config = bytes(self._pair.both[1].extradata)
        self._splicer = Splicer(
            rung.bands, rung.width_px, *(Widths.of(bytes(each.extradata)) for each in self._pair.both)
        )

    def track(self) -> Track:
        """Describe the track, also before the first frame."""
        return self._track

    def encode(self, number: int, picture: Any) -> Iterator[Fragment]:
        """Take the picture of grid frame ``number``, which stays as it is; yield GOPs that are complete now."""
        self._held.append((number, picture))
        self._pair.add(number, picture)
        while self._pair.length >= self._rung.gop_frames:
            self._check(self._rung.gop_frames)
        while self._checking and (len(self._checking) > _MAX_CHECKING or self._checking[0].done()):
            yield self._checking.popleft().result()

    def finish(self) -> Iterator[Fragment]:
        """Yield everything that is left; the encoder cannot be used afterwards."""
        self._pair.finish()
        while self._held:
            self._check(min(len(self._held), self._rung.gop_frames))
        self._checker.shutdown(wait=False)
        while self._checking:
            yield self._checking.popleft().result()

    def _check(self, length: int) -> None:
        pictures = self._held[:length]
        del self._held[:length]
        self._checking.append(self._checker.submit(self._gop, pictures, *self._pair.take(length)))

    def _gop(self, pictures: Sequence[tuple[int, Any]], base: Sequence[Any], bands: Sequence[Any]) -> Fragment:
        bodies = self._checked(base, bands, Way.HARD)
        if bodies is None:
            base, bands = self._again(pictures, Way.SOFT)
            bodies = self._checked(base, bands, Way.SOFT)
        if bodies is None:
            base, bands = self._again(pictures, Way.ALONE)
            bodies = self._spliced(base, bands)  # there is nothing to check: no picture reaches into another
        return fragment_of(self._rung, self._rate, pictures[0][0], base, bodies)

    def _again(self, pictures: Sequence[tuple[int, Any]], way: Way) -> tuple[list[Any], list[Any]]:
        pair = _Pair(self._rung, self._rate, way)
        for number, picture in pictures:
            pair.add(number, picture)
        pair.finish()
        return pair.take(len(pictures))

    def _spliced(self, base: Sequence[Any], bands: Sequence[Any]) -> list[bytes]:
        """Return the pictures with their bands; raise Mismatch if they do not fit."""
        return [
            self._splicer.splice(slices_only(bytes(picture)), bytes(small))
            for picture, small in zip(base, bands, strict=True)
        ]

    def _checked(self, base: Sequence[Any], bands: Sequence[Any], way: Way) -> list[bytes] | None:
        """Return the spliced pictures, or None if they leak."""
        try:
            spliced = self._spliced(base, bands)
        except Mismatch:
            return None
        around, small = [slices_only(bytes(packet)) for packet in base], [bytes(packet) for packet in bands]
        rung, config = self._rung, self._track.codec_config
        gop = Gop(config, spliced, around, rung.bands, self._small_config, small, places_in_stack(rung.bands))
        return spliced if leak_db(gop) >= self._limits_db[way] else None


class _Pair:
    """The two encoders of one rung, fed in step, side by side."""

    def __init__(self, rung: Rung, rate: FrameRate, way: Way) -> None:
        self._rung, self._way = rung, way
        slice_rows, row_macroblocks = rung.bands[0].rows, -(-rung.width_px // MACROBLOCK_PX)
        self._stack_px = stack_rows(rung.bands) * MACROBLOCK_PX
        self._places = places_in_stack(rung.bands)
        # Not bframes=0 for keyframes alone: the headers would have another form than the track's.
        filtering = _NO_DEBLOCKING if way is Way.SOFT else ()
        max_bps = rung.max_bps * _RATES[way]
        bands_bps = round(max_bps * min(Fraction(1, 2), _BAND_RATE * bands_share(rung.height_px, rung.bands)))
        common = (*_FIXED_PATTERN, *filtering, f"slice-max-mbs={slice_rows * row_macroblocks}")

        around = Settings(rung.gop_frames, rung.crf, max_bps - bands_bps, common)
        inside = Settings(rung.gop_frames, max(0.0, rung.crf - _BAND_CRF_LESS), bands_bps, common)
        self.base = open_x264(rung.width_px, rung.height_px, around, rate)
        self._bands = open_x264(rung.width_px, self._stack_px, inside, rate)
        self._beside = ThreadPoolExecutor(1, "bands")
        self._packets: tuple[list[Any], list[Any]] = ([], [])
        self._fill = [noise(rung.width_px, band.rows, number) for number, band in enumerate(rung.bands)]
        self._guard = noise(rung.width_px, slice_rows, len(rung.bands))

    @property
    def both(self) -> tuple[Any, Any]:
        return self.base, self._bands

    @property
    def length(self) -> int:
        """How many pictures have come out of both."""
        return min(map(len, self._packets))

    def add(self, number: int, picture: Any) -> None:
        samples = planes_of(picture)
        around = new_picture(self._rung.width_px, self._rung.height_px)
        put(planes_of(around), samples)
        small = new_picture(self._rung.width_px, self._stack_px)
        target = planes_of(small)
        edge = 0
        for band, place, fill in zip(self._rung.bands, self._places, self._fill, strict=True):
            put(rows_of(planes_of(around), band.first_row, band.end_row), fill)
            put(rows_of(target, edge, place.first_row), self._guard)
            put(rows_of(target, place.first_row, place.end_row), rows_of(samples, band.first_row, band.end_row))
            edge = place.end_row
        put(rows_of(target, edge, self._stack_px // MACROBLOCK_PX), self._guard)
        for band, place in zip(self._rung.bands, self._places, strict=True):
            self._put_edges(planes_of(around), samples, band, band, beyond=0)
            self._put_edges(target, samples, place, band, beyond=1)
        for context, each in zip(self.both, (around, small), strict=True):
            each.pts, each.time_base = number, context.time_base
            each.pict_type = av.video.frame.PictureType.I if self._way is Way.ALONE else 0
        self._encode(around, small)

    def _put_edges(self, target: Planes, samples: Planes, place: Band, real: Band, *, beyond: int) -> None:
        if self._way is Way.SOFT:
            put_real_edges(target, samples, place, real, int(_SOFT_PART * real.rows * MACROBLOCK_PX), beyond=beyond)
        else:
            put_chroma_edges(target, samples, place, real, beyond=beyond)

    def finish(self) -> None:
        """Let both come to their ends; nothing is added afterwards."""
        self._encode(None, None)
        self._beside.shutdown(wait=False)

    def _encode(self, around: Any, small: Any) -> None:
        bands = self._beside.submit(self._bands.encode, small)
        self._packets[0].extend(self.base.encode(around))
        self._packets[1].extend(bands.result())

    def take(self, length: int) -> tuple[list[Any], list[Any]]:
        """Return the next pictures of both, in decode order."""
        taken = self._packets[0][:length], self._packets[1][:length]
        del self._packets[0][:length], self._packets[1][:length]
        return taken
