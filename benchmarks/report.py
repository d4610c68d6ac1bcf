"""RESULTS.md, written from results.json. Pure but for the one file."""

from __future__ import annotations

from typing import Final

from benchmarks.results import ROOT

PAGE: Final = ROOT / "RESULTS.md"
_HEAD: Final = """\
# Results

`make bench` writes this page from `benchmarks/results.json`.
Targets stand in SPECIFICATION.md; a figure without a target is there for information.
They are targets, not promises about any machine.
Ratios are measured side by side, and the baselines are files in `benchmarks/`.

| id | what | value | target | met | baseline |
|---|---|---|---|---|---|
"""
_MET: Final = {True: "yes", False: "**no**", None: ""}


def page(results: list[dict[str, object]]) -> str:
    """Return the page for the objects of results.json."""
    return _HEAD + "".join(map(_row, results)) + _foot(results)


def write(results: list[dict[str, object]]) -> None:
    """Write RESULTS.md."""
    PAGE.write_text(page(results), encoding="utf-8")


def _row(result: dict[str, object]) -> str:
    met = result["pass"]
    cells = [
        result["id"], result["what"], f"{result['value']:g} {result['unit']}".strip(), result["target"] or "",
        _MET[met if isinstance(met, bool) else None], result["baseline"] or "",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _foot(results: list[dict[str, object]]) -> str:
    runs = sorted({f"- {result['date']}, commit {result['commit']}: {result['machine']}" for result in results})
    return "\nMeasured on:\n\n" + "\n".join(runs) + "\n" if runs else ""
