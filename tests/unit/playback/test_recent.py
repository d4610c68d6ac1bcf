from __future__ import annotations

import time

from reelkeep.playback.recent import Recent


def test_what_was_put_in_goes_after_its_time_used_or_not() -> None:
    recent: Recent[str, int] = Recent(0.2, 10)
    recent.put("a", 1)
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        assert recent.get("a") in (1, None)
        time.sleep(0.02)
    assert recent.get("a") is None
    assert recent.get("b") is None


def test_what_nobody_asks_for_again_does_not_stay_either() -> None:
    recent: Recent[str, int] = Recent(0.05, 10)
    recent.put("a", 1)
    time.sleep(0.1)
    recent.put("b", 2)
    assert list(recent._entries) == ["b"]
    time.sleep(0.1)
    recent.sweep()
    assert not recent._entries


def test_the_first_goes_first_and_what_is_put_in_again_counts_as_last() -> None:
    recent: Recent[str, int] = Recent(60.0, 2)
    for name, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        recent.put(name, value)
    assert [recent.get(name) for name in "abc"] == [3, None, 4]
    recent.clear()
    assert recent.get("a") is None
