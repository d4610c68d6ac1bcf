from reelkeep.transfer.interface import Progress
from reelkeep.transfer.meter import Meter


def test_rate_and_time_left_follow_the_bytes() -> None:
    seen: list[Progress] = []
    now = [0.0]
    meter = Meter(1000, seen.append, clock=lambda: now[0])
    for _ in range(5):
        now[0] += 1
        meter.add(100)
    assert seen[-1] == Progress(500, 1000, 100.0, 5.0)


def test_bytes_of_an_earlier_try_do_not_count_for_the_rate() -> None:
    seen: list[Progress] = []
    now = [0.0]
    meter = Meter(1000, seen.append, done_bytes=900, clock=lambda: now[0])
    now[0] = 1
    meter.add(50)
    assert seen[-1] == Progress(950, 1000, 50.0, 1.0)


def test_a_try_that_failed_is_taken_back_and_no_rate_is_negative() -> None:
    seen: list[Progress] = []
    now = [0.0]
    meter = Meter(1000, seen.append, clock=lambda: now[0])
    for count in (100, -100):
        now[0] += 1
        meter.add(count)
    assert seen[-1].done_bytes == 0
    assert seen[-1].rate_bps == 0.0
    assert seen[-1].seconds_left is None


def test_the_end_is_always_told() -> None:
    seen: list[Progress] = []
    meter = Meter(10, seen.append, clock=lambda: 0.0)
    for _ in range(10):
        meter.add(1)
    assert seen[-1].done_bytes == 10
