"""A report as one HTML file that can be filed: no script, nothing from elsewhere, good on paper. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from reelkeep.acceptance.interface import Finding, Group, Report, Result
from reelkeep.acceptance.report import Change, summary
from reelkeep.errors import sentence

_WORDS: Final = {
    Result.PASS: ("pass", "Pass"),
    Result.FAIL: ("fail", "Fail"),
    Result.UNSUPPORTED: ("none", "Unsupported"),
    Result.NOT_VERIFIABLE: ("none", "Not verifiable"),
}
_STYLE: Final = """
:root { --ink: #1a1c1f; --soft: #565b63; --line: #d9dce1; --pass: #14683a; --fail: #a3180f; --wash: #f5f6f8; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.1rem; }
p { margin: 0 0 .75rem; max-width: 46rem; }
.verdict { margin: 1.5rem 0; padding: 1rem 1.25rem; border-left: .35rem solid var(--pass); background: var(--wash); }
.verdict.fail { border-color: var(--fail); }
.verdict strong { display: block; font-size: 1.15rem; color: var(--pass); }
.verdict.fail strong { color: var(--fail); }
.verdict p { margin: .25rem 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: .55rem .75rem .55rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
thead th { border: 0; padding-bottom: .25rem; color: var(--soft); font-size: .85rem; font-weight: 500; }
th.result { width: 8.5rem; } th.check { width: 33%; }
td p { margin: .3rem 0 0; }
code { font: .85em/1.4 ui-monospace, "Liberation Mono", monospace; color: var(--soft); }
.word { font-weight: 600; white-space: nowrap; }
.word.pass { color: var(--pass); } .word.fail { color: var(--fail); } .word.none { color: var(--soft); }
.note, .tried { color: var(--soft); font-size: .88rem; }
dl + .note { margin-top: .75rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .88rem; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  thead { position: absolute; clip-path: inset(50%); }
  table, tbody, tr, td { display: block; width: auto; }
  tr { border-top: 1px solid var(--line); padding: .6rem 0; }
  td { border: 0; padding: .1rem 0; } td:last-child { padding-top: .5rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print {
  @page { margin: 18mm 15mm; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  h2, thead { break-after: avoid; } tr, .verdict { break-inside: avoid; }
}
"""


def page(report: Report, changes: Sequence[Change] = ()) -> str:
    """Return the report as a whole HTML document. Everything in it is escaped: names and findings are anybody's."""
    title = f"Acceptance test of {report.bucket}"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{escape(title)}</h1>",
        f"<p>For {escape(report.company)}, on {report.made_at:%d %B %Y at %H:%M} UTC, in {report.seconds:,.1f} s.</p>",
        _verdict(report),
        _facts(report),
        _changes(changes),
        _blocking(report),
    ]
    for group in Group:
        found = [one for one in report.findings if one.group is group]
        if found:
            parts.append(_table(group.value, found))
    parts.append(_footer(report))
    return "\n".join(filter(None, parts)) + "\n</main>\n</body>\n</html>\n"


def _verdict(report: Report) -> str:
    word, kind = ("Passed", "pass") if report.passed else ("Not passed", "fail")
    return f'<div class="verdict {kind}"><strong>{word}</strong><p>{escape(summary(report))}</p></div>'


def _facts(report: Report) -> str:
    contract = "the company has told of no stack" if report.contract is None else f"version {report.contract}"
    pairs = {
        "Bucket": report.bucket,
        "Prefix": report.prefix or "the whole bucket",
        "Region": report.region,
        "Store": report.store,
        "Connection": f"{report.connection} ({report.connection_id})",
        "Media role": report.role_arn,
        "Audit role": report.audit_role_arn or "none is known",
        "Contract": f"{contract}; this release knows version {report.release_contract}",
    }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items())
    gap = ""
    if report.store != "AWS":
        gap = (
            '<p class="note">This store is not AWS. What it showed is true of it alone; where it stands in for AWS, '
            "nothing here is verified on AWS.</p>"
        )
    return f"<dl>{rows}</dl>\n{gap}"


def _changes(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    items = "".join(f"<li>{escape(one.told())}</li>" for one in changes)
    return f"<section><h2>Changed since the last report</h2><ul>{items}</ul></section>"


def _blocking(report: Report) -> str:
    if report.passed:
        return ""
    return _table("What holds the connection back", report.failed)


def _table(title: str, findings: Sequence[Finding]) -> str:
    head = '<th class="result" scope="col">Result</th><th class="check" scope="col">What it proves</th>'
    rows = "\n".join(map(_row, findings))
    return (
        f"<section><h2>{escape(title)}</h2>\n<table>\n<thead><tr>{head}"
        f'<th scope="col">What was found</th></tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></section>'
    )


def _row(finding: Finding) -> str:
    kind, word = _WORDS[finding.result]
    advice = f"<p><strong>What to do:</strong> {escape(finding.advice)}</p>" if finding.advice else ""
    notes = [finding.note, "" if finding.is_required or finding.result is not Result.FAIL else "not required"]
    note = "".join(f'<p class="note">{escape(sentence(text))}</p>' for text in notes if text)
    return (
        f'<tr><td><span class="word {kind}">{word}</span></td>'
        f"<td>{escape(finding.proves)}<br><code>{escape(finding.id)}</code>"
        f'<p class="tried">{escape(finding.tried)}</p></td>'
        f"<td>{escape(sentence(finding.found))}{advice}{note}</td></tr>"
    )


def _footer(report: Report) -> str:
    return (
        "<footer><p><strong>Unsupported</strong> means that the store does not have it; "
        "<strong>not verifiable</strong> that it could not be tried, and why. Neither is a pass.</p>"
        f"<p>Times are the operator's machine's. Report of connection {escape(report.connection_id)}.</p></footer>"
    )
