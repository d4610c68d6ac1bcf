"""Parses what packaging must know of H.264: parameter sets, and where a slice header ends. Pure; no I/O.

Follows ITU-T H.264 (08/2021), 7.3.2.1 (SPS), 7.3.2.2 (PPS), 7.3.3 (slice header), annex E (VUI up to the colour).
Left out, and refused: slice groups, picture order count type 1, data partitions, SVC and MVC.
The bytes come from the codec process and may be hostile: every loop and number is bounded, and whatever is not right
raises BadBitstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.packaging.bits import BadBitstream, BitReader, unescape

NAL_SLICE: Final = 1
NAL_IDR_SLICE: Final = 5
NAL_SEI: Final = 6
NAL_SPS: Final = 7
NAL_PPS: Final = 8
NAL_ACCESS_UNIT_DELIMITER: Final = 9
NAL_FILLER: Final = 12

MAX_SLICE_HEADER_BYTES: Final = 2048  # two lists of 32 references with full weight tables stay below
MAX_PARAMETER_SET_BYTES: Final = 4096
_MAX_REFERENCES: Final = 32  # 7.4.3: num_ref_idx_l0_active_minus1 is at most 31 (fields)
_MAX_LIST_CHANGES: Final = 66  # 7.4.3.1: at most one per reference and list, and the end
_MAX_MARKINGS: Final = 66  # 7.4.3.3: memory_management_control_operation
_MAX_SIZE_IN_MACROBLOCKS: Final = 1024  # 16,384 pixels
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_SAR: Final = 255

_P, _B, _I, _SP, _SI = range(5)  # slice_type modulo 5, table 7-6


@dataclass(frozen=True)
class Colour:
    """Code points of ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True)
class Sps:
    id: int
    profile: int
    constraints: int
    level: int
    chroma_format: int
    separate_planes: bool
    bit_depth_luma: int
    bit_depth_chroma: int
    frame_number_bits: int
    order_count_type: int
    order_count_bits: int
    frames_only: bool
    width_px: int
    height_px: int
    colour: Colour | None

    @property
    def colour_planes(self) -> int:
        """ChromaArrayType: 0 for monochrome or separate planes."""
        return 0 if self.separate_planes else self.chroma_format


@dataclass(frozen=True)
class Pps:
    id: int
    sps_id: int
    is_cabac: bool
    has_field_order: bool
    references_l0: int
    references_l1: int
    is_weighted_p: bool
    weighted_b: int
    has_deblocking_control: bool
    has_redundant_pictures: bool


@dataclass(frozen=True)
class SliceHeader:
    first_macroblock: int
    slice_type: int  # modulo 5
    pps_id: int
    length_bytes: int  # NAL header and slice header, with the emulation prevention bytes in them


def nal_type(nal: bytes | memoryview) -> int:
    """Return nal_unit_type; raise BadBitstream for an empty NAL unit or one with forbidden_zero_bit set."""
    if not nal or nal[0] & 0x80:
        raise BadBitstream("a NAL unit is empty or breaks the syntax")
    return nal[0] & 31


def parse_sps(nal: bytes) -> Sps:
    """Return what a sequence parameter set says; raise BadBitstream if it is not one that can be packaged."""
    reader = _parameter_set(nal, NAL_SPS)
    profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
    sps_id = reader.unsigned(31)
    chroma_format, separate_planes, luma, chroma = _read_chroma(reader, profile)
    frame_number_bits = reader.unsigned(12) + 4
    order_count_type = reader.unsigned(2)
    if order_count_type == 1:
        raise BadBitstream("picture order count type 1 is not supported")
    order_count_bits = reader.unsigned(12) + 4 if order_count_type == 0 else 0
    reader.unsigned(16)  # max_num_ref_frames
    reader.flag()  # gaps_in_frame_num_value_allowed_flag
    width_mbs = reader.unsigned(_MAX_SIZE_IN_MACROBLOCKS - 1) + 1
    height_units = reader.unsigned(_MAX_SIZE_IN_MACROBLOCKS - 1) + 1
    frames_only = reader.flag()
    if not frames_only:
        reader.flag()  # mb_adaptive_frame_field_flag
    reader.flag()  # direct_8x8_inference_flag
    planes = 0 if separate_planes else chroma_format
    width_px, height_px = _read_cropped_size(reader, width_mbs * 16, height_units * 16, frames_only, planes)
    colour = _read_colour(reader) if reader.flag() else None
    return Sps(
        sps_id, profile, constraints, level, chroma_format, separate_planes, luma, chroma, frame_number_bits,
        order_count_type, order_count_bits, frames_only, width_px, height_px, colour,
    )  # fmt: skip


def parse_pps(nal: bytes) -> Pps:
    """Return what a picture parameter set says; raise BadBitstream if it is not one that can be packaged."""
    reader = _parameter_set(nal, NAL_PPS)
    pps_id, sps_id = reader.unsigned(255), reader.unsigned(31)
    is_cabac, has_field_order = reader.flag(), reader.flag()
    if reader.unsigned(7):
        raise BadBitstream("slice groups are not supported")
    references_l0, references_l1 = (reader.unsigned(_MAX_REFERENCES - 1) + 1 for _ in range(2))
    is_weighted_p, weighted_b = reader.flag(), reader.bits(2)
    for _ in range(3):  # pic_init_qp, pic_init_qs, chroma_qp_index_offset
        reader.signed()
    has_deblocking_control = reader.flag()
    reader.flag()  # constrained_intra_pred_flag
    has_redundant_pictures = reader.flag()
    return Pps(
        pps_id, sps_id, is_cabac, has_field_order, references_l0, references_l1, is_weighted_p, weighted_b,
        has_deblocking_control, has_redundant_pictures,
    )  # fmt: skip


def parse_slice_header(nal: bytes, parameter_sets: Mapping[int, tuple[Sps, Pps]]) -> SliceHeader:
    """Return where the header of a coded slice ends, and what it names.

    Args:
        nal: the NAL unit from its header byte on; MAX_SLICE_HEADER_BYTES of it are enough.
        parameter_sets: by the id of the picture parameter set.

    Raises:
        BadBitstream: it is no slice, names an unknown parameter set, or does not end in time.
    """
    raw, escapes = unescape(nal[:MAX_SLICE_HEADER_BYTES])
    reader = BitReader(raw)
    header = reader.bits(8)
    unit_type, is_reference = header & 31, bool(header & 0x60)
    if unit_type not in (NAL_SLICE, NAL_IDR_SLICE):
        raise BadBitstream("this NAL unit is no slice")
    first_macroblock = reader.unsigned(_MAX_SIZE_IN_MACROBLOCKS**2)
    slice_type = reader.unsigned(9) % 5
    pps_id = reader.unsigned(255)
    if pps_id not in parameter_sets:
        raise BadBitstream("a slice names a parameter set that is not there")
    sps, pps = parameter_sets[pps_id]
    _skip_picture_order(reader, sps, pps, is_idr=unit_type == NAL_IDR_SLICE)
    _skip_references(reader, sps, pps, slice_type)
    if is_reference:
        _skip_marking(reader, is_idr=unit_type == NAL_IDR_SLICE)
    _skip_quantiser(reader, pps, slice_type)
    return SliceHeader(first_macroblock, slice_type, pps_id, _escaped_length((reader.position + 7) // 8, escapes))


def _escaped_length(length: int, escapes: tuple[int, ...]) -> int:
    """Return how many escaped bytes the first ``length`` unescaped ones take."""
    for count, position in enumerate(escapes):
        if position - count >= length:
            return length + count
    return length + len(escapes)


def _parameter_set(nal: bytes, expected: int) -> BitReader:
    if len(nal) > MAX_PARAMETER_SET_BYTES or nal_type(nal) != expected:
        raise BadBitstream("this is not the parameter set that was expected")
    reader = BitReader(unescape(nal)[0])
    reader.bits(8)
    return reader


def _read_chroma(reader: BitReader, profile: int) -> tuple[int, bool, int, int]:
    if profile not in _HIGH_PROFILES:
        return 1, False, 8, 8
    chroma_format = reader.unsigned(3)
    separate_planes = chroma_format == 3 and reader.flag()
    luma, chroma = reader.unsigned(6) + 8, reader.unsigned(6) + 8
    reader.flag()  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        for index in range(8 if chroma_format != 3 else 12):
            if reader.flag():
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return chroma_format, separate_planes, luma, chroma


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):  # 7.3.2.1.1.1
        if following:
            following = (last + reader.signed()) % 256
        last = following or last


def _read_cropped_size(reader: BitReader, width: int, height: int, frames_only: bool, planes: int) -> tuple[int, int]:
    unit_x = 2 if planes in (1, 2) else 1  # table 6-1
    unit_y = (2 if planes == 1 else 1) * (1 if frames_only else 2)
    height *= 1 if frames_only else 2
    if reader.flag():
        left, right, top, bottom = (reader.unsigned(1 << 14) for _ in range(4))
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    if width <= 0 or height <= 0:
        raise BadBitstream("the picture is cropped to nothing")
    return width, height


def _read_colour(reader: BitReader) -> Colour | None:
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.bits(32)
    if reader.flag():  # overscan_info_present_flag
        reader.flag()
    if not reader.flag():  # video_signal_type_present_flag
        return None
    reader.bits(3)  # video_format
    full_range = reader.flag()
    if not reader.flag():  # colour_description_present_flag
        return None
    return Colour(reader.bits(8), reader.bits(8), reader.bits(8), full_range)


def _skip_picture_order(reader: BitReader, sps: Sps, pps: Pps, *, is_idr: bool) -> None:
    if sps.separate_planes:
        reader.bits(2)
    reader.bits(sps.frame_number_bits)
    is_field = not sps.frames_only and reader.flag()
    if is_field:
        reader.flag()  # bottom_field_flag
    if is_idr:
        reader.unsigned(65_535)  # idr_pic_id
    if sps.order_count_type == 0:
        reader.bits(sps.order_count_bits)
        if pps.has_field_order and not is_field:
            reader.signed()
    if pps.has_redundant_pictures:
        reader.unsigned(127)


def _skip_references(reader: BitReader, sps: Sps, pps: Pps, slice_type: int) -> None:
    if slice_type == _B:
        reader.flag()  # direct_spatial_mv_pred_flag
    references = [pps.references_l0, pps.references_l1][: 2 if slice_type == _B else 1]
    if slice_type in (_P, _SP, _B) and reader.flag():
        references = [reader.unsigned(_MAX_REFERENCES - 1) + 1 for _ in references]
    if slice_type not in (_I, _SI):
        for _ in references:
            if reader.flag():
                _skip_list_changes(reader)
    if (pps.is_weighted_p and slice_type in (_P, _SP)) or (pps.weighted_b == 1 and slice_type == _B):
        _skip_weights(reader, references, has_chroma=sps.colour_planes != 0)


def _skip_list_changes(reader: BitReader) -> None:
    for _ in range(_MAX_LIST_CHANGES):
        if reader.unsigned(3) == 3:
            return
        reader.unsigned()
    raise BadBitstream("a slice changes its reference list without end")


def _skip_weights(reader: BitReader, references: list[int], *, has_chroma: bool) -> None:
    for _ in range(2 if has_chroma else 1):  # luma_log2_weight_denom, chroma_log2_weight_denom
        reader.unsigned(7)
    for count in references:
        for _ in range(count):
            for numbers in (2, 4) if has_chroma else (2,):
                if reader.flag():
                    for _ in range(numbers):
                        reader.signed()


def _skip_marking(reader: BitReader, *, is_idr: bool) -> None:
    if is_idr:
        reader.bits(2)  # no_output_of_prior_pics_flag, long_term_reference_flag
        return
    if not reader.flag():
        return
    for _ in range(_MAX_MARKINGS):
        operation = reader.unsigned(6)
        if operation == 0:
            return
        for _ in range({3: 2, 5: 0}.get(operation, 1)):
            reader.unsigned()
    raise BadBitstream("a slice marks its references without end")


def _skip_quantiser(reader: BitReader, pps: Pps, slice_type: int) -> None:
    if pps.is_cabac and slice_type not in (_I, _SI):
        reader.unsigned(2)  # cabac_init_idc
    reader.signed()  # slice_qp_delta
    if slice_type in (_SP, _SI):
        if slice_type == _SP:
            reader.flag()
        reader.signed()
    if pps.has_deblocking_control and reader.unsigned(2) != 1:
        reader.signed()
        reader.signed()
