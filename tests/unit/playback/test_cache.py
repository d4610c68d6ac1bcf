from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelkeep.ids import VersionId
from reelkeep.playback.cache import MAX_LIFETIME_SECONDS, SegmentCache

VERSION = VersionId("0" * 20)


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def name(number: int) -> tuple[VersionId, int, str, int]:
    return VERSION, 0, "v360", number


def memory_files() -> list[str]:
    links = (f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd"))
    return [link for link in links if os.path.islink(link) and os.readlink(link).startswith("/memfd:segment")]


def holds_in_memory_files(content: bytes) -> bool:
    return any(content in Path(link).read_bytes() for link in memory_files())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_segment_is_kept_in_a_memory_file_and_nowhere_on_a_disk(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=1_000, clock=clock)
    cache.put(name(0), b"protected picture", fetched_at=clock.now)
    assert cache.get(name(0)) == b"protected picture"
    assert holds_in_memory_files(b"protected picture")
    cache.clear()
    assert memory_files() == []


def test_six_hours_after_the_fetch_the_bytes_are_gone_however_much_they_were_used(clock: FakeClock) -> None:
    cache, fetched_at = SegmentCache(max_bytes=1_000, clock=clock), clock.now
    cache.put(name(0), b"protected picture", fetched_at=fetched_at)
    for _ in range(5):
        clock.now += 3_600
        assert cache.get(name(0)) == b"protected picture"
    clock.now = fetched_at + 6 * 3_600 - 1
    assert cache.sweep() == 0
    assert cache.seconds_to_next_deadline() == 1
    clock.now = fetched_at + 6 * 3_600
    assert cache.sweep() == 1
    assert cache.get(name(0)) is None
    assert (len(cache), cache.size_bytes) == (0, 0)
    assert not holds_in_memory_files(b"protected picture")


def test_a_segment_past_its_deadline_is_not_given_even_if_no_sweep_has_run(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=1_000, lifetime_seconds=60, clock=clock)
    cache.put(name(0), b"protected picture", fetched_at=clock.now)
    clock.now += 60
    assert name(0) not in cache
    assert cache.get(name(0)) is None
    assert not holds_in_memory_files(b"protected picture")


def test_the_deadline_counts_from_the_fetch_and_a_second_fetch_does_not_move_it(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=1_000, lifetime_seconds=60, clock=clock)
    cache.put(name(0), b"x", fetched_at=clock.now - 50)
    cache.put(name(0), b"x", fetched_at=clock.now)
    assert cache.seconds_to_next_deadline() == 10
    cache.put(name(1), b"x", fetched_at=clock.now - 60)
    assert name(1) not in cache
    cache.clear()


def test_over_the_size_cap_what_was_used_longest_ago_goes_first(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=30, clock=clock)
    for number in range(3):
        cache.put(name(number), bytes(10), fetched_at=clock.now)
    cache.get(name(0))
    cache.put(name(3), bytes(10), fetched_at=clock.now)
    assert [number for number in range(4) if name(number) in cache] == [0, 2, 3]
    assert cache.size_bytes == 30
    cache.put(name(4), bytes(31), fetched_at=clock.now)
    assert name(4) not in cache
    cache.clear()


def test_the_number_of_open_descriptors_is_bounded(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=1_000, max_entries=4, clock=clock)
    for number in range(20):
        cache.put(name(number), b"x", fetched_at=clock.now)
    assert len(cache) == len(memory_files()) == 4
    cache.clear()


def test_a_segment_that_is_being_sent_outlives_its_entry_and_no_longer(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=1_000, clock=clock)
    cache.put(name(0), b"protected picture", fetched_at=clock.now)
    sending = cache.get(name(0))
    assert sending is not None
    cache.clear()
    assert (len(cache), cache.size_bytes, sending) == (0, 0, b"protected picture")
    assert holds_in_memory_files(b"protected picture")
    del sending
    assert memory_files() == []


def test_nobody_can_write_to_what_is_kept(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=1_000, clock=clock)
    cache.put(name(0), b"protected picture", fetched_at=clock.now)
    found = cache.get(name(0))
    assert found is not None
    assert found.readonly
    del found
    cache.clear()


def test_without_room_nothing_is_kept(clock: FakeClock) -> None:
    cache = SegmentCache(max_bytes=0, clock=clock)
    cache.put(name(0), b"protected picture", fetched_at=clock.now)
    assert (cache.get(name(0)), len(cache), memory_files()) == (None, 0, [])


def test_a_lifetime_over_six_hours_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="six hours"):
        SegmentCache(max_bytes=1, lifetime_seconds=MAX_LIFETIME_SECONDS + 1)
