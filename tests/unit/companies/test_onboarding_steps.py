"""Seven steps, each with what was seen and what was noted; none is passed over silently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reelkeep.companies.onboarding_steps import (
    MAX_TEXT,
    STEPS,
    Note,
    Noted,
    Seen,
    Step,
    StepState,
    lines,
    next_step,
    skipped,
)
from reelkeep.errors import RequestError

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_there_are_seven_steps_and_each_says_whose_it_is_and_what_to_do() -> None:
    assert len(Step) == len(STEPS) == 7
    assert [one.step for one in lines({}, {})] == list(Step)
    assert all(one.state is StepState.OPEN and one.owner and one.how.endswith(".") for one in lines({}, {}))


def test_what_was_seen_does_a_step_unless_people_must_say_so() -> None:
    seen = {Step.DEPLOY: Seen("pasted back", NOW), Step.ACCEPTANCE: Seen("a report", NOW, settles=False)}
    found = {one.step: one for one in lines(seen, {})}
    assert (found[Step.DEPLOY].state, found[Step.DEPLOY].how) == (StepState.DONE, "")
    assert (found[Step.ACCEPTANCE].state, found[Step.ACCEPTANCE].evidence) == (StepState.OPEN, "a report")


def test_what_was_noted_comes_first_and_both_stand_as_evidence() -> None:
    noted = {Step.DEPLOY: Noted(StepState.LEFT_OUT, "Ada", "ticket 7", NOW)}
    found = lines({Step.DEPLOY: Seen("pasted back", None)}, noted)[2]
    assert (found.state, found.owner, found.evidence) == (StepState.LEFT_OUT, "Ada", "ticket 7; pasted back")


def test_a_review_of_an_older_contract_is_open_again_with_what_was_signed_as_evidence() -> None:
    noted = {step: Noted(StepState.DONE, "Ada", "ticket 7", NOW, 1) for step in (Step.REVIEW, Step.DEPLOY)}
    found = {one.step: one for one in lines({}, noted, offered=2)}
    assert (found[Step.REVIEW].state, found[Step.REVIEW].evidence) == (StepState.OPEN, "ticket 7")
    assert "Version 2" in found[Step.REVIEW].how
    assert found[Step.DEPLOY].state is StepState.DONE
    for kept in ({Step.REVIEW: Noted(StepState.DONE, "Ada", "x", NOW, 2)}, noted):
        offered = 2 if kept is not noted else 0  # signed, or no stack to which anything is offered
        assert lines({}, kept, offered=offered)[1].state is StepState.DONE
    left = {Step.REVIEW: Noted(StepState.LEFT_OUT, "Ada", "not wanted", NOW, 1)}
    assert lines({}, left, offered=2)[1].state is StepState.LEFT_OUT


def test_a_step_that_was_passed_over_is_named_until_it_is_done_or_noted_as_left_out() -> None:
    seen = {Step.DEPLOY: Seen("pasted back", None)}
    assert [one.step for one in skipped(lines(seen, {}))] == [Step.CONTACTS, Step.REVIEW]
    noted = {step: Noted(StepState.LEFT_OUT, "Ada", "agreed", NOW) for step in (Step.CONTACTS, Step.REVIEW)}
    assert skipped(lines(seen, noted)) == []
    upcoming = next_step(lines(seen, noted))
    assert upcoming is not None
    assert upcoming.step is Step.TRIAL
    everything = {step: Noted(StepState.DONE, "Ada", "x", NOW) for step in Step}
    assert next_step(lines({}, everything)) is None


def test_a_step_that_was_noted_as_open_again_is_open_for_whom_it_always_was() -> None:
    noted = {Step.REVIEW: Noted(StepState.OPEN, "Ada", "signed for the wrong stack", NOW)}
    found = lines({}, noted)[1]
    assert (found.state, found.owner, found.how) == (
        StepState.OPEN,
        STEPS[Step.REVIEW].owner,
        STEPS[Step.REVIEW].how,
    )
    assert (found.evidence, found.at) == ("signed for the wrong stack", NOW)


def test_a_note_needs_a_step_a_state_a_name_and_evidence_on_one_line_each() -> None:
    given: dict[str, Any] = {"step": "review", "state": "left out", "owner": " Grace ", "evidence": "ticket SEC-12"}
    note = Note.of(given)
    assert (note.owner, Note.of(note.as_fields())) == ("Grace", note)
    for wrong in (
        {"step": "lunch"},
        {"step": {}},
        {"state": "perhaps"},
        {"state": None},
        {"owner": "  "},
        {"owner": 7},
        {"evidence": "a\nb"},
        {"evidence": "x" * (MAX_TEXT + 1)},
        {"evidence": "\x00"},
    ):
        with pytest.raises(RequestError):
            Note.of({**given, **wrong})
