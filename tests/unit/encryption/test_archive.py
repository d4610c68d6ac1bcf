"""The encrypted stream of backups: what was put in comes out, and nothing else does."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelkeep.encryption import archive
from reelkeep.encryption.archive import CHUNK_BYTES, MAGIC, ArchiveBroken, ArchiveReader, ArchiveWriter

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
HEADER = {"company": "c", "made_at": "2026-11-26"}
CHUNK_ON_DISK = CHUNK_BYTES + 16


def written(*pieces: bytes) -> bytes:
    sink = io.BytesIO()
    writer = ArchiveWriter(sink, KEY, HEADER)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return sink.getvalue()


def read(data: bytes, size: int, key: bytes = KEY) -> bytes:
    reader = ArchiveReader(io.BytesIO(data))
    reader.open(key)
    plain = reader.read(size)
    reader.finish()
    return plain


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_what_was_written_is_read_whatever_its_length(size: int) -> None:
    plain = os.urandom(size)
    data = written(plain[: size // 3], plain[size // 3 :])
    assert read(data, size) == plain
    assert ArchiveReader(io.BytesIO(data)).header == HEADER
    assert size < 64 or plain[:64] not in data


def test_any_flipped_bit_is_refused() -> None:
    data = written(b"rows and rows")
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1
        with pytest.raises(ArchiveBroken):
            read(bytes(altered), 13)


def test_an_archive_that_was_cut_off_anywhere_is_refused() -> None:
    data = written(b"rows and rows")
    for length in range(len(data)):
        with pytest.raises(ArchiveBroken):
            read(data[:length], 13)


def test_chunks_that_were_left_out_swapped_doubled_or_added_are_refused() -> None:
    plain = os.urandom(3 * CHUNK_BYTES)
    data = written(plain)
    begin = len(data) - 3 * CHUNK_ON_DISK
    head, one, two, three = data[:begin], *(data[begin + i * CHUNK_ON_DISK :][:CHUNK_ON_DISK] for i in range(3))
    for forged in ((one, three), (one, two), (two, one, three), (one, two, three, three), (one, one, two, three), ()):
        with pytest.raises(ArchiveBroken):
            read(head + b"".join(forged), len(plain))
    assert read(head + one + two + three, len(plain)) == plain


def test_another_key_or_header_opens_nothing() -> None:
    data = written(b"rows")
    with pytest.raises(ArchiveBroken):
        read(data, 4, OTHER_KEY)
    with pytest.raises(ArchiveBroken):
        read(data.replace(b'"company": "c"', b'"company": "d"'), 4)


def test_bytes_that_were_not_asked_for_are_not_ignored() -> None:
    with pytest.raises(ArchiveBroken, match="does not end"):
        read(written(b"rows"), 3)


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_noise_is_refused_in_words(noise: bytes) -> None:
    for data in (noise, MAGIC + noise):
        with pytest.raises(ArchiveBroken):
            read(data, 1)


def test_little_is_held_in_memory() -> None:
    class Counting(io.RawIOBase):
        largest = 0

        def write(self, data: bytes) -> int:
            self.largest = max(self.largest, len(data))
            return len(data)

    sink = Counting()
    writer = ArchiveWriter(sink, KEY, HEADER)
    for _ in range(8):
        writer.write(bytes(archive.CHUNK_BYTES // 2))
        assert len(writer._pending) <= CHUNK_BYTES
    assert sink.largest == CHUNK_ON_DISK
