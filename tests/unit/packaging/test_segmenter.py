from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from tests.media import boxes
from tests.media.encoded import Encoded, aac, h264

from reelkeep.encryption.keys import ContentKey
from reelkeep.errors import IsolationError
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.cmaf import Sample
from reelkeep.packaging.segmenter import MAX_SAMPLES, RenditionPackager

KEY, IV = ContentKey(b"k" * 16, b"K" * 16), b"i" * 16


@cache
def video() -> Encoded:
    return h264(24, gop_frames=12)


@cache
def sound() -> Encoded:
    return aac(0.5)


def package(encoded: Encoded, samples: list[Sample], payload: bytes, number: int = 0, decode_time: int = 0) -> bytes:
    return RenditionPackager(encoded.track, KEY, IV).segment(number, decode_time, samples, payload).body


def each_with(**fields: object) -> Callable[[list[Sample]], list[Sample]]:
    return lambda samples: [replace(each, **fields) for each in samples]


def changed(index: int, **fields: object) -> Callable[[list[Sample]], list[Sample]]:
    return lambda samples: [replace(each, **fields) if at == index else each for at, each in enumerate(samples)]


def test_a_segment_holds_several_gops() -> None:
    segment = package(video(), video().samples, b"".join(video().bodies))
    assert len(boxes.subsamples(segment)) == 24


def test_the_caller_s_payload_stays_as_it_was() -> None:
    payload = b"".join(video().bodies)
    before = bytes(bytearray(payload))
    assert boxes.payload(package(video(), video().samples, payload)) != before
    assert payload == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda samples: [], "no samples"),
        (lambda samples: samples * (MAX_SAMPLES // 24 + 1), "too many"),
        (lambda samples: samples[:-1], "add up"),
        (changed(3, size_bytes=0), "add up"),
        (changed(3, size_bytes=-1), "add up"),
        (changed(3, size_bytes=1 << 40), "add up"),
        (changed(3, duration=1000), "differ in duration"),
        (each_with(duration=0), "differ in duration"),
        (each_with(duration=1 << 31), "differ in duration"),
        (changed(0, is_sync=False), "start with a sync"),
        (changed(1, is_sync=True), "sync flag"),
        (changed(12, is_sync=False), "sync flag"),
        (changed(0, composition_offset=1001), "fill its time"),
        (changed(0, composition_offset=-1001), "fill its time"),
        (changed(5, composition_offset=1), "fill its time"),
        (
            lambda samples: [replace(each, composition_offset=each.composition_offset + 2002) for each in samples],
            "fill",
        ),
    ],
)
def test_samples_off_the_grid_are_refused(change: Callable[[list[Sample]], list[Sample]], why: str) -> None:
    with pytest.raises(BadBitstream, match=why):
        package(video(), change(video().samples), b"".join(video().bodies))


@pytest.mark.parametrize(("number", "decode_time"), [(-1, 0), ((1 << 32) - 1, 0), (0, -1), (0, 1 << 63)])
def test_numbers_and_times_out_of_range_are_refused(number: int, decode_time: int) -> None:
    with pytest.raises(BadBitstream, match="out of its range"):
        package(video(), video().samples, b"".join(video().bodies), number, decode_time)


def test_the_largest_numbers_and_times_fit() -> None:
    package(video(), video().samples, b"".join(video().bodies), (1 << 32) - 2, (1 << 63) - 1)


def test_sizes_that_cut_a_picture_in_two_are_refused() -> None:
    samples = video().samples
    moved = [
        replace(samples[0], size_bytes=samples[0].size_bytes - 7),
        replace(samples[1], size_bytes=samples[1].size_bytes + 7),
        *samples[2:],
    ]
    with pytest.raises(BadBitstream, match="does not fit"):
        package(video(), moved, b"".join(video().bodies))


@pytest.mark.parametrize(
    "change",
    [
        changed(2, is_sync=False),
        changed(2, composition_offset=1),
        each_with(duration=960),
    ],
)
def test_sound_with_times_of_its_own_is_refused(change: Callable[[list[Sample]], list[Sample]]) -> None:
    with pytest.raises(BadBitstream, match="times of its own"):
        package(sound(), change(sound().samples), b"".join(sound().bodies))


def test_a_hostile_codec_stops_the_work_and_is_not_the_uploader_s_fault() -> None:
    assert issubclass(BadBitstream, IsolationError)
