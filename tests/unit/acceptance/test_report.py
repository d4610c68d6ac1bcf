"""A report can be kept, read again, compared with the one before, and filed as one page that runs nothing."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime

from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import Check, Finding, Group, NotVerifiable, Outcome, Report, Result, passed
from reelkeep.acceptance.page import page
from reelkeep.acceptance.report import as_fields, changes, from_fields, summary
from reelkeep.acceptance.run import _side_by_side

HOSTILE = "</style><script>alert(1)</script>"


def finding(check_id: str, result: Result, *, is_required: bool = True, found: str = "seen") -> Finding:
    return Finding(
        check_id, Group.SETTINGS, "It is so.", "GetIt.", result, found, "Mend it.", "a gap", is_required, 0.1
    )


def report(*findings: Finding) -> Report:
    return Report(
        company=HOSTILE,
        connection="acme-reels",
        connection_id="c",
        bucket="acme-reels",
        prefix="media",
        region="eu-central-1",
        store="AWS",
        role_arn="arn:aws:iam::222222222222:role/reelkeep-acme-media",
        audit_role_arn="",
        contract=1,
        release_contract=1,
        made_at=datetime(2026, 11, 26, 4, 0, tzinfo=UTC),
        seconds=1.5,
        findings=findings,
    )


def test_only_what_is_required_and_failed_holds_a_connection_back() -> None:
    fine = report(
        finding("a", Result.PASS),
        finding("b", Result.FAIL, is_required=False),
        finding("c", Result.UNSUPPORTED),
        finding("d", Result.NOT_VERIFIABLE),
    )
    assert fine.passed
    assert not report(*fine.findings, finding("e", Result.FAIL)).passed
    assert "e" in summary(report(finding("e", Result.FAIL)))


def test_a_report_is_read_as_it_was_kept() -> None:
    one = report(finding("a", Result.PASS), finding("b", Result.FAIL))
    assert from_fields(as_fields(one)) == replace(one, findings=list(one.findings))


def test_what_changed_since_the_last_report_is_told_check_by_check() -> None:
    before = report(finding("a", Result.PASS), finding("b", Result.PASS), finding("c", Result.PASS, found="names x"))
    after = report(
        finding("a", Result.PASS),
        finding("b", Result.FAIL),
        finding("c", Result.PASS, found="names x and y"),
        finding("d", Result.PASS),
    )
    assert [(one.id, one.before, one.after) for one in changes(before, after)] == [
        ("b", "pass", "fail"),
        ("c", "pass", "pass"),
        ("d", "", "pass"),
    ]
    assert changes(before, before) == changes(None, after) == []


def test_the_page_runs_nothing_fetches_nothing_and_escapes_what_strangers_wrote() -> None:
    hostile = [finding(HOSTILE, result, found=HOSTILE) for result in Result]
    text = page(report(*hostile), changes(report(), report(*hostile)))
    assert text.count("<style>") == text.count("</style>") == 1
    assert "<script" not in text
    assert not re.search(r"(?:\bsrc=|href=|url\(|@import)", text)
    assert "&lt;script&gt;" in text
    assert "Not passed" in text


def run(*checks: Check, seconds: float = 5.0) -> list[Finding]:
    bench = Bench.__new__(Bench)  # these checks ask it nothing
    return _side_by_side(bench, checks, lambda _done, _all: None, seconds)


def test_a_check_that_breaks_or_hangs_is_a_finding_and_the_others_still_run() -> None:
    def breaks(_: Bench) -> Outcome:
        raise RecursionError("a secret in a message")

    def hangs(_: Bench) -> Outcome:
        time.sleep(1.0)
        return passed("too late")

    def cannot(_: Bench) -> Outcome:
        raise NotVerifiable("nothing to try")

    def orders(_: Bench) -> Outcome:
        return passed("a\x1b[2Jb\n")

    runs = {"breaks": breaks, "hangs": hangs, "cannot": cannot, "orders": orders}
    checks = [Check(name, Group.END, "p", "t", one) for name, one in runs.items()]
    found = {one.id: one for one in run(*checks, seconds=0.2)}
    assert found["breaks"].result is found["hangs"].result is Result.FAIL
    assert "secret" not in found["breaks"].found
    assert found["cannot"].result is Result.NOT_VERIFIABLE
    assert (found["orders"].result, found["orders"].found) == (Result.PASS, "a?[2Jb?")
