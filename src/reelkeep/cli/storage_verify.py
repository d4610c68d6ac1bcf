"""``reelkeep storage verify``, ``reports`` and ``activate``: the acceptance test of a connection and what it allows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelkeep.acceptance.interface import Finding, Report
    from reelkeep.acceptance.report import Change

ConnectionArgument = Annotated[str, typer.Argument(help="Name or id of the connection.", metavar="CONNECTION")]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", help="Write the report to this new file, one page without scripts, for filing.")
]
Canary = Annotated[
    str,
    typer.Option("--canary", help="ARN of the operator's role that must refuse us.", envvar="REELKEEP_CANARY_ROLE_ARN"),
]
Origin = Annotated[str, typer.Option("--origin", help="Address of the company's pages, if it does not follow.")]
PlainUrl = Annotated[
    str, typer.Option("--plain-url", help="Where the store answers without TLS, if that does not follow.")
]
Everything = Annotated[bool, typer.Option("--all", help="Show every check, not only those that did not pass.")]


def verify(
    connection: ConnectionArgument,
    company: CompanySlug = None,
    html: HtmlFile = None,
    everything: Everything = False,
    canary: Canary = "",
    origin: Origin = "",
    plain_url: PlainUrl = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> int:
    """Try out every promise about a bucket, live, and keep the report. What it writes it removes again."""
    from reelkeep.acceptance.report import as_fields
    from reelkeep.cli.accepting import Accepting, Options
    from reelkeep.cli.installation import Installation

    _must_be_new(html)
    installation = Installation(data)
    chosen = installation.company(company)
    found = installation.storage.connection(chosen, connection)
    options = Options(origin, canary, plain_url)
    with output.counter(f"{found.name} ({found.bucket})", as_json=as_json) as progress:
        made = Accepting(installation, chosen).verify(found, options, progress)
    _write(html, made.report, made.changes)
    if as_json:
        changes = [vars(one) for one in made.changes]
        output.show({"report": made.report_id, **as_fields(made.report), "changes": changes}, "", as_json=True)
    else:
        _tell(made.report, made.changes, everything=everything)
    return exits.DONE if made.report.passed else exits.FINDINGS


def verify_due(
    data: Data = DEFAULT_DATA,
    hours: Annotated[int, typer.Option("--hours", min=1, help="Whose last report is older than this.")] = 24,
    canary: Canary = "",
    identity_fd: Annotated[int, typer.Option("--identity-fd", help="For the supervisor.", hidden=True)] = -1,
) -> None:
    """Try out every connection in use of every company whose last report is old. `reelkeep up` does it by itself."""
    from datetime import timedelta

    from reelkeep.cli.accepting import Accepting, Options
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    installation.storage.take_identity(identity_fd)
    for company in installation.companies():
        accepting = Accepting(installation, company)
        for connection, made in accepting.verify_due(Options(canary_arn=canary), timedelta(hours=hours)):
            word = "passed" if made.report.passed else "did not pass"
            output.show({}, f"{company.slug}: {connection.name} {word}, {len(made.changes)} changes.", as_json=False)


def reports(
    connection: ConnectionArgument,
    company: CompanySlug = None,
    show: Annotated[str, typer.Option("--show", help="Show one report by its id; `last` is the newest.")] = "",
    html: HtmlFile = None,
    everything: Everything = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many to list.")] = 20,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """List the kept reports of a connection, or show one of them again."""
    from reelkeep.acceptance.report import as_fields, from_fields, summary
    from reelkeep.cli.accepting import Accepting
    from reelkeep.cli.installation import Installation

    _must_be_new(html)
    installation = Installation(data)
    chosen = installation.company(company)
    found = installation.storage.connection(chosen, connection)
    accepting = Accepting(installation, chosen)
    if show or html is not None:
        report = accepting.report(found, "" if show in ("", "last") else show)
        _write(html, report, ())
        if as_json:
            output.show(as_fields(report), "", as_json=True)
        else:
            _tell(report, (), everything=everything)
        return
    kept = accepting.reports(found, limit=limit)
    if as_json:
        listed = [{"id": one.id, "made_at": one.made_at.isoformat(), "passed": one.passed} for one in kept]
        output.show({"reports": listed}, "", as_json=True)
        return
    rows = [
        (
            f"{one.made_at:%Y-%m-%d %H:%M} UTC",
            "passed" if one.passed else "not passed",
            summary(from_fields(one.body)),
            one.id,
        )
        for one in kept
    ]
    output.show_table(("made", "", "what it came to", "report"), rows)


def activate(
    connection: ConnectionArgument,
    production: Annotated[
        str, typer.Option("--production", "-p", help="Name, slug or id of a test production; else the whole company.")
    ] = "",
    company: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Have new versions stored at a connection whose acceptance test passed: first of a production, then of all."""
    from reelkeep.cli.accepting import Accepting
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    chosen = installation.company(company)
    found = installation.storage.connection(chosen, connection)
    Accepting(installation, chosen).activate(found, production)
    whose = f"the production {production}" if production else chosen.name
    fields = {"id": found.id, "name": found.name, "state": "active", "production": production or None}
    output.show(fields, f"New versions of {whose} go to {found.bucket} (connection {found.name}).", as_json=as_json)


def _must_be_new(path: Path | None) -> None:
    if path is not None and path.exists():
        raise RequestError(f"{path} is there already", advice="Name a new file with --html.")


def _write(path: Path | None, report: Report, changes: Sequence[Change]) -> None:
    from reelkeep.acceptance.page import page

    if path is not None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(page(report, changes))


def _tell(report: Report, changes: Sequence[Change], *, everything: bool) -> None:
    from reelkeep.acceptance.interface import Result
    from reelkeep.acceptance.report import summary, told

    telling = (Result.FAIL, Result.UNSUPPORTED)
    shown = [one for one in report.findings if everything or one.result in telling]
    shown.sort(key=lambda one: (not one.blocks, one.result is not Result.FAIL))
    if shown:
        rows = [_cells(one, told(one)) for one in shown]
        output.show_table(("check", "result", "what was found, and what to do"), rows, whole=2)
    if not everything:
        output.note("--all shows every check; --html FILE writes a report that can be filed.")
    for change in changes:
        output.note(f"Changed since the last report: {change.told()}.")
    if report.store != "AWS":
        output.note("This store is not AWS: nothing here is verified on AWS.")
    output.show({}, summary(report), as_json=False)


def _cells(finding: Finding, text: str) -> tuple[str, str, str]:
    result = finding.result.value.removesuffix(" by this store")
    if result == "fail" and not finding.is_required:
        result = "advice"
    return finding.id, result, f"{text} [{finding.note}]" if finding.note else text
