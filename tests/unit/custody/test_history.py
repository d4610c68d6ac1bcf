"""An audit beside the one before: what is fresh is told once, what is gone is counted, and memory is bounded."""

from __future__ import annotations

from reelkeep.custody import history
from reelkeep.custody.history import Comparison, Drift, Former
from reelkeep.custody.merge import Finding, FindingKind


def finding(key: str, kind: FindingKind = FindingKind.FOREIGN) -> Finding:
    return Finding(kind, key, "nobody here made it", 1, None)


def compared(
    former: Former, *findings: Finding, drifts: tuple[Drift, ...] = (), most: int = history.MAX_MARKS
) -> history.Compared:
    made = Comparison(former, most)
    for one in findings:
        made.add(one)
    for drift in drifts:
        made.add_drift(drift)
    return made.result()


def former(of: history.Compared) -> Former:
    return Former(of.found, None if of.marks is None else frozenset(of.marks))


def test_the_first_audit_tells_everything_the_next_one_only_what_is_fresh_and_what_is_gone() -> None:
    drift = Drift("versioning", "nothing is set", "Turn it on")
    first = compared(
        history.NOTHING,
        finding("a"),
        finding("b", FindingKind.MISSING),
        finding("c", FindingKind.UNNAMED),
        drifts=(drift,),
    )
    assert first.fresh == first.found == {"foreign": 1, "missing": 1, "setting": 1}
    second = compared(former(first), finding("a"), finding("b"), drifts=(drift,))
    assert (second.found, second.fresh, second.gone) == ({"foreign": 2, "setting": 1}, {"foreign": 1}, 1)
    assert second.named == [{"kind": "foreign", "key": "b", "what": "nobody here made it"}]
    third = compared(former(second))
    assert (third.fresh_count, third.gone, third.marks) == (0, 3, [])


def test_what_is_found_twice_counts_once_and_an_audit_that_begins_again_forgets() -> None:
    made = Comparison()
    made.add(finding("a"))
    made.add(finding("a"))
    assert made.result().found == {"foreign": 1}
    made.begin_again()
    assert made.result() == Comparison().result()


def test_more_problems_than_are_kept_are_compared_by_their_number() -> None:
    many = compared(history.NOTHING, *(finding(str(n)) for n in range(60)), most=50)
    assert (many.found, many.marks, len(many.named)) == ({"foreign": 60}, None, history.NAMED)
    more = compared(former(many), *(finding(str(n)) for n in range(63)), most=50)
    assert (more.fresh, more.gone, more.named) == ({"foreign": 3}, None, ())
    fewer = compared(former(many), *(finding(str(n)) for n in range(40)), most=50)
    assert (fewer.fresh, fewer.marks and len(fewer.marks)) == ({}, 40)


def test_a_strangers_name_is_kept_as_far_as_a_database_can_hold_it() -> None:
    hostile = "a\x00\n\udc80\u202eb" + "c" * 2_000
    (named,) = compared(history.NOTHING, finding(hostile)).named
    assert named["key"].startswith("a\ufffd\ufffd\ufffd\ufffdbccc")
    assert len(named["key"]) <= 1_024
    assert named["key"].isprintable()
