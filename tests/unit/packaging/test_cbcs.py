from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.encoded import h264

from reelkeep.encryption.keys import ContentKey
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.cbcs import MAX_SUBSAMPLES, SampleCipher, Subsample, encrypt_video_sample, nal_units

KEY = ContentKey(bytes(16), bytes(range(16)))
IV = bytes(range(100, 116))
ENCODED = h264(2, slices=3)
SETS = ENCODED.track.parameter_sets


def first_slice(sample: bytes) -> bytes:
    """Return the first slice of a picture, with its length."""
    units = nal_units(np.frombuffer(sample, np.uint8), 0, len(sample))
    found = next(unit for unit in units if unit.type == 5)
    return sample[found.offset - 4 : found.offset + found.length]


SLICE = first_slice(ENCODED.bodies[0])


def reference(data: bytes, crypt: int, skip: int) -> bytes:
    """Encrypt block by block, chaining by hand: ISO/IEC 23001-7, 9.6 and 10.4, as slow as it reads."""
    out, chain, at, number = bytearray(data), IV, 0, 0
    while at + 16 <= len(data):
        if number % (crypt + skip) < crypt:
            block = bytes(a ^ b for a, b in zip(data[at : at + 16], chain, strict=True))
            encryptor = Cipher(algorithms.AES(KEY.key), modes.ECB()).encryptor()
            chain = encryptor.update(block)
            out[at : at + 16] = chain
        at, number = at + 16, number + 1
    return bytes(out)


def in_place(data: bytes, method: str) -> bytes:
    body = bytearray(data)
    getattr(SampleCipher(KEY, IV), method)(np.frombuffer(body, np.uint8))
    return bytes(body)


@settings(deadline=None)
@given(st.binary(max_size=700))
def test_one_block_in_ten_of_video_is_encrypted(data: bytes) -> None:
    assert in_place(data, "encrypt_pattern") == reference(data, 1, 9)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_every_whole_block_of_audio_is_encrypted(data: bytes) -> None:
    assert in_place(data, "encrypt_whole") == reference(data, 1, 0)


def encrypt(sample: bytes) -> tuple[bytes, tuple[Subsample, ...], bool]:
    body = bytearray(sample)
    found = encrypt_video_sample(SampleCipher(KEY, IV), np.frombuffer(body, np.uint8), 0, len(body), SETS)
    return bytes(body), found.subsamples, found.is_idr


def nal(*parts: bytes) -> bytes:
    data = b"".join(parts)
    return len(data).to_bytes(4, "big") + data


def test_headers_stay_clear_and_the_cipher_starts_anew_in_each_slice() -> None:
    body, subsamples, is_idr = encrypt(SLICE + SLICE)
    half = len(SLICE)
    assert body[:half] == body[half:]
    assert is_idr
    assert len(subsamples) == 2
    clear, protected = subsamples[0]
    assert clear + protected == half
    assert body[:clear] == SLICE[:clear]
    assert body[clear:half] == reference(SLICE[clear:], 1, 9)
    assert body != SLICE + SLICE


def test_units_around_slices_stay_clear_and_are_counted() -> None:
    delimiter, sei = nal(b"\x09\x10"), nal(b"\x06", bytes(range(1, 60)))
    body, subsamples, _ = encrypt(delimiter + sei + SLICE + sei)
    (alone,) = encrypt(SLICE)[1]
    before = len(delimiter) + len(sei)
    assert subsamples == (Subsample(before + alone.clear_bytes, alone.protected_bytes), Subsample(len(sei), 0))
    assert body[:before] == delimiter + sei
    assert body.endswith(sei)


def test_a_long_clear_part_takes_two_subsamples() -> None:
    _, subsamples, _ = encrypt(nal(b"\x06", b"\1" * 70_000) + SLICE)
    assert subsamples[0] == Subsample(65_535, 0)
    assert sum(map(sum, subsamples)) == 70_005 + len(SLICE)


def test_more_slices_than_the_box_can_say_are_refused() -> None:
    assert len(encrypt(SLICE * MAX_SUBSAMPLES)[1]) == 42
    with pytest.raises(BadBitstream, match="too many"):
        encrypt(SLICE * (MAX_SUBSAMPLES + 1))


def test_many_lengths_that_fill_the_table_are_refused() -> None:
    with pytest.raises(BadBitstream, match="too many"):
        encrypt(nal(b"\x06", b"\1" * 65_535 * 43) + SLICE)


@pytest.mark.parametrize("unit_type", [0, 2, 3, 4, 7, 8, 10, 11, 13, 14, 15, 19, 20, 21, 24, 31])
def test_units_that_would_stay_clear_or_change_the_decoder_are_refused(unit_type: int) -> None:
    with pytest.raises(BadBitstream, match=f"type {unit_type},"):
        encrypt(SLICE + nal(bytes([0x60 | unit_type]), b"\x88" * 40))


@pytest.mark.parametrize(
    "sample",
    [
        b"", b"\0", b"\0\0\0", b"\0\0\0\0", b"\0\0\0\1", b"\xff\xff\xff\xff\x65", SLICE[:-1], SLICE + b"\0",
        SLICE + b"\0\0\0\0", nal(b"\x06\1\2\3"),
        SLICE + nal(b"\x41\x9a\x24\x6c\x41", b"\x4f" * 50), nal(b"\xe5\x88\x84"),
    ],
)  # fmt: skip
def test_samples_that_are_not_whole_pictures_are_refused(sample: bytes) -> None:
    with pytest.raises(BadBitstream):
        encrypt(sample)


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, 400), value=st.binary(min_size=1, max_size=4), length=st.integers(0, 400))
def test_altered_samples_are_encrypted_or_refused(at: int, value: bytes, length: int) -> None:
    sample = bytearray(SLICE[:200] + SLICE)
    sample[at : at + len(value)] = value
    try:
        body, subsamples, _ = encrypt(bytes(sample[: len(sample) - length]))
    except BadBitstream:
        return
    assert sum(map(sum, subsamples)) == len(body)


def test_an_iv_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        SampleCipher(KEY, bytes(8))
