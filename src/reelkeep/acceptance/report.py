"""A report as plain data, and what has changed since the one before. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from reelkeep.acceptance.interface import Finding, Group, Report, Result
from reelkeep.errors import sentence


@dataclass(frozen=True)
class Change:
    """A check that came to something else than the last time."""

    id: str
    before: str  # a result, or "" where the check is new
    after: str
    found: str

    def told(self) -> str:
        """Return the change as a clause for an event.

        >>> Change("versioning", "pass", "fail", "nothing is set").told()
        'versioning: pass, now fail (nothing is set)'
        """
        return f"{self.id}: {self.before or 'not there'}, now {self.after} ({self.found})"


def as_fields(report: Report) -> dict[str, Any]:
    """Return a report for programs, and for keeping."""
    return {
        "company": report.company,
        "connection": report.connection,
        "connection_id": report.connection_id,
        "bucket": report.bucket,
        "prefix": report.prefix,
        "region": report.region,
        "store": report.store,
        "role": report.role_arn,
        "audit_role": report.audit_role_arn,
        "contract": report.contract,
        "release_contract": report.release_contract,
        "made_at": report.made_at.isoformat(timespec="seconds"),
        "seconds": report.seconds,
        "passed": report.passed,
        "counts": {result.value: count for result, count in report.counts().items()},
        "checks": [_finding_fields(one) for one in report.findings],
    }


def _finding_fields(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "group": finding.group.value, "result": finding.result.value}


def from_fields(fields: Mapping[str, Any]) -> Report:
    """Return what ``as_fields`` wrote down."""
    return Report(
        company=fields["company"],
        connection=fields["connection"],
        connection_id=fields["connection_id"],
        bucket=fields["bucket"],
        prefix=fields["prefix"],
        region=fields["region"],
        store=fields["store"],
        role_arn=fields["role"],
        audit_role_arn=fields["audit_role"],
        contract=fields["contract"],
        release_contract=fields["release_contract"],
        made_at=datetime.fromisoformat(fields["made_at"]),
        seconds=fields["seconds"],
        findings=[
            Finding(**{**one, "group": Group(one["group"]), "result": Result(one["result"])})
            for one in fields["checks"]
        ],
    )


def changes(before: Report | None, after: Report) -> list[Change]:
    """Return the checks whose results differ from the last report's; none if there was no report.

    Whoever a stack lets in stands in what a check found, so of the contract's rows that counts, too.
    """
    if before is None:
        return []
    old = {one.id: one for one in before.findings}
    return [
        Change(one.id, old[one.id].result.value if one.id in old else "", one.result.value, one.found)
        for one in after.findings
        if one.id not in old or old[one.id].result is not one.result or _says_otherwise(old[one.id], one)
    ]


def _says_otherwise(before: Finding, after: Finding) -> bool:
    return after.group is Group.SETTINGS and after.id != "log-bucket" and before.found != after.found


def summary(report: Report) -> str:
    """Return what a report comes to, in sentences."""
    counts = ", ".join(f"{count} {result.value}" for result, count in report.counts().items() if count)
    if report.passed:
        return f"The bucket keeps what it must: {counts}."
    names = ", ".join(one.id for one in report.failed[:8])
    more = f" and {len(report.failed) - 8} more" if len(report.failed) > 8 else ""
    return f"The bucket is not ready: {names}{more}. In all: {counts}."


def told(finding: Finding) -> str:
    """Return what a check found, with what to do, in sentences."""
    return " ".join(filter(None, (sentence(finding.found), finding.advice)))
