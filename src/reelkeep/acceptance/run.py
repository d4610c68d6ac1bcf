"""Runs an acceptance test: checks side by side, each bounded in time, none of which stops another."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from reelkeep.acceptance import (
    access_checks,
    bucket_checks,
    ending,
    key_checks,
    object_checks,
    private_checks,
    settings_checks,
)
from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import (
    Check,
    Finding,
    NotVerifiable,
    Outcome,
    Report,
    Result,
    Unsupported,
    failed,
)
from reelkeep.contract import table
from reelkeep.storage.interface import Capability

SIDE_BY_SIDE: Final = 6
CHECK_SECONDS: Final = 60.0
MAX_TEXT: Final = 2_000  # characters of what a check found
OnCheck = Callable[[int, int], None]


def checks_of(bench: Bench) -> tuple[Check, ...]:
    """Return every check of a subject but the last ones."""
    live = (
        *access_checks.CHECKS,
        *key_checks.CHECKS,
        *bucket_checks.CHECKS,
        *private_checks.CHECKS,
        *object_checks.CHECKS,
    )
    return (*live, *settings_of(bench))


def settings_of(bench: Bench) -> tuple[Check, ...]:
    """Return the checks that compare settings, which write nothing."""
    stack = bench.subject.stack
    version = stack.contract if stack else table.VERSION
    owed = bench.subject.is_bound
    rows = settings_checks.of_contract(version, is_aws=bench.subject.is_aws, is_required=owed)
    return (*rows, *settings_checks.BESIDE)


def accept(
    bench: Bench,
    company: str,
    *,
    only: Collection[str] = (),
    on_check: OnCheck = lambda _done, _all: None,
    check_seconds: float = CHECK_SECONDS,
) -> Report:
    """Try a connection out. Raises nothing that a store, a role or a check does.

    Args:
        company: its name, for the report.
        only: ids of checks, for a test of some; the marker is then left alone.
        check_seconds: what one check may take.
    """
    made_at, since = datetime.now(UTC), time.monotonic()
    checks = [one for one in checks_of(bench) if not only or one.id in only]
    findings = _side_by_side(bench, checks, on_check, check_seconds)
    for last in (ending.SPEED, ending.LEFT_AS_FOUND):
        if not only or last.id in only or (last is ending.LEFT_AS_FOUND and bench.written):
            findings += _side_by_side(bench, [last], lambda _done, _all: None, check_seconds)
    if not only:
        passes = {one.id for one in findings if one.result is Result.PASS}
        may_write = not any(one.blocks for one in findings)
        marker = ending.marker_check(may_write=may_write, writes_once="write-once" in passes)
        findings += _side_by_side(bench, [marker], lambda _done, _all: None, check_seconds)
    return _report(bench, company, made_at, time.monotonic() - since, findings)


def compare_settings(bench: Bench, *, check_seconds: float = CHECK_SECONDS) -> list[Finding]:
    """Compare the settings with the contract as an acceptance test does, reading only."""
    return _side_by_side(bench, settings_of(bench), lambda _done, _all: None, check_seconds)


def capabilities(report: Report) -> frozenset[Capability]:
    """Return what the store was found to be able to do."""
    shown = {
        Capability.CONDITIONAL_PUT: ("write-once",),
        Capability.FULL_OBJECT_CRC32: ("whole-checksum",),
        Capability.EXPECTED_OWNER: ("owner",),
        Capability.EXTERNAL_ID: ("no-external-id", "wrong-external-id"),
    }
    passes = {one.id for one in report.findings if one.result is Result.PASS}
    return frozenset(capability for capability, ids in shown.items() if passes.issuperset(ids))


def _side_by_side(bench: Bench, checks: Iterable[Check], on_check: OnCheck, seconds: float) -> list[Finding]:
    checks = list(checks)
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="acceptance")
    try:
        under_way = [(check, pool.submit(_made, check, bench)) for check in checks]
        found = []
        for number, (check, future) in enumerate(under_way, 1):
            found.append(_finding(check, _awaited(future, seconds)))
            on_check(number, len(checks))
        return found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _awaited(future: Future[tuple[Outcome, float]], seconds: float) -> tuple[Outcome, float]:
    try:
        return future.result(seconds)
    except TimeoutError:
        future.cancel()
        return failed(
            f"it was not done within {seconds:,.0f} s", "Look at the store and the way to it, and run the test again."
        ), seconds


def _made(check: Check, bench: Bench) -> tuple[Outcome, float]:
    since = time.monotonic()
    try:
        outcome = check.run(bench)
    except NotVerifiable as why:
        outcome = Outcome(Result.NOT_VERIFIABLE, str(why))
    except Unsupported as why:
        outcome = Outcome(Result.UNSUPPORTED, str(why))
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding and never stops the others
        outcome = failed(
            f"the check broke ({type(error).__name__})", "Run the test again; if it breaks again, tell the operator."
        )
    return outcome, time.monotonic() - since


def _finding(check: Check, made: tuple[Outcome, float]) -> Finding:
    outcome, seconds = made
    return Finding(
        id=check.id,
        group=check.group,
        proves=check.proves,
        tried=check.tried,
        result=outcome.result,
        found=_printable(outcome.found),
        advice=_printable(outcome.advice),
        note=check.note,
        is_required=check.is_required,
        seconds=round(seconds, 3),
        figures=outcome.figures,
    )


def _printable(text: str) -> str:
    """Return a text without what a terminal could take for an order: it holds names of stores and companies."""
    return "".join(c if c.isprintable() else "?" for c in text)[:MAX_TEXT]


def _report(bench: Bench, company: str, made_at: datetime, seconds: float, findings: list[Finding]) -> Report:
    one, stack = bench.connection, bench.subject.stack
    return Report(
        company=company,
        connection=one.name,
        connection_id=one.id,
        bucket=one.bucket,
        prefix=one.prefix,
        region=one.region,
        store=one.endpoint_url or "AWS",
        role_arn=one.role_arn,
        audit_role_arn=stack.audit_role if stack else "",
        contract=stack.contract if stack else None,
        release_contract=table.VERSION,
        made_at=made_at,
        seconds=round(seconds, 2),
        findings=findings,
    )
