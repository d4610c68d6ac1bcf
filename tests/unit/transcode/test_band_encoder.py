"""Rungs with mark bands: what is stored decodes as it should, and nothing outside a band hangs on what is inside."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.clips import footage

from reelkeep.media import MACROBLOCK_PX, Band, FrameRate, Rung
from reelkeep.packaging.band_ranges import find_ranges, pack_ranges, unpack_ranges
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.cbcs import MAX_SUBSAMPLES, Slice
from reelkeep.packaging.h264 import parse_slice_header
from reelkeep.packaging.tracks import video_track
from reelkeep.transcode.bands import place_bands
from reelkeep.transcode.codec import band_encoder
from reelkeep.transcode.codec.band_encoder import BandEncoder
from reelkeep.transcode.codec.leakage import DRIFT_LIMIT_DB, LEAK_LIMIT_DB, ONE_PICTURE_DB, Gop, leak_db
from reelkeep.transcode.codec.slice_header import Widths
from reelkeep.transcode.codec.splice import Splicer, places_in_stack, slices_of, stack_rows
from reelkeep.transcode.codec.video_encoder import Settings, open_x264, slices_only
from reelkeep.transcode.protocol import Fragment

RATE = FrameRate(24, 1)
WIDTH, HEIGHT, FRAMES = 320, 272, 24
BANDS = place_bands(HEIGHT, 2)
LIMITS_DB = (LEAK_LIMIT_DB, DRIFT_LIMIT_DB)
TWICE_DB = 20 * math.log10(2)
RUNG = Rung("v272", WIDTH, HEIGHT, 12, 23.0, 2_000_000, is_step=True, bands=BANDS)


@cache
def source() -> tuple[np.ndarray, ...]:
    """Live footage that moves up by some pixels a frame, so that the search for motion wants to cross the bands."""
    taken = []
    with av.open(str(footage("bikes.mp4"))) as film:
        for number, frame in zip(range(FRAMES), film.decode(video=0), strict=False):
            picture = frame.reformat(width=WIDTH, height=HEIGHT, format="yuv420p").to_ndarray()
            luma = np.roll(picture[:HEIGHT], -6 * number, axis=0)
            chroma = picture[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
            taken.append(np.concatenate([luma, np.roll(chroma, -3 * number, axis=1).reshape(-1, WIDTH)]))
    return tuple(taken)


def pictures(arrays: tuple[np.ndarray, ...]) -> Iterator[tuple[int, Any]]:
    for number, array in enumerate(arrays):
        yield number, av.VideoFrame.from_ndarray(array, format="yuv420p")


def marked(picture: np.ndarray) -> np.ndarray:
    """Draw a white bar through the middle half of each band."""
    drawn = picture.copy()
    for band in BANDS:
        quarter = band.rows * MACROBLOCK_PX // 4
        drawn[band.first_row * MACROBLOCK_PX + quarter : band.end_row * MACROBLOCK_PX - quarter] = 235
    return drawn


def encoded(limits_db: tuple[float, float] = LIMITS_DB, *, mark: bool = False) -> tuple[bytes, list[Fragment]]:
    encoder = BandEncoder(RUNG, RATE, 0, limits_db)
    film = tuple(map(marked, source())) if mark else source()
    made = [fragment for number, picture in pictures(film) for fragment in encoder.encode(number, picture)]
    return encoder.track().codec_config, [*made, *encoder.finish()]


def samples_of(fragment: Fragment) -> list[bytes]:
    ends = np.cumsum([sample.size for sample in fragment.samples])
    return [fragment.body[end - sample.size : end] for end, sample in zip(ends, fragment.samples, strict=True)]


def decoded(config: bytes, units: list[bytes]) -> list[np.ndarray]:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata = config
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))] + decoder.decode(None)
    assert not any(frame.is_corrupt for frame in frames)
    return [frame.to_ndarray()[:HEIGHT].astype(np.int32) for frame in frames]


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    return 10 * math.log10(255**2 / max(1e-9, float(np.square(one - two).mean())))


def test_what_is_stored_shows_every_picture_inside_and_outside_the_bands() -> None:
    config, fragments = encoded()
    assert [(each.first, len(each.samples)) for each in fragments] == [(0, 12), (12, 12)]
    inside = np.zeros(HEIGHT, bool)
    for band in BANDS:
        inside[band.first_row * MACROBLOCK_PX : band.end_row * MACROBLOCK_PX] = True
    for fragment in fragments:
        shown = decoded(config, samples_of(fragment))
        for picture, made in zip(source()[fragment.first :], shown, strict=False):
            assert psnr(picture[:HEIGHT][inside].astype(np.int32), made[inside]) > 32
            assert psnr(picture[:HEIGHT][~inside].astype(np.int32), made[~inside]) > 32


def test_encoding_waits_while_two_gops_are_under_check(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(band_encoder, "leak_db", lambda _: math.inf if go_on.wait(60) else 0.0)
    encoder = BandEncoder(RUNG, RATE, 0)
    made: list[Fragment] = []

    def encode() -> None:
        for number, picture in pictures(source() * 3):  # six GOPs
            made.extend(encoder.encode(number, picture))
        made.extend(encoder.finish())

    with ThreadPoolExecutor(1) as apart:
        encoding = apart.submit(encode)
        while len(encoder._checking) < 1 and not encoding.done():
            time.sleep(0.01)
        wait([encoding], 1.0)  # ample for all six: it does not get there
        most = len(encoder._checking) + len(made)
        go_on.set()
        encoding.result(60)
    assert most <= 2
    assert [each.first for each in made] == [0, 12, 24, 36, 48, 60]


def test_the_same_pictures_give_the_same_bytes() -> None:
    assert encoded() == encoded()


def test_the_same_pictures_give_the_same_bytes_where_the_rate_cap_holds() -> None:
    settings = Settings(12, 18.0, 1_000_000)
    grain = np.random.default_rng(20).integers(-8, 9, (8, 540, 640))
    film = [
        np.clip(scaled.astype(np.int16) + grain[number % 8], 0, 255).astype(np.uint8) for number, scaled in larger()
    ]

    def made() -> list[bytes]:
        context, packets = open_x264(640, 360, settings, RATE), []
        for number, picture in pictures(tuple(film)):
            picture.pts, picture.time_base = number, context.time_base
            packets += context.encode(picture)
        return [bytes(packet) for packet in [*packets, *context.encode(None)]]

    first = made()
    assert sum(map(len, first)) * 8 * RATE.numerator > settings.max_bps * len(first), "the cap holds"
    assert all(made() == first for _ in range(3))


def larger() -> Iterator[tuple[int, np.ndarray]]:
    for number, picture in pictures(source() * 2):
        yield number, picture.reformat(width=640, height=360).to_ndarray()


def test_the_carriers_own_parser_finds_the_bands_where_they_are() -> None:
    config, fragments = encoded()
    track = video_track(config, RATE.numerator)
    for sample in samples_of(fragments[0]):
        slices, offset = [], 0
        for nal in slices_of(sample):
            header = parse_slice_header(nal, track.parameter_sets)
            slices.append(Slice(header.first_macroblock, offset, 4 + len(nal)))
            offset += 4 + len(nal)
        ranges = find_ranges(slices, BANDS, WIDTH)
        for band, found in zip(BANDS, ranges, strict=True):
            (cut,) = slices_of(sample[found.offset : found.offset + found.length])
            row = -(-WIDTH // MACROBLOCK_PX)
            assert parse_slice_header(cut, track.parameter_sets).first_macroblock == band.first_row * row


def _splice(cut: tuple[np.ndarray, ...]) -> Gop:
    """Encode pictures as they are, with no noise in their bands; put grey bands in; return both streams."""
    row = -(-WIDTH // MACROBLOCK_PX)
    fixed = ("b-adapt=0", "b-pyramid=none", "weightp=0", "ref=1", f"slice-max-mbs={BANDS[0].rows * row}")
    settings = Settings(12, 23.0, 2_000_000, fixed)
    height = stack_rows(BANDS) * MACROBLOCK_PX
    grey = tuple(np.full((height * 3 // 2, WIDTH), 128, np.uint8) for _ in cut)
    streams, configs = [], []
    for arrays, lines in ((cut, HEIGHT), (grey, height)):
        context = open_x264(WIDTH, lines, settings, RATE)
        packets: list[Any] = []
        for number, picture in pictures(arrays):
            picture.pts, picture.time_base = number, context.time_base
            packets += context.encode(picture)
        streams.append([slices_only(bytes(packet)) for packet in packets + context.encode(None)])
        configs.append(bytes(context.extradata))
    splicer = Splicer(BANDS, WIDTH, *(Widths.of(config) for config in configs))
    spliced = [splicer.splice(*each) for each in zip(*streams, strict=True)]
    return Gop(configs[0], spliced, streams[0], BANDS, configs[1], streams[1], places_in_stack(BANDS))


def test_a_planted_leak_is_caught_outside_and_inside() -> None:
    """Nothing keeps this encoder from predicting out of the bands; the check must see it."""
    gop = _splice(source()[:12])
    assert leak_db(gop) < LEAK_LIMIT_DB
    whole = replace(gop, around=gop.stored)
    assert leak_db(whole) == math.inf, "grey bands are predicted from grey around them"
    shifted = tuple(replace(place, first_row=place.first_row - 1) for place in gop.places)
    dark = _splice(tuple(picture // 4 for picture in source()[:12]))
    assert leak_db(replace(whole, small=dark.around, small_config=dark.config, places=shifted)) < LEAK_LIMIT_DB


def test_pictures_that_do_not_decode_count_as_a_leak() -> None:
    gop = _splice(source()[:12])
    lost = replace(gop, **{name: [getattr(gop, name)[0], b"\0\0\0\1\x09"] for name in ("stored", "around", "small")})
    assert leak_db(lost) == 0


def test_a_gop_that_leaks_is_encoded_another_way_and_at_last_as_keyframes() -> None:
    for limits_db, keyframes in ((math.inf, DRIFT_LIMIT_DB), 1), ((math.inf, math.inf), 12):
        config, fragments = encoded(limits_db)
        assert [sum(sample.sync for sample in each.samples) for each in fragments] == [keyframes] * 2
        shown = [picture for each in fragments for picture in decoded(config, samples_of(each))]
        assert len(shown) == FRAMES
        for picture, made in zip(source(), shown, strict=True):
            assert psnr(picture[:HEIGHT].astype(np.int32), made) > 32


@pytest.mark.parametrize(
    ("limits_db", "kept_db"),
    [((0, 0), LEAK_LIMIT_DB), ((math.inf, 0), DRIFT_LIMIT_DB)],
    ids=["hard edges", "soft edges"],
)
def test_bands_with_a_mark_in_their_middle_change_nothing_that_is_seen_outside(
    limits_db: tuple[float, float], kept_db: float
) -> None:
    """The bands of a film with a mark are put into the film without one, as it is done for one viewer.

    Both may be off by the limit from what their encoders had, so that one may be off by twice that from the other.
    """
    (config, clean), (_, drawn) = encoded(limits_db), encoded(limits_db, mark=True)
    row = -(-WIDTH // MACROBLOCK_PX)
    rows = {band.first_row * row for band in BANDS}
    tracks = video_track(config, RATE.numerator).parameter_sets
    outside = np.ones(HEIGHT, bool)
    for band in BANDS:
        outside[band.first_row * MACROBLOCK_PX : band.end_row * MACROBLOCK_PX] = False
    for one, other in zip(clean, drawn, strict=True):
        swapped = []
        for plain, mark in zip(samples_of(one), samples_of(other), strict=True):
            pairs = zip(slices_of(plain), slices_of(mark), strict=True)
            chosen = [two if parse_slice_header(nal, tracks).first_macroblock in rows else nal for nal, two in pairs]
            swapped.append(b"".join(len(nal).to_bytes(4, "big") + nal for nal in chosen))
        before, after = (np.stack(decoded(config, units)) for units in (samples_of(one), swapped))
        assert psnr(before[:, outside], after[:, outside]) > kept_db - TWICE_DB
        pairs = list(zip(before[:, outside], after[:, outside], strict=True))
        assert all(psnr(*each) > ONE_PICTURE_DB - TWICE_DB for each in pairs)
        assert all(psnr(*each) < 30 for each in zip(before[:, ~outside], after[:, ~outside], strict=True)), "the mark"


@given(st.integers(2, 16_384), st.integers(0, 3))
def test_bands_lie_on_slices_and_never_make_too_many(height_px: int, count: int) -> None:
    bands = place_bands(height_px, count)
    assert len(bands) in (0, count)
    rows = -(-height_px // MACROBLOCK_PX)
    if bands:
        tall = bands[0].rows
        assert all(band.rows == tall >= 2 and band.first_row % tall == 0 for band in bands)
        assert bands[0].first_row >= tall
        assert bands[-1].end_row < rows
        assert -(-rows // tall) <= MAX_SUBSAMPLES
    else:
        assert count == 0 or height_px < 432


@pytest.mark.parametrize("height_px", [1080, 720, 540, 432, 2160])
def test_a_band_lies_at_the_same_place_on_every_rung(height_px: int) -> None:
    for reference, band in zip(place_bands(1080, 2), place_bands(height_px, 2), strict=True):
        middle = (band.first_row + band.rows / 2) * MACROBLOCK_PX / height_px
        assert middle == pytest.approx((reference.first_row + 2) * MACROBLOCK_PX / 1080, abs=0.05)


def _slices(*rows: int) -> list[Slice]:
    return [Slice(row * 20, number * 10, 10) for number, row in enumerate(rows)]


def test_ranges_are_those_of_the_slices_between_the_edges() -> None:
    assert find_ranges(_slices(0, 2, 4, 6), [Band(2, 2)], 320) == ((10, 10),)
    assert find_ranges(_slices(0, 2, 3, 4, 6), [Band(2, 2)], 320) == ((10, 20),)
    assert find_ranges(_slices(0), [], 320) == ()
    packed = pack_ranges([find_ranges(_slices(0, 2, 4, 6), [Band(2, 2)], 320)] * 3)
    assert unpack_ranges(packed, 3, 1) == (((10, 10),),) * 3


@pytest.mark.parametrize(
    "slices",
    [
        _slices(0, 2),  # nothing begins below the band
        _slices(0, 3, 4),  # the band's slice begins too low
        _slices(0, 1, 4),  # too high
        _slices(2, 4),  # the picture does not begin at its top
        _slices(0, 4, 2),  # out of order
        _slices(0, 2, 2, 4),  # twice
        [Slice(0, 0, 10), Slice(40, 10, 10), Slice(80, 25, 10)],  # something lies between
    ],
)
def test_slices_that_do_not_fit_the_bands_are_refused(slices: list[Slice]) -> None:
    with pytest.raises(BadBitstream):
        find_ranges(slices, [Band(2, 2)], 320)


@pytest.mark.parametrize(("packed", "samples", "bands"), [(bytes(8), 2, 1), (bytes(7), 1, 1), (b"", 1, 1), (b"", 0, 4)])
def test_packed_ranges_of_another_number_are_refused(packed: bytes, samples: int, bands: int) -> None:
    with pytest.raises(ValueError, match="ranges"):
        unpack_ranges(packed, samples, bands)
