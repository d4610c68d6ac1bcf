"""A drill's certificate as a page that needs nothing else: what was measured, in words, and the signed document itself.

The signed document stands in the page as data, so that one file is enough to check it. Pure; no I/O.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any, Final

KIND: Final = "reelkeep-drill-1"
_WAYS: Final = {
    "bucket": "a denial in the bucket's policy",
    "role": "the role's own policy",
    "trust": "the role's trust removed",
    "key": "the bucket's KMS key disabled",
    "wrapping-key": "the wrapping key of the company key disabled",
}
_STYLE: Final = """
:root { color-scheme: light; }
body { max-width: 46rem; margin: 0 auto; padding: 48px 20px; font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans",
  "DejaVu Sans", Arial, sans-serif; color: #1b1b1b; background: #ffffff; }
h1 { font-size: 24px; font-weight: 600; margin: 0 0 4px; }
h2 { font-size: 17px; font-weight: 600; margin: 32px 0 8px; }
p { margin: 8px 0; }
table { width: 100%; border-collapse: collapse; border-top: 1px solid #d5d5d5; }
th, td { text-align: left; font-weight: 400; padding: 8px 8px 8px 0; border-bottom: 1px solid #d5d5d5;
  vertical-align: baseline; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 0; }
.quiet { color: #5c5c5c; }
.verdict { font-size: 19px; margin: 20px 0; }
pre { font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; background: #f3f3f3; padding: 12px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
li { margin: 4px 0; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'"
_DOCUMENT: Final = re.compile(r'<pre id="document">(.*?)</pre>', re.DOTALL)


def page(document: Mapping[str, str]) -> str:
    """Return the page of a signed document of this kind."""
    found: dict[str, Any] = json.loads(document["signed"])
    connection, company = found["connection"], found["company"]
    slowest, bound = found["all_dark_seconds"], found["bound_seconds"]
    verdict = (
        f"Everything was dark {slowest:g} seconds after the first denial. At most {bound:g} are promised."
        if found["passed"]
        else f"Not everything was dark within {bound:g} seconds of the first denial."
    )
    store = "Amazon S3" if connection["on_aws"] else "an S3-compatible store; not verified on AWS"
    facts = [
        ("Company", company["name"]),
        ("Bucket", f"{connection['bucket']} in {connection['region']} ({store})"),
        ("Rights were taken away by", f"{_WAYS.get(found['way'], found['way'])}, changed by {found['changed_by']}"),
        ("Changed at", found["changed_at"] or "not told"),
        ("First denial at", found["first_denial_at"]),
        ("From the change to the first denial", seconds_text(found["change_to_first_denial_seconds"])),
        ("Segments came again after the store was open", seconds_text(found["restored"]["segments_again_seconds"])),
        ("Installation", found["installation"]),
        ("Made at", found["made_at"]),
    ]
    if found["page_said"]:
        facts.insert(5, ("The player's page said", found["page_said"]))
    if refused := found["restored"].get("refused"):
        facts.append(("Not in use again, because", refused))
    ours = [one for one in found["surfaces"] if one["counts"]]
    theirs = [one for one in found["surfaces"] if not one["counts"]]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>Kill-switch drill of {escape(company['name'])}</title><style>{_STYLE}</style></head><body>",
            "<h1>Kill-switch drill</h1>",
            f'<p class="verdict">{escape(verdict)}</p>',
            _facts(facts),
            "<h2>What the platform gave out</h2>",
            _surfaces(ours),
            "<h2>What the store gave for links that were signed before</h2>",
            _surfaces(theirs),
            "<h2>What is not cut</h2>",
            f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in found['not_cut'])}</ul>",
            "<h2>The signed document</h2>",
            '<p class="quiet">Check it with <code>reelkeep certificate verify FILE --public-key KEY</code>; KEY is in '
            "<code>reelkeep.json</code> in the company's bucket.</p>",
            f'<pre id="document">{escape(json.dumps(document, indent=1))}</pre>',
            "</body></html>",
            "",
        ]
    )


def document_of(text: str) -> dict[str, Any]:
    """Return the signed document of a certificate, given as its JSON or its page; {} if there is none."""
    found = _DOCUMENT.search(text)
    try:
        read: Any = json.loads(unescape(found[1]) if found else text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _facts(facts: list[tuple[str, str]]) -> str:
    rows = "".join(f'<tr><th scope="row" class="quiet">{escape(k)}</th><td>{escape(v)}</td></tr>' for k, v in facts)
    return f"<table>{rows}</table>"


def _surfaces(surfaces: list[dict[str, Any]]) -> str:
    told = [(escape(one["what"]), escape(seconds_text(one["seconds"]))) for one in surfaces]
    rows = "".join(f'<tr><th scope="row">{what}</th><td class="number">{how}</td></tr>' for what, how in told)
    return f"<table>{rows}</table>" if surfaces else '<p class="quiet">Nothing was asked.</p>'


def seconds_text(value: float | None) -> str:
    """Return how long something took, in words where it never came."""
    return "not within the drill" if value is None else f"{value:.2f} s"
