"""Reads of many objects: each byte once, several in flight, bounded memory, and what was altered is seen."""

from __future__ import annotations

import threading
import time
import zlib

import pytest

from reelkeep.errors import DependencyError
from reelkeep.isolation.channel import BadFrame
from reelkeep.storage import crc
from reelkeep.transcode.sequence_source import IN_FLIGHT, FrameAltered, SequenceSource, SourceFile

FILES = [bytes((place * 7 + at) % 251 for at in range(size)) for place, size in enumerate([30, 250, 100, 1, 99, 101])]


def files(contents: list[bytes]) -> list[SourceFile]:
    return [SourceFile(1001 + place, len(body), crc.to_bytes(zlib.crc32(body))) for place, body in enumerate(contents)]


class Store:
    def __init__(self, contents: list[bytes], *, seconds: float = 0) -> None:
        self.contents, self.seconds = contents, seconds
        self.asked: list[tuple[int, int, int]] = []
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.away = False

    def fetch(self, file: int, offset: int, length: int) -> bytes:
        with self.lock:
            self.asked.append((file, offset, length))
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        if self.away:
            raise DependencyError
        return self.contents[file][offset : offset + length]


def whole(source: SequenceSource, file: int, step: int) -> bytes:
    size = len(FILES[file])
    return b"".join(source.read(offset, min(step, size - offset), file) for offset in range(0, size, step))


def test_every_byte_of_every_file_is_fetched_once() -> None:
    store = Store(FILES)
    source = SequenceSource(store.fetch, files(FILES), block_bytes=100, ahead_bytes=250)
    for place, body in enumerate(FILES):
        assert whole(source, place, 17) == body
        assert source.held_bytes <= 350
    source.close()
    assert source.fetched_bytes == sum(map(len, FILES))
    assert len(store.asked) == len(set(store.asked))


def test_small_files_are_fetched_side_by_side_within_bounds() -> None:
    contents = [b"x" * 1_000] * 100
    store = Store(contents, seconds=0.01)
    source = SequenceSource(store.fetch, files(contents))
    for place in range(100):
        source.read(0, 1_000, place)
    source.close()
    assert 4 <= store.most <= IN_FLIGHT


def test_a_jump_fetches_nothing_in_between() -> None:
    store = Store([b"y" * 10] * 1_000)
    source = SequenceSource(store.fetch, files(store.contents))
    source.read(0, 10, 0)
    source.read(0, 10, 900)
    source.close()
    assert not {file for file, _, _ in store.asked} & set(range(IN_FLIGHT + 1, 900))


def test_jumps_back_and_forth_hold_no_more_than_one_window() -> None:
    contents = [b"z" * 100] * 1_000
    source = SequenceSource(Store(contents).fetch, files(contents))
    for place in (900, 500, 700, 100, 0):
        source.read(0, 100, place)
        assert source.held_bytes <= (IN_FLIGHT + 1) * 100
    source.close()


def test_a_file_that_is_not_what_was_uploaded_is_told_by_its_number() -> None:
    changed = [*FILES[:1], FILES[1][:-1] + b"?", *FILES[2:]]
    source = SequenceSource(Store(changed).fetch, files(FILES), block_bytes=100)
    assert whole(source, 0, 10) == FILES[0]
    with pytest.raises(FrameAltered, match="frame 1002"):
        whole(source, 1, 50)
    source.close()


def test_a_block_that_did_not_come_is_asked_for_again() -> None:
    store = Store(FILES)
    source = SequenceSource(store.fetch, files(FILES), block_bytes=100)
    store.away = True
    with pytest.raises(DependencyError):
        source.read(0, 30, 0)
    store.away = False
    assert source.read(0, 30, 0) == FILES[0]
    source.close()


def test_a_file_that_is_not_there_cannot_be_read() -> None:
    source = SequenceSource(Store(FILES).fetch, files(FILES))
    with pytest.raises(BadFrame):
        source.read(0, 1, len(FILES))
    source.close()
