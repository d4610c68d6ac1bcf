"""The outbox: ordered, bounded, and silent after the first failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reelkeep.errors import DependencyError
from reelkeep.transcode.outbox import MAX_WAITING, Outbox


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    outbox = Outbox()
    yield outbox
    outbox.close()


def test_a_lane_keeps_its_order_and_drain_waits_for_all(outbox: Outbox) -> None:
    done: list[int] = []
    for number in range(20):
        outbox.submit("v360", lambda number=number: done.append(number))
    outbox.drain()
    assert done == list(range(20))


def test_after_a_failure_nothing_more_is_begun_and_the_failure_surfaces(outbox: Outbox) -> None:
    done: list[str] = []
    failing, failed = threading.Event(), threading.Event()

    def fail() -> None:
        failing.wait(5)
        failed.set()
        raise DependencyError

    outbox.submit("v360", fail)
    outbox.submit("v360", lambda: done.append("the next one"))
    failing.set()
    assert failed.wait(5)
    with pytest.raises(DependencyError):
        outbox.drain()
    assert done == []


def test_a_full_lane_holds_its_sender_back(outbox: Outbox) -> None:
    go, sent = threading.Event(), threading.Event()
    for _ in range(MAX_WAITING):
        outbox.submit("v360", lambda: go.wait(5) and None)

    def send() -> None:
        outbox.submit("v360", lambda: None)
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert not sent.wait(0.2)
    go.set()
    assert sent.wait(5)
    sender.join()


def test_lanes_do_not_wait_for_each_other(outbox: Outbox) -> None:
    go, other = threading.Event(), threading.Event()
    outbox.submit("v720", lambda: go.wait(5) and None)
    outbox.submit("v360", other.set)
    assert other.wait(5)
    go.set()
