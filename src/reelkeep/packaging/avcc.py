"""AVCDecoderConfigurationRecord: built from parameter sets, parsed back, and Annex B turned into samples. Pure; no I/O.

Follows ISO/IEC 14496-15:2022, 5.3.3. NAL lengths have four bytes, parameter sets stand in the record alone (``avc1``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.h264 import (
    MAX_PARAMETER_SET_BYTES,
    NAL_PPS,
    NAL_SPS,
    Pps,
    Sps,
    nal_type,
    parse_pps,
    parse_sps,
)

MAX_CONFIG_BYTES: Final = 4096
MAX_SPS: Final = 1  # one size and format per rendition
MAX_PPS: Final = 8
NAL_LENGTH_BYTES: Final = 4
_CHROMA_PROFILES: Final = frozenset({100, 110, 122, 144, 244})
_START_CODE: Final = b"\0\0\1"


@dataclass(frozen=True)
class AvcConfig:
    sps: Sps
    parameter_sets: dict[int, tuple[Sps, Pps]]  # by the id of the picture parameter set

    @property
    def codecs(self) -> str:
        """The RFC 6381 name, for example ``avc1.64001f``."""
        return f"avc1.{self.sps.profile:02x}{self.sps.constraints:02x}{self.sps.level:02x}"


def build_avcc(sps: Sequence[bytes], pps: Sequence[bytes]) -> bytes:
    """Return the record of one sequence parameter set and one to MAX_PPS picture parameter sets.

    Args:
        sps, pps: NAL units without start code or length.

    Raises:
        BadBitstream: one of them is not what it should be.
    """
    if len(sps) != MAX_SPS or not 1 <= len(pps) <= MAX_PPS:
        raise BadBitstream("a video track has one sequence parameter set and a few picture parameter sets")
    facts = parse_sps(sps[0])
    record = [bytes((1, facts.profile, facts.constraints, facts.level, 0xFC | NAL_LENGTH_BYTES - 1, 0xE0 | len(sps)))]
    record += [_with_length(nal) for nal in sps]
    record.append(bytes((len(pps),)))
    record += [_with_length(nal) for nal in pps]
    if facts.profile in _CHROMA_PROFILES:
        depths = facts.bit_depth_luma - 8, facts.bit_depth_chroma - 8
        record.append(bytes((0xFC | facts.chroma_format, 0xF8 | depths[0], 0xF8 | depths[1], 0)))
    built = b"".join(record)
    parse_avcc(built)
    return built


def parse_avcc(record: bytes) -> AvcConfig:
    """Return what a record says; raise BadBitstream if it is not one that ``build_avcc`` could have made."""
    if not 7 <= len(record) <= MAX_CONFIG_BYTES or record[0] != 1 or record[4] & 3 != NAL_LENGTH_BYTES - 1:
        raise BadBitstream("the decoder configuration is not one of four-byte NAL lengths")
    sps_nals, offset = _read_sets(record, 6, record[5] & 31, MAX_SPS)
    if offset >= len(record):
        raise BadBitstream("the decoder configuration ends too early")
    pps_nals, offset = _read_sets(record, offset + 1, record[offset], MAX_PPS)
    sps = parse_sps(sps_nals[0])
    if bytes((sps.profile, sps.constraints, sps.level)) != record[1:4]:
        raise BadBitstream("the decoder configuration contradicts its parameter set")
    sets: dict[int, tuple[Sps, Pps]] = {}
    for nal in pps_nals:
        pps = parse_pps(nal)
        if pps.sps_id != sps.id or pps.id in sets:
            raise BadBitstream("the parameter sets do not belong together")
        sets[pps.id] = (sps, pps)
    return AvcConfig(sps, sets)


def avcc_from_annex_b(extradata: bytes) -> bytes:
    """Return the record of an encoder's extradata with start codes; other NAL units in it are left out."""
    nals = split_annex_b(extradata)
    return build_avcc(
        [nal for nal in nals if nal_type(nal) == NAL_SPS], [nal for nal in nals if nal_type(nal) == NAL_PPS]
    )


def annex_b_to_length_prefixed(packet: bytes) -> bytes:
    """Return an encoder's packet as a sample of ``avc1``: lengths for start codes, no parameter sets."""
    kept = (nal for nal in split_annex_b(packet) if nal_type(nal) not in (NAL_SPS, NAL_PPS))
    return b"".join(len(nal).to_bytes(NAL_LENGTH_BYTES, "big") + nal for nal in kept)


def split_annex_b(data: bytes) -> list[bytes]:
    """Return the NAL units between start codes, without zeros around them (annex B.1).

    >>> [nal.hex() for nal in split_annex_b(bytes.fromhex("00000001 6742 000001 68ce 00"))]
    ['6742', '68ce']
    """
    return [nal for each in data.split(_START_CODE)[1:] if (nal := each.rstrip(b"\0"))]


def _with_length(nal: bytes) -> bytes:
    if len(nal) > MAX_PARAMETER_SET_BYTES:
        raise BadBitstream("a parameter set is too long")
    return struct.pack(">H", len(nal)) + nal


def _read_sets(record: bytes, offset: int, count: int, most: int) -> tuple[list[bytes], int]:
    if not 1 <= count <= most:
        raise BadBitstream("the decoder configuration has too many parameter sets, or none")
    nals = []
    for _ in range(count):
        length = int.from_bytes(record[offset : offset + 2], "big")
        nal = record[offset + 2 : offset + 2 + length]
        if not nal or len(nal) != length:
            raise BadBitstream("the decoder configuration ends too early")
        nals.append(nal)
        offset += 2 + length
    return nals, offset
