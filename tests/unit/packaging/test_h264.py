from __future__ import annotations

import contextlib
import dataclasses
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.media.bit_writer import BitWriter, escape
from tests.media.encoded import Encoded, h264

from reelkeep.packaging.avcc import parse_avcc
from reelkeep.packaging.bits import BadBitstream, BitReader, unescape
from reelkeep.packaging.h264 import Colour, Pps, Sps, parse_pps, parse_slice_header, parse_sps

SPS = Sps(
    id=0, profile=100, constraints=0, level=31, chroma_format=1, separate_planes=False, bit_depth_luma=8,
    bit_depth_chroma=8, frame_number_bits=16, order_count_type=0, order_count_bits=16, frames_only=True,
    width_px=640, height_px=360, colour=None,
)  # fmt: skip
PPS = Pps(
    id=0, sps_id=0, is_cabac=True, has_field_order=False, references_l0=3, references_l1=2, is_weighted_p=True,
    weighted_b=1, has_deblocking_control=True, has_redundant_pictures=False,
)  # fmt: skip
P, B, I, SP, SI = range(5)  # noqa: E741


@cache
def real() -> Encoded:
    return h264(12, slices=4)


def real_sets() -> tuple[bytes, bytes]:
    """Return the SPS and PPS NAL units of a real encode."""
    record = real().track.codec_config
    size = int.from_bytes(record[6:8], "big")
    pps_at = 8 + size + 1
    return record[8 : 8 + size], record[pps_at + 2 : pps_at + 2 + int.from_bytes(record[pps_at : pps_at + 2], "big")]


@st.composite
def slice_headers(draw: st.DrawFn) -> tuple[bytes, int, Sps, Pps, int]:
    """Draw a slice header by the syntax table of 7.3.3, with what follows; return it, its length, and its sets."""
    sps = dataclasses.replace(
        SPS,
        chroma_format=draw(st.sampled_from([0, 1, 3])),
        separate_planes=draw(st.booleans()),
        frame_number_bits=draw(st.integers(4, 16)),
        order_count_type=draw(st.sampled_from([0, 2])),
        order_count_bits=draw(st.integers(4, 16)),
        frames_only=draw(st.booleans()),
    )
    sps = dataclasses.replace(sps, separate_planes=sps.separate_planes and sps.chroma_format == 3)
    flags = ("is_cabac", "has_field_order", "is_weighted_p", "has_deblocking_control", "has_redundant_pictures")
    pps = dataclasses.replace(PPS, weighted_b=draw(st.integers(0, 2)), **{name: draw(st.booleans()) for name in flags})
    is_idr, reference = draw(st.booleans()), draw(st.integers(0, 3))
    kind = draw(st.sampled_from([I, SI] if is_idr else [P, B, I, SP, SI]))
    small, number = st.integers(0, 1 << 8), st.integers(-300, 300)
    writer = BitWriter().bits(reference << 5 | (5 if is_idr else 1), 8)
    writer.ue(draw(small)).ue(kind + draw(st.sampled_from([0, 5]))).ue(0)
    if sps.separate_planes:
        writer.bits(draw(st.integers(0, 2)), 2)
    writer.bits(draw(st.sampled_from([0, 0, 1, (1 << sps.frame_number_bits) - 1])), sps.frame_number_bits)
    is_field = not sps.frames_only and draw(st.booleans())
    if not sps.frames_only:
        writer.bits(is_field, 1)
        if is_field:
            writer.bits(draw(st.integers(0, 1)), 1)
    if is_idr:
        writer.ue(draw(st.sampled_from([0, 1, 65_535])))
    if sps.order_count_type == 0:
        writer.bits(draw(st.sampled_from([0, 0, 2, 3])), sps.order_count_bits)
        if pps.has_field_order and not is_field:
            writer.se(draw(number))
    if pps.has_redundant_pictures:
        writer.ue(draw(st.integers(0, 127)))
    if kind == B:
        writer.bits(draw(st.integers(0, 1)), 1)
    counts = [pps.references_l0, pps.references_l1] if kind == B else [pps.references_l0]
    if kind in (P, SP, B):
        override = draw(st.booleans())
        writer.bits(override, 1)
        if override:
            counts = [draw(st.integers(1, 32)) for _ in counts]
            for count in counts:
                writer.ue(count - 1)
        for _ in counts:
            changes = draw(st.lists(st.tuples(st.integers(0, 2), small), max_size=4))
            writer.bits(bool(changes), 1)
            for operation, value in changes:
                writer.ue(operation).ue(value)
            if changes:
                writer.ue(3)
    has_chroma = sps.chroma_format != 0 and not sps.separate_planes
    if (pps.is_weighted_p and kind in (P, SP)) or (pps.weighted_b == 1 and kind == B):
        writer.ue(draw(st.integers(0, 7)))
        if has_chroma:
            writer.ue(draw(st.integers(0, 7)))
        for count in counts:
            for _ in range(count):
                for numbers in (2, 4) if has_chroma else (2,):
                    weighted = draw(st.booleans())
                    writer.bits(weighted, 1)
                    for _ in range(numbers if weighted else 0):
                        writer.se(draw(st.integers(-128, 127)))
    if reference and is_idr:
        writer.bits(draw(st.integers(0, 3)), 2)
    elif reference:
        marks = draw(st.lists(st.integers(1, 6), max_size=4))
        writer.bits(bool(marks), 1)
        for mark in marks:
            writer.ue(mark)
            for _ in range({1: 1, 2: 1, 3: 2, 4: 1, 5: 0, 6: 1}[mark]):
                writer.ue(draw(small))
        if marks:
            writer.ue(0)
    if pps.is_cabac and kind not in (I, SI):
        writer.ue(draw(st.integers(0, 2)))
    writer.se(draw(st.integers(-26, 25)))
    if kind == SP:
        writer.bits(draw(st.integers(0, 1)), 1)
    if kind in (SP, SI):
        writer.se(draw(st.integers(-26, 25)))
    if pps.has_deblocking_control:
        control = draw(st.integers(0, 2))
        writer.ue(control)
        if control != 1:
            writer.se(draw(st.integers(-6, 6))).se(draw(st.integers(-6, 6)))
    raw = writer.data()
    escaped, places = escape(raw + draw(st.sampled_from([b"\0\0\0\1\2", b"\3\3", b"\x80", b"\xff" * 40])))
    return escaped, places[len(raw) - 1] + 1, sps, pps, kind


@settings(max_examples=600, deadline=None)
@given(slice_headers())
def test_a_slice_header_ends_where_the_syntax_says(drawn: tuple[bytes, int, Sps, Pps, int]) -> None:
    nal, length, sps, pps, kind = drawn
    header = parse_slice_header(nal, {0: (sps, pps)})
    assert (header.length_bytes, header.slice_type) == (length, kind)


def test_an_emulation_prevention_byte_just_after_the_header_is_not_of_it() -> None:
    pps = dataclasses.replace(PPS, is_cabac=False, has_deblocking_control=False)
    sps = dataclasses.replace(SPS, frame_number_bits=11, order_count_type=2)
    writer = BitWriter().bits(0x65, 8).ue(0).ue(7).ue(0).bits(1, 11).ue(0).bits(0, 2)
    raw = writer.se(1 << 19).data()  # ends in zeros, at the border of a byte
    assert raw[-2:] == b"\0\0"
    assert len(writer.text) == len(raw) * 8
    nal, _ = escape(raw + b"\1\2")
    assert nal == raw + b"\3\1\2"
    assert parse_slice_header(nal, {0: (sps, pps)}).length_bytes == len(raw)


def test_real_parameter_sets_say_what_was_encoded() -> None:
    sps_nal, pps_nal = real_sets()
    sps, pps = parse_sps(sps_nal), parse_pps(pps_nal)
    assert (sps.width_px, sps.height_px, sps.frames_only, sps.chroma_format) == (640, 272, True, 1)
    assert sps.colour == Colour(1, 1, 1, full_range=False)
    assert pps.is_cabac
    assert pps.is_weighted_p


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"height_px": 136}, (320, 136)),
        ({"tff": 1}, (640, 272)),
        ({"pixel_format": "yuv444p"}, (640, 272)),
        ({"pixel_format": "yuv420p10le", "height_px": 102}, (240, 102)),
        ({"cqm": "jvt"}, (640, 272)),  # scaling matrices
    ],
)
def test_sizes_are_read_from_every_kind_of_parameter_set(options: dict[str, object], size: tuple[int, int]) -> None:
    sps = parse_avcc(h264(2, **options).track.codec_config).sps
    assert (sps.width_px, sps.height_px) == size


def test_every_real_slice_is_understood() -> None:
    sets = real().track.parameter_sets
    seen = set()
    for body in real().bodies:
        at = 0
        while at < len(body):
            size = int.from_bytes(body[at : at + 4], "big")
            nal = body[at + 4 : at + 4 + size]
            if nal[0] & 31 in (1, 5):
                header = parse_slice_header(nal, sets)
                assert header.length_bytes < size
                seen.add((header.slice_type, header.first_macroblock))
            at += 4 + size
    assert {first for _, first in seen} == {first for kind, first in seen if kind == I}
    assert len({first for _, first in seen}) == 4


@settings(max_examples=400, deadline=None)
@given(
    data=st.binary(max_size=200), head=st.sampled_from([b"", b"\x67", b"\x68", b"\x65", b"\x41", b"\x67\x64\x00\x1f"])
)
@example(data=bytes(4000), head=b"\x65")
@example(data=b"\xff" * 4000, head=b"\x41")
@example(data=b"\x00\x00\x03" * 1000, head=b"\x67\x64\x00\x1f")
def test_hostile_bytes_are_refused_cleanly(data: bytes, head: bytes) -> None:
    sets = {0: (SPS, PPS), 3: (dataclasses.replace(SPS, frames_only=False), PPS)}
    for parse in (parse_sps, parse_pps, lambda nal: parse_slice_header(nal, sets)):
        with contextlib.suppress(BadBitstream):
            parse(head + data)


@settings(max_examples=400, deadline=None)
@given(which=st.integers(0, 1), bits=st.lists(st.integers(0, 1 << 12), min_size=1, max_size=6), cut=st.integers(0, 40))
def test_altered_real_parameter_sets_are_read_or_refused(which: int, bits: list[int], cut: int) -> None:
    nal = bytearray(real_sets()[which])
    for bit in bits:
        nal[bit // 8 % len(nal)] ^= 1 << bit % 8
    altered = bytes(nal[: max(1, len(nal) - cut)])
    try:
        found = (parse_sps, parse_pps)[which](altered)
    except BadBitstream:
        return
    if isinstance(found, Sps):
        assert 0 < found.width_px <= 16_384
        assert 0 < found.height_px <= 32_768


def test_what_cannot_be_packaged_is_refused() -> None:
    sps, pps = real_sets()
    with pytest.raises(BadBitstream, match="expected"):
        parse_sps(pps)
    with pytest.raises(BadBitstream, match="expected"):
        parse_pps(pps + bytes(5000))
    with pytest.raises(BadBitstream, match="breaks the syntax"):
        parse_sps(bytes([sps[0] | 0x80]) + sps[1:])
    with pytest.raises(BadBitstream, match="no slice"):
        parse_slice_header(sps, {0: (SPS, PPS)})
    with pytest.raises(BadBitstream, match="not there"):
        parse_slice_header(b"\x65\x88\x84\x00", {7: (SPS, PPS)})
    order_count_type_1 = BitWriter().bits(0x67, 8).bits(77, 8).bits(0, 8).bits(31, 8).ue(0).ue(0).ue(1)
    with pytest.raises(BadBitstream, match="order count"):
        parse_sps(order_count_type_1.data())
    slice_groups = BitWriter().bits(0x68, 8).ue(0).ue(0).bits(0, 2).ue(1)
    with pytest.raises(BadBitstream, match="slice groups"):
        parse_pps(slice_groups.data())


def test_endless_lists_in_a_slice_header_end() -> None:
    pps = dataclasses.replace(PPS, is_weighted_p=False)
    changes = BitWriter().bits(0x01, 8).ue(0).ue(P).ue(0).bits(0, 16).bits(0, 16).bits(0, 1).bits(1, 1)
    for _ in range(500):
        changes.ue(0).ue(9)
    with pytest.raises(BadBitstream, match="without end"):
        parse_slice_header(escape(changes.data())[0], {0: (SPS, pps)})
    marks = BitWriter().bits(0x21, 8).ue(0).ue(I).ue(0).bits(1, 16).bits(1, 16).bits(1, 1)
    for _ in range(500):
        marks.ue(1).ue(9)
    with pytest.raises(BadBitstream, match="without end"):
        parse_slice_header(escape(marks.data())[0], {0: (SPS, pps)})


@given(st.binary(max_size=60).map(lambda data: bytes(byte & 3 for byte in data)))
def test_unescaping_undoes_escaping(raw: bytes) -> None:
    escaped, places = escape(raw)
    assert unescape(escaped)[0] == raw
    assert set(unescape(escaped)[1]) == set(range(len(escaped))) - set(places)


@given(st.integers(0, (1 << 32) - 2), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_numbers_are_read_as_they_are_written(unsigned: int, signed: int) -> None:
    reader = BitReader(BitWriter().ue(unsigned).se(signed).data())
    assert (reader.unsigned(), reader.signed()) == (unsigned, signed)


def test_numbers_over_their_bound_are_refused() -> None:
    with pytest.raises(BadBitstream, match="range"):
        BitReader(BitWriter().ue(8).data()).unsigned(7)
    with pytest.raises(BadBitstream, match="too long"):
        BitReader(bytes(20)).unsigned()
    with pytest.raises(BadBitstream, match="too early"):
        BitReader(b"").bits(1)
