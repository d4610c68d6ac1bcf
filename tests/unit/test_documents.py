"""The documents say what is so: names of tests, files, settings, commands and promises are compared with the tree."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import report, results

from reelkeep.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "reelkeep"
SPECIFICATION = (ROOT / "SPECIFICATION.md").read_text(encoding="utf-8")
PAGES = sorted(page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if page.name != "RESULTS.md")
PROMISES = {"H": 19, "I": 11, "V": 9, "P": 7, "N": 15, "D": 9}


def rows() -> dict[str, list[str]]:
    """Return the cells of every row of SPECIFICATION.md, by its id."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in SPECIFICATION.splitlines()]
    return {row[0].strip("| "): row[1:] for row in cells if re.fullmatch(r"[HIVPND]\d+", row[0].strip("| "))}


def named_tests() -> list[str]:
    return sorted(set(re.findall(r"`(tests/[^`\s]+)`", SPECIFICATION)))


def functions_of(path: Path) -> set[str]:
    return set(re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_specification_lists_every_promise_once() -> None:
    expected = [f"{letter}{number}" for letter, last in PROMISES.items() for number in range(1, last + 1)]
    listed = re.findall(r"^\| ([HIVPND]\d+) \|", SPECIFICATION, re.MULTILINE)
    assert listed == expected


@pytest.mark.parametrize("promise", sorted(rows()))
def test_each_promise_is_shown_by_something_or_says_that_it_is_pending(promise: str) -> None:
    text, *shown = rows()[promise]
    assert len(text) > 20
    assert re.search(r"\*pending\*|`tests/|`benchmarks/|`make ", shown[-1]), f"{promise} names nothing that shows it"


@pytest.mark.parametrize("promise", sorted(rows()))
def test_a_promise_kept_in_part_says_which_part(promise: str) -> None:
    shown = rows()[promise][-1]
    if "`" in shown and "*pending*" in shown:
        assert re.search(r"\*part\*|\*pending\*:", shown), f"{promise} does not say which half is pending"


@pytest.mark.parametrize("name", named_tests())
def test_every_test_that_the_specification_names_exists(name: str) -> None:
    path, _, function = name.partition("::")
    assert (ROOT / path).exists(), f"{path} does not exist"
    if function:
        assert function in functions_of(ROOT / path), f"{path} has no {function}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"(?<![\w/<.-])((?:[\w.-]+/)+[\w-]+\.(?:py|md|sh|txt|json|js|html))\b", text))
    named |= set(re.findall(r"\]\(([^)#:]+\.md)\)", text))
    places = (ROOT, SOURCE, page.parent)
    missing = sorted(name for name in named if not any((place / name).exists() for place in places))
    assert not missing


def test_architecture_names_where_an_upload_becomes_a_job_and_where_a_segment_is_unsealed() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert "`ingest/uploads.py`, in `Uploads.complete`" in text
    assert "def complete(" in (SOURCE / "ingest" / "uploads.py").read_text(encoding="utf-8")
    assert "`playback/segments.py`" in text
    assert "unseal" in (SOURCE / "playback" / "segments.py").read_text(encoding="utf-8")


def test_architecture_names_every_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = [init.parent.name for init in SOURCE.glob("*/__init__.py")]
    assert not [name for name in packages if f"`{name}`" not in text]


def test_the_drawn_life_cycles_are_those_of_the_code() -> None:
    spec = importlib.util.spec_from_file_location("draw_lifecycle", ROOT / "scripts" / "draw_lifecycle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")


def test_every_command_is_described() -> None:
    """Asks the installed command line for its commands, so that none can be added without a word about it."""
    helped = subprocess.run(
        [sys.executable, "-c", "from reelkeep.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120", "PATH": "/usr/bin:/bin"},
    ).stdout
    commands = re.findall(r"^[^\w-]*([a-z][a-z-]+)\s{2,}\S", helped, re.MULTILINE)
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert "upload" in commands
    assert not [name for name in commands if f"reelkeep {name}" not in text]


def test_every_setting_is_described_to_the_operator() -> None:
    text = (ROOT / "docs" / "how-to" / "operator.md").read_text(encoding="utf-8")
    assert not [field.name for field in dataclasses.fields(Settings) if f"`{field.name}`" not in text]


def test_the_results_page_is_made_from_the_results() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page(results.load())


def test_every_result_has_all_its_fields() -> None:
    fields = {"id", "what", "target", "value", "unit", "pass", "baseline", "machine", "date", "commit"}
    assert results.load()
    assert all(set(result) == fields for result in results.load())


def test_bare_make_lists_every_target_for_people() -> None:
    helped = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in helped for target in ("demo", "up", "test", "check", "bench", "soak", "clean"))


def test_no_lock_names_a_registry() -> None:
    locks = [*(ROOT / "requirements").glob("*.txt"), ROOT / "package-lock.json"]
    assert not [lock.name for lock in locks if "://" in lock.read_text(encoding="utf-8")]


def test_every_decision_record_is_listed() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    records = (ROOT / "docs" / "adr").glob("0*.md")
    assert not [record.name for record in records if f"({record.name})" not in listed]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_have_one_sentence_a_line(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    prose = [line for line in text.splitlines() if not line.lstrip().startswith(("|", "- **", "#"))]
    double = [line for line in prose if re.search(r"[a-z`)]\. [A-Z]", line)]
    assert not double
