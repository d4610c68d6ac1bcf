import pytest

from reelkeep.errors import DependencyError, NotFound
from reelkeep.transfer.patience import LONGEST_SECONDS, Patience


class Time:
    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def test_work_is_tried_again_until_it_succeeds() -> None:
    time, answers = Time(), iter([DependencyError(), DependencyError(), "done"])

    def work() -> str:
        answer = next(answers)
        if isinstance(answer, DependencyError):
            raise answer
        return answer

    assert Patience(sleep=time.sleep, clock=time.clock).call(work) == "done"
    assert len(time.slept) == 2


def test_patience_outlasts_a_minute_and_ends() -> None:
    time = Time()

    def work() -> None:
        time.now += 0.1
        raise DependencyError("away")

    with pytest.raises(DependencyError, match="away"):
        Patience(sleep=time.sleep, clock=time.clock).call(work)
    assert 300 <= time.now < 330
    assert max(time.slept) <= LONGEST_SECONDS


def test_waits_differ_so_that_clients_do_not_come_back_together() -> None:
    waits = []
    for _ in range(20):
        time = Time()
        Patience(sleep=time.sleep, clock=time.clock).wait(DependencyError())
        waits += time.slept
    assert len(set(waits)) > 10
    assert max(waits) <= 0.5


def test_an_error_that_waiting_does_not_mend_is_not_waited_for() -> None:
    def work() -> None:
        raise NotFound

    with pytest.raises(NotFound):
        Patience().call(work)
