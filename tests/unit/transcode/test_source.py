"""The range cache: what the codec reads is the original, each byte of it fetched once."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator

import pytest

from reelkeep.errors import DependencyError
from reelkeep.transcode.source import SourceCache

ORIGINAL = random.Random(7).randbytes(10_050)


class Store:
    """Ranges of ``ORIGINAL``, counted; can be away for a number of requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, int]] = []
        self.away_for = 0
        self.most_in_flight = 0
        self._in_flight = 0
        self._lock = threading.Lock()

    def fetch(self, offset: int, length: int) -> bytes:
        with self._lock:
            self.requests.append((offset, length))
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            away, self.away_for = self.away_for > 0, max(0, self.away_for - 1)
        threading.Event().wait(0.002)
        with self._lock:
            self._in_flight -= 1
        if away:
            raise DependencyError
        return ORIGINAL[offset : offset + length]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def cache(store: Store) -> Iterator[SourceCache]:
    cache = SourceCache(store.fetch, len(ORIGINAL), block_bytes=100, blocks_ahead=3, blocks_kept=8)
    yield cache
    cache.close()


def test_a_read_across_blocks_and_beyond_the_end_returns_the_bytes_of_the_original(cache: SourceCache) -> None:
    assert cache.read(50, 333) == ORIGINAL[50:383]
    assert cache.read(10_000, 500) == ORIGINAL[10_000:]
    assert cache.read(20_000, 10) == b""
    assert cache.read(0, 0) == b""


def test_head_and_tail_seeks_then_a_sequential_pass_fetch_every_byte_once(cache: SourceCache, store: Store) -> None:
    for offset in (0, 9_990, 8, 10_040, 0):
        cache.read(offset, 20)
    whole = b"".join(cache.read(offset, 64) for offset in range(0, len(ORIGINAL), 64))
    assert whole == ORIGINAL
    assert cache.fetched_bytes == len(ORIGINAL)
    assert len(store.requests) == len(set(store.requests))
    assert cache.sha256() == hashlib.sha256(ORIGINAL).digest()


def test_two_cursors_that_alternate_fetch_every_byte_once(cache: SourceCache) -> None:
    half = 5_000
    for offset in range(0, half - 70, 70):
        assert cache.read(offset, 70) == ORIGINAL[offset : offset + 70]
        assert cache.read(half + offset, 70) == ORIGINAL[half + offset : half + offset + 70]
    assert cache.fetched_bytes <= len(ORIGINAL)


def test_blocks_ahead_of_a_cursor_are_fetched_several_at_once(cache: SourceCache, store: Store) -> None:
    for offset in range(0, 3_000, 100):
        cache.read(offset, 100)
    assert store.most_in_flight > 1


def test_a_narrow_cache_fetches_what_is_asked_for_and_no_more(cache: SourceCache, store: Store) -> None:
    cache.read(5_000, 20)
    before = cache.fetched_bytes
    cache.narrow()
    assert cache.read(5_010, 30) == ORIGINAL[5_010:5_040]  # it has these
    assert cache.read(6_050, 100) == ORIGINAL[6_050:6_150]
    assert cache.read(10_040, 50) == ORIGINAL[10_040:]
    assert cache.fetched_bytes == before + 110


def test_a_seek_to_the_middle_does_not_fetch_ahead(cache: SourceCache, store: Store) -> None:
    cache.read(5_000, 10)
    assert store.requests == [(5_000, 100)]


def test_a_pass_with_a_hole_that_was_forgotten_leaves_the_checksum_open(cache: SourceCache) -> None:
    for offset in range(5_000, 10_000, 100):
        cache.read(offset, 100)
    assert cache.sha256() is None


def test_an_unread_rest_is_fetched_for_the_checksum(cache: SourceCache) -> None:
    cache.read(0, 300)
    assert cache.sha256() == hashlib.sha256(ORIGINAL).digest()
    assert cache.fetched_bytes == len(ORIGINAL)


def test_a_block_that_failed_is_fetched_again_when_it_is_read_again(cache: SourceCache, store: Store) -> None:
    store.away_for = 1
    with pytest.raises(DependencyError):
        cache.read(5_000, 10)
    assert cache.read(5_000, 10) == ORIGINAL[5_000:5_010]


def test_a_store_that_sends_too_few_bytes_is_refused() -> None:
    cache = SourceCache(lambda offset, length: b"x" * (length - 1), 50, block_bytes=100)
    with pytest.raises(DependencyError):
        cache.read(0, 10)
    cache.close()


def test_memory_is_bounded(cache: SourceCache) -> None:
    for offset in range(0, len(ORIGINAL), 100):
        cache.read(offset, 100)
    assert cache.held_bytes <= (8 + 3 + 3) * 100
