"""Slice headers as this codec's own encoder writes them: read, and written anew for another place. Pure; no I/O.

Follows ITU-T H.264 (08/2021), 7.3.3. Only what ``video_encoder`` asks of x264 can occur: frames, CABAC, picture order
count type 0, no explicit weights. The carrier does not rely on this module: it has a parser of its own for any stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

IDR: Final = 5  # nal_unit_type
_P, _B, _I = range(3)  # slice_type modulo 5
_LONGEST_HEADER_BYTES: Final = 64
_ESCAPED: Final = re.compile(b"\0\0\3")
_TO_ESCAPE: Final = re.compile(b"\0\0(?=[\0-\3])")
NO_FILTER, WITHIN_SLICES = 1, 2  # disable_deblocking_filter_idc


@dataclass(frozen=True)
class Widths:
    """What the headers of one sequence hang on."""

    frame_number_bits: int
    order_count_bits: int

    @staticmethod
    def of(avcc: bytes) -> Widths:
        """Read them from an encoder's AVCDecoderConfigurationRecord; raise ValueError if it is another encoder's."""
        size = int.from_bytes(avcc[6:8], "big")
        bits = _Bits(avcc[8 : 8 + size])
        bits.skip(8 + 24)
        bits.unsigned()  # seq_parameter_set_id
        if bits.unsigned() != 1 or bits.unsigned() or bits.unsigned() or bits.take(2):
            raise ValueError("the encoder writes no 8-bit 4:2:0 without scaling matrix")
        frame_number_bits = bits.unsigned() + 4
        if bits.unsigned():
            raise ValueError("the encoder writes another picture order count")
        return Widths(frame_number_bits, bits.unsigned() + 4)


@dataclass(frozen=True)
class Header:
    """One slice's header. Positions are in bits of the unescaped NAL unit."""

    nal: int  # the first byte: nal_ref_idc and nal_unit_type
    first_macroblock: int
    slice_type: int
    frame_number: int
    idr_id: int
    order_count: int
    after_macroblock: int
    after_picture_set: int
    after_order_count: int
    filter_at: int
    filtering: int
    end: int


def read(raw: bytes, widths: Widths) -> Header:
    """Return the header of an unescaped slice."""
    bits = _Bits(raw[:_LONGEST_HEADER_BYTES])
    nal = bits.take(8)
    is_idr, is_reference = nal & 31 == IDR, bool(nal & 0x60)
    first = bits.unsigned()
    after_macroblock = bits.at
    kind = bits.unsigned() % 5
    bits.unsigned()  # pic_parameter_set_id
    after_picture_set = bits.at
    frame_number = bits.take(widths.frame_number_bits)
    idr_id = bits.unsigned() if is_idr else 0
    order_count = bits.take(widths.order_count_bits)
    after_order_count = bits.at
    _skip_references(bits, kind)
    if is_reference:
        _skip_marking(bits, is_idr=is_idr)
    if kind != _I:
        bits.unsigned()  # cabac_init_idc
    bits.unsigned()  # slice_qp_delta: se(v) is as long as ue(v)
    filter_at = bits.at
    filtering = bits.unsigned()
    if filtering != NO_FILTER:
        bits.unsigned()  # slice_alpha_c0_offset_div2
        bits.unsigned()  # slice_beta_offset_div2
    return Header(
        nal, first, kind, frame_number, idr_id, order_count, after_macroblock, after_picture_set, after_order_count,
        filter_at, filtering, bits.at,
    )  # fmt: skip


def moved(raw: bytes, header: Header, of: Header, widths: Widths, first_macroblock: int, filtering: int) -> bytes:
    """Return a slice (unescaped) with its header written for another picture, as an escaped NAL unit.

    Args:
        header: of ``raw``.
        of: a slice of the picture it shall belong to; says reference, frame number, IDR id and order count.
        filtering: disable_deblocking_filter_idc where the slice filters at all.
    """
    source = _Bits(raw[:_LONGEST_HEADER_BYTES])
    out = _Writer()
    out.bits(of.nal, 8)
    out.unsigned(first_macroblock)
    out.bits(*source.slice(header.after_macroblock, header.after_picture_set))
    out.bits(of.frame_number, widths.frame_number_bits)
    if of.nal & 31 == IDR:
        out.unsigned(of.idr_id)
    out.bits(of.order_count, widths.order_count_bits)
    out.bits(*source.slice(header.after_order_count, header.filter_at))
    if header.filtering == NO_FILTER:
        out.unsigned(NO_FILTER)
    else:
        out.unsigned(filtering)
        after_filter = header.filter_at + (1 if header.filtering == 0 else 3)  # ue(0) has one bit, ue(2) three
        out.bits(*source.slice(after_filter, header.end))
    return escape(out.aligned() + raw[header.end + 7 >> 3 :])


def unescape(nal: bytes) -> bytes:
    """Return a NAL unit without its emulation prevention bytes."""
    return _ESCAPED.sub(b"\0\0", nal)


def escape(raw: bytes) -> bytes:
    """Return a NAL unit with emulation prevention bytes (7.4.1.1).

    >>> unescape(escape(bytes(5))) == bytes(5), escape(bytes(3)).hex()
    (True, '00000300')
    """
    return _TO_ESCAPE.sub(b"\0\0\3", raw)


def _skip_references(bits: _Bits, kind: int) -> None:
    if kind == _B:
        bits.skip(1)  # direct_spatial_mv_pred_flag
    lists = {_P: 1, _B: 2}.get(kind, 0)
    if lists and bits.take(1):
        for _ in range(lists):
            bits.unsigned()  # num_ref_idx_active_minus1
    for _ in range(lists):
        if bits.take(1):
            while bits.unsigned() != 3:
                bits.unsigned()


def _skip_marking(bits: _Bits, *, is_idr: bool) -> None:
    if is_idr:
        bits.skip(2)
    elif bits.take(1):
        while operation := bits.unsigned():
            for _ in range({3: 2, 5: 0}.get(operation, 1)):
                bits.unsigned()


class _Bits:
    """Reads bits, most significant first; behind the end come zeros, in which no number ends."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._size = len(data) * 8
        self.at = 0

    def take(self, count: int) -> int:
        value, _ = self.slice(self.at, self.at + count)
        self.at += count
        return value

    def skip(self, count: int) -> None:
        self.at += count

    def slice(self, start: int, end: int) -> tuple[int, int]:
        """Return the bits between two positions as a number, and how many they are."""
        if end > self._size:
            raise ValueError("a slice header does not end")
        return self._value >> self._size - end & (1 << end - start) - 1, end - start

    def unsigned(self) -> int:
        rest = self._value & (1 << self._size - self.at) - 1
        zeros = self._size - self.at - rest.bit_length()
        self.at += zeros
        return self.take(zeros + 1) - 1


class _Writer:
    """Writes bits, most significant first."""

    def __init__(self) -> None:
        self._value = self._size = 0

    def bits(self, value: int, count: int) -> None:
        self._value = self._value << count | value
        self._size += count

    def unsigned(self, value: int) -> None:
        self.bits(value + 1, 2 * (value + 1).bit_length() - 1)

    def aligned(self) -> bytes:
        """Return whole bytes, filled up with cabac_alignment_one_bit."""
        missing = -self._size % 8
        return ((self._value + 1 << missing) - 1).to_bytes(self._size + missing >> 3, "big")
