"""Memory that was let go serves again, and memory that somebody looks at does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reelkeep.playback.buffers import UNIT_BYTES, Buffers


@pytest.mark.parametrize("length", [0, 1, UNIT_BYTES - 1, UNIT_BYTES, UNIT_BYTES + 1, 5 * UNIT_BYTES])
def test_a_view_is_as_long_as_was_asked_and_writable(length: int) -> None:
    view = Buffers(1 << 30).take(length)
    assert (len(view), view.readonly) == (length, False)


def test_memory_serves_again_once_no_view_of_it_is_left() -> None:
    buffers = Buffers(1 << 30)
    first = buffers.take(2 * UNIT_BYTES)
    first[:5] = b"first"
    part, memory = first[2:9], first.obj
    del first
    other = buffers.take(2 * UNIT_BYTES)
    assert other.obj is not memory, "a part of it is looked at"
    assert bytes(part[:3]) == b"rst"
    del part
    assert buffers.take(UNIT_BYTES + 5).obj is memory
    assert buffers.take(2 * UNIT_BYTES).obj is memory
    assert buffers.take(2 * UNIT_BYTES + 1).obj is not memory, "it is too small"


def test_no_more_is_kept_than_allowed() -> None:
    buffers = Buffers(3 * UNIT_BYTES)
    held = [buffers.take(UNIT_BYTES) for _ in range(5)]
    assert len({id(each.obj) for each in held}) == 5
    assert sum(map(len, buffers._kept)) == 3 * UNIT_BYTES
    del held
    large = buffers.take(2 * UNIT_BYTES)  # takes the place of what is free
    assert [len(each) for each in buffers._kept] == [2 * UNIT_BYTES]
    assert buffers.take(4 * UNIT_BYTES).obj not in buffers._kept
    assert large.obj in buffers._kept


def test_a_sweep_lets_go_of_what_is_free() -> None:
    buffers = Buffers(1 << 30)
    held, _ = buffers.take(UNIT_BYTES), buffers.take(UNIT_BYTES)
    del _
    buffers.sweep()
    assert [each is held.obj for each in buffers._kept] == [True]
    held[:1] = b"x"


def test_threads_never_get_the_same_memory() -> None:
    buffers = Buffers(1 << 30)

    def use(number: int) -> bool:
        view = buffers.take(UNIT_BYTES)
        mark = number.to_bytes(4, "big") * (UNIT_BYTES // 4)
        view[:] = mark
        return bytes(view) == mark

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(400)))
    assert len(buffers._kept) <= 8
