"""Common encryption of samples, scheme ``cbcs``, with a constant IV. Pure; no I/O.

Follows ISO/IEC 23001-7:2023, 9.5 (NAL structured video: subsamples), 9.6 (pattern) and 10.4 (cbcs): the cipher starts
anew with the same IV at each subsample; NAL length, NAL header and slice header stay clear, and so does a last part
of less than a block. Video has one block in ten encrypted; AAC all whole blocks of a sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from reelkeep.encryption.keys import ContentKey
from reelkeep.packaging.avcc import NAL_LENGTH_BYTES
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.h264 import (
    MAX_SLICE_HEADER_BYTES,
    NAL_ACCESS_UNIT_DELIMITER,
    NAL_FILLER,
    NAL_IDR_SLICE,
    NAL_SEI,
    NAL_SLICE,
    Pps,
    Sps,
    nal_type,
    parse_slice_header,
)

BLOCK_BYTES: Final = 16
CRYPT_BLOCKS: Final = 1
SKIP_BLOCKS: Final = 9
MAX_SUBSAMPLES: Final = 42  # the sizes in ``saiz`` have one byte: 2 + 6 n <= 255
MAX_CLEAR_BYTES: Final = 0xFFFF  # BytesOfClearData has 16 bits
_CLEAR_UNITS: Final = frozenset({NAL_SEI, NAL_ACCESS_UNIT_DELIMITER, NAL_FILLER})

ParameterSets = Mapping[int, tuple[Sps, Pps]]


class Subsample(NamedTuple):
    clear_bytes: int
    protected_bytes: int


class NalUnit(NamedTuple):
    offset: int  # of the NAL header, within the buffer
    length: int
    type: int


class Slice(NamedTuple):
    """One slice of a sample, with its NAL length; ``first_macroblock`` as its own header says."""

    first_macroblock: int
    offset: int
    length: int


class VideoSample(NamedTuple):
    subsamples: tuple[Subsample, ...]
    is_idr: bool
    slices: tuple[Slice, ...]


class SampleCipher:
    """Encrypts and decrypts samples where they lie, with one key and one constant IV."""

    def __init__(self, content_key: ContentKey, iv: bytes) -> None:
        if len(iv) != BLOCK_BYTES:
            raise ValueError("the constant IV of cbcs has 16 bytes")
        self._cipher = Cipher(algorithms.AES(content_key.key), modes.CBC(iv))

    def encrypt_pattern(self, data: NDArray[np.uint8]) -> None:
        """Encrypt the first of every ten blocks of ``data`` in place: the protected part of one video slice."""
        blocks = data[: len(data) // BLOCK_BYTES * BLOCK_BYTES].reshape(-1, BLOCK_BYTES)
        chosen = blocks[:: CRYPT_BLOCKS + SKIP_BLOCKS]
        chosen[...] = self._encrypt(chosen).reshape(-1, BLOCK_BYTES)

    def encrypt_whole(self, data: NDArray[np.uint8]) -> None:
        """Encrypt all whole blocks of ``data`` in place: one audio sample."""
        blocks = data[: len(data) // BLOCK_BYTES * BLOCK_BYTES]
        blocks[...] = self._encrypt(blocks)

    def decrypt_pattern(self, data: NDArray[np.uint8]) -> None:
        """Take ``encrypt_pattern`` back, in place."""
        blocks = data[: len(data) // BLOCK_BYTES * BLOCK_BYTES].reshape(-1, BLOCK_BYTES)
        chosen = blocks[:: CRYPT_BLOCKS + SKIP_BLOCKS]
        chosen[...] = self._decrypt(chosen).reshape(-1, BLOCK_BYTES)

    def decrypt_whole(self, data: NDArray[np.uint8]) -> None:
        """Take ``encrypt_whole`` back, in place."""
        blocks = data[: len(data) // BLOCK_BYTES * BLOCK_BYTES]
        blocks[...] = self._decrypt(blocks)

    def _decrypt(self, blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not blocks.size:
            return blocks
        return np.frombuffer(self._cipher.decryptor().update(blocks.tobytes()), np.uint8)

    def _encrypt(self, blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not blocks.size:
            return blocks
        return np.frombuffer(self._cipher.encryptor().update(blocks.tobytes()), np.uint8)


def encrypt_video_sample(
    cipher: SampleCipher, payload: NDArray[np.uint8], start: int, end: int, parameter_sets: ParameterSets
) -> VideoSample:
    """Encrypt one H.264 sample of ``payload`` in place and return its subsamples.

    Raises:
        BadBitstream: the sample is not made of whole NAL units of the known kinds, has no slice, or has more than
            MAX_SUBSAMPLES; the payload is then of no use.
    """
    subsamples: list[Subsample] = []
    slices: list[Slice] = []
    clear_bytes, idr_slices = 0, 0
    for unit in nal_units(payload, start, end):
        if unit.type in _CLEAR_UNITS:
            clear_bytes += NAL_LENGTH_BYTES + unit.length
            continue
        head = payload[unit.offset : unit.offset + min(unit.length, MAX_SLICE_HEADER_BYTES)].tobytes()
        header = parse_slice_header(head, parameter_sets)
        header_bytes = header.length_bytes
        cipher.encrypt_pattern(payload[unit.offset + header_bytes : unit.offset + unit.length])
        subsamples += _split_clear(clear_bytes + NAL_LENGTH_BYTES + header_bytes, unit.length - header_bytes)
        clear_bytes = 0
        offset = unit.offset - NAL_LENGTH_BYTES - start
        slices.append(Slice(header.first_macroblock, offset, NAL_LENGTH_BYTES + unit.length))
        idr_slices += unit.type == NAL_IDR_SLICE
    if clear_bytes:
        subsamples += _split_clear(clear_bytes, 0)
    if not slices or idr_slices not in (0, len(slices)) or len(subsamples) > MAX_SUBSAMPLES:
        raise BadBitstream("a picture has no slices, too many, or slices that do not belong together")
    return VideoSample(tuple(subsamples), idr_slices > 0, tuple(slices))


def nal_units(payload: NDArray[np.uint8], start: int, end: int) -> Iterator[NalUnit]:
    """Yield the NAL units of one sample; raise BadBitstream where they do not fill it, or are of no known kind."""
    position = start
    while position < end:
        length = int.from_bytes(payload[position : position + NAL_LENGTH_BYTES].tobytes(), "big")
        offset = position + NAL_LENGTH_BYTES
        if length == 0 or offset + length > end:
            raise BadBitstream("a NAL unit does not fit into its sample")
        unit_type = nal_type(payload[offset : offset + 1].tobytes())
        if unit_type not in _CLEAR_UNITS and unit_type not in (NAL_SLICE, NAL_IDR_SLICE):
            raise BadBitstream(f"a sample holds a NAL unit of type {unit_type}, which cannot be packaged")
        yield NalUnit(offset, length, unit_type)
        position = offset + length


def _split_clear(clear_bytes: int, protected_bytes: int) -> list[Subsample]:
    """Return one subsample, or more where the clear part is too long for one.

    >>> _split_clear(70000, 5)
    [Subsample(clear_bytes=65535, protected_bytes=0), Subsample(clear_bytes=4465, protected_bytes=5)]
    """
    whole, rest = divmod(clear_bytes, MAX_CLEAR_BYTES)
    return [Subsample(MAX_CLEAR_BYTES, 0)] * min(whole, MAX_SUBSAMPLES + 1) + [Subsample(rest, protected_bytes)]
