"""``reelkeep storage audit``: is everything there that the rows name, and nothing else? It changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError

if TYPE_CHECKING:
    from reelkeep.acceptance.interface import Finding as Settings
    from reelkeep.cli.auditing import Audited
    from reelkeep.custody.audit import Report
    from reelkeep.custody.history import Compared
    from reelkeep.custody.merge import Finding

OneConnection = Annotated[str, typer.Option("--connection", help="Name or id; else every one in use.")]
Manifest = Annotated[
    Path | None,
    typer.Option(
        "--inventory", help="manifest.json of an S3 Inventory report (CSV or Parquet); then the store is not asked."
    ),
]
FindingsFile = Annotated[
    Path | None, typer.Option("--findings", help="Write every finding to this new file, one JSON object a line.")
]
Names = Annotated[
    str,
    typer.Option(
        "--names", help="Your name: show whole keys, while the company lets support look at all of it, on its record."
    ),
]
Shown = Callable[[str], str]  # how a key is told to the operator
SHOWN = 20  # findings of each kind, for people; programs get custody.audit.KEPT of each


def audit(
    company: CompanySlug = None,
    connection: OneConnection = "",
    inventory: Manifest = None,
    findings: FindingsFile = None,
    names: Names = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> int:
    """Compare a company's rows with what its bucket lists: foreign, missing and changed objects. Deletes nothing."""
    from reelkeep.cli.auditing import Auditing
    from reelkeep.cli.installation import Installation
    from reelkeep.custody.history import words
    from reelkeep.storage.layout import without_names

    if findings is not None and findings.exists():
        raise RequestError(f"{findings} is there already", advice="Name a new file with --findings.")
    installation = Installation(data)
    chosen = installation.company(company)
    if names:
        installation.allow_names(chosen, names, "storage audit")
    shown = _whole if names else without_names
    auditing = Auditing(installation, chosen)
    wanted = [installation.storage.connection(chosen, connection)] if connection else auditing.in_use()
    reports: list[tuple[str, Report, list[Settings], Compared | None]] = []
    with findings.open("x", encoding="ascii") if findings else nullcontext() as file:
        for one in wanted:
            write = partial(_write, file, one.name, shown)
            with output.counter(f"{one.name} ({one.bucket})", as_json=as_json) as progress:
                made: Audited | None = None
                if inventory is not None:
                    report = auditing.by_inventory(one, inventory, write, progress)
                else:
                    made = auditing.by_listing(one, write, progress, partial(_begin_again, file, _here(file)))
                    report = made.report
            reports.append((one.name, report, made.settings if made else [], made.compared if made else None))
            if not as_json:
                _tell(one.name, report, shown)
                _tell_settings(made.settings if made else [])
                if made and made.compared.fresh_count:
                    output.note(f"Not there at the audit before: {words(made.compared.fresh)}.")
    if as_json:
        output.show({"company": chosen.slug, "audits": [_fields(*one, shown) for one in reports]}, "", as_json=True)
    clean = all(report.is_clean and not any(one.blocks for one in settings) for _, report, settings, _ in reports)
    return exits.DONE if clean else exits.FINDINGS


def _here(file: IO[str] | None) -> int:
    return file.tell() if file is not None else 0


def _begin_again(file: IO[str] | None, place: int) -> None:
    if file is not None:
        file.seek(place)
        file.truncate()


def _whole(key: str) -> str:
    return key


def _write(file: IO[str] | None, connection: str, shown: Shown, found: Finding) -> None:
    if file is not None:
        file.write(json.dumps({"connection": connection, **_finding(found, shown)}) + "\n")


def _finding(found: Finding, shown: Shown) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "key": shown(found.key),
        "what": found.what,
        "size_bytes": found.size_bytes,
        "version_id": found.version_id,
    }


def _fields(
    name: str, report: Report, settings: list[Settings], compared: Compared | None, shown: Shown
) -> dict[str, Any]:
    counts = report.counts
    return {
        "connection": name,
        "clean": report.is_clean,
        "as_of": report.seen_at.isoformat(),
        "objects": counts.objects,
        "bytes": counts.bytes,
        "rows": counts.expected,
        "earlier_versions": counts.noncurrent,
        "earlier_version_bytes": counts.noncurrent_bytes,
        "delete_markers": counts.delete_markers,
        "unfinished_uploads": report.unfinished,
        "found": {kind.value: report.found[kind] for kind in report.found},
        "found_bytes": {kind.value: report.found_bytes[kind] for kind in report.found},
        "findings": [_finding(one, shown) for one in report.kept],
        "left_out": sum(report.found.values()) - len(report.kept),
        "notes": report.notes,
        "settings": [
            {
                "id": one.id,
                "result": one.result.value,
                "required": one.is_required,
                "found": one.found,
                "advice": one.advice,
            }
            for one in settings
        ],
        "fresh": dict(compared.fresh) if compared else None,
        "gone": compared.gone if compared else None,
    }


def _tell_settings(settings: list[Settings]) -> None:
    wrong = [one for one in settings if one.result.value == "fail"]
    if wrong:
        rows = [(one.id, "" if one.is_required else "not required", f"{one.found}. {one.advice}") for one in wrong]
        output.show_table(("setting", "", "differs from the contract"), rows)


def _tell(name: str, report: Report, shown_as: Shown) -> None:
    counts = report.counts
    sentence = f"{name}: {counts.objects:,} objects, {counts.bytes / 1e9:,.2f} GB; {counts.expected:,} rows. "
    kinds = ", ".join(f"{count:,} {kind.value}" for kind, count in report.found.items()) or "nothing to say"
    output.show({}, f"{sentence}Found: {kinds}.", as_json=False)
    if counts.noncurrent or counts.delete_markers or report.unfinished:
        output.note(
            f"The bucket also keeps {counts.noncurrent:,} earlier versions ({counts.noncurrent_bytes / 1e9:,.2f} GB), "
            f"{counts.delete_markers:,} delete markers and {report.unfinished:,} uploads under way."
        )
    shown: list[tuple[str, str, str]] = []
    for kind in report.found:
        those = [one for one in report.kept if one.kind is kind]
        shown += [(kind.value, shown_as(one.key), one.what) for one in those[:SHOWN]]
        if (more := report.found[kind] - SHOWN) > 0:
            shown.append((kind.value, f"and {more:,} more", "--findings FILE writes all of them"))
    if shown:
        output.show_table(("", "object", "what"), shown)
    for text in report.notes:
        output.note(f"{text[:1].upper()}{text[1:]}.")
