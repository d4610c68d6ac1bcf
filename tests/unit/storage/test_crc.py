import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.errors import RequestError
from reelkeep.storage import crc


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_the_checksum_of_a_whole_is_made_from_those_of_its_parts(parts: list[bytes]) -> None:
    assert crc.combine([(zlib.crc32(part), len(part)) for part in parts]) == zlib.crc32(b"".join(parts))


def test_lengths_of_terabytes_take_no_time_and_agree_with_doubling() -> None:
    length = 1 << 20
    block = zlib.crc32(bytes(length))
    once = crc.combine([(block, length), (block, length)])
    for _ in range(22):  # 2 MiB doubled up to 8 TiB of zeros
        length *= 2
        block, once = once, crc.combine([(once, length), (once, length)])
    assert crc.combine([(block, length), (block, length)]) == once


@pytest.mark.parametrize("text", ["", "AAAA", "AAAAAA", "!!!!!!==", "AAAAAAAAAA=="])
def test_what_is_no_crc32_in_base64_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        crc.from_text(text)


def test_text_and_bytes_are_one() -> None:
    assert crc.from_text(crc.to_text(crc.to_bytes(zlib.crc32(b"hello")))) == crc.to_bytes(zlib.crc32(b"hello"))
