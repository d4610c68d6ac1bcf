from __future__ import annotations

import contextlib
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media import boxes
from tests.media.encoded import Encoded, h264

from reelkeep.packaging.avcc import (
    annex_b_to_length_prefixed,
    avcc_from_annex_b,
    build_avcc,
    parse_avcc,
    split_annex_b,
)
from reelkeep.packaging.bits import BadBitstream


@cache
def real() -> Encoded:
    return h264(4)


def sets_of(record: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(record[6:8], "big")
    return record[8 : 8 + size], record[8 + size + 3 :][: int.from_bytes(record[9 + size : 11 + size], "big")]


@pytest.mark.parametrize("options", [{}, {"pixel_format": "yuv444p"}, {"pixel_format": "yuv422p10le"}, {"cabac": 0}])
def test_the_record_is_the_one_that_ffmpeg_writes(options: dict[str, object]) -> None:
    encoded = h264(4, **options)
    assert encoded.track.codec_config == boxes.one(encoded.file, "avcC")


def test_a_record_is_read_back() -> None:
    config = parse_avcc(real().track.codec_config)
    assert config.codecs == real().track.codecs
    assert config.codecs.startswith("avc1.6400")
    assert list(config.parameter_sets) == [0]
    assert build_avcc(*([nal] for nal in sets_of(real().track.codec_config))) == real().track.codec_config


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_hostile_records_and_streams_are_refused_cleanly(data: bytes) -> None:
    for read in (parse_avcc, avcc_from_annex_b, lambda data: parse_avcc(b"\x01\x64\x00\x1f\xff\xe1" + data)):
        with pytest.raises(BadBitstream):
            read(data)


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, 1000), value=st.integers(0, 255), cut=st.integers(0, 60))
def test_altered_records_are_read_or_refused(at: int, value: int, cut: int) -> None:
    record = bytearray(real().track.codec_config)
    record[at % len(record)] = value
    with contextlib.suppress(BadBitstream):
        parse_avcc(bytes(record[: len(record) - cut]))


def test_records_that_contradict_themselves_are_refused() -> None:
    record = real().track.codec_config
    sps, pps = sets_of(record)
    with pytest.raises(BadBitstream, match="contradicts"):
        parse_avcc(record[:3] + b"\x33" + record[4:])
    with pytest.raises(BadBitstream, match="four-byte"):
        parse_avcc(record[:4] + b"\xfd" + record[5:])
    with pytest.raises(BadBitstream, match="belong together"):
        build_avcc([sps], [pps, pps])
    for many in (([], [pps]), ([sps, sps], [pps]), ([sps], []), ([sps], [pps] * 9)):
        with pytest.raises(BadBitstream, match="one sequence"):
            build_avcc(*many)


def test_samples_lose_start_codes_and_parameter_sets() -> None:
    packet = bytes.fromhex("00000001 0910 00000001 6742 00000001 68ce 000001 0605 000001 6588 8400 00000001 6588")
    assert annex_b_to_length_prefixed(packet).hex(" ", 1) == bytes.fromhex(
        "00000002 0910 00000002 0605 00000003 658884 00000002 6588"
    ).hex(" ", 1)
    assert split_annex_b(b"no start code") == []


@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda nal: b"\x65" + nal.replace(b"\0", b"\1")), max_size=5))
def test_splitting_undoes_joining(nals: list[bytes]) -> None:
    assert split_annex_b(b"".join(b"\0\0\0\1" + nal for nal in nals)) == nals
    assert split_annex_b(b"".join(b"\0\0\1" + nal for nal in nals)) == nals
