"""Draw docs/lifecycle.md from the tables of states. `--check` says whether the page is up to date."""

from __future__ import annotations

import argparse
import enum
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from reelkeep.catalog import lifecycle
from reelkeep.companies.company_states import COMPANY_STEPS
from reelkeep.storage.connection_states import CONNECTION_STEPS

PAGE: Final = Path(__file__).parents[1] / "docs" / "lifecycle.md"

_HEAD: Final = """\
# Life cycles

`make docs` draws this page from the tables in `src/reelkeep/catalog/lifecycle.py`,
`src/reelkeep/companies/company_states.py` and `src/reelkeep/storage/connection_states.py`; a test compares them.
A step that is not drawn here raises `Conflict` and changes nothing."""

S = TypeVar("S", bound=enum.Enum)


def diagram(steps: Mapping[S, frozenset[S]]) -> str:
    """Return a table of states as a Mermaid state diagram; the first state is where everything begins."""
    states = list(steps)
    lines = ["stateDiagram-v2", f"    [*] --> {states[0].value}"]
    for old in states:
        lines += [f"    {old.value} --> {new.value}" for new in sorted(steps[old], key=states.index)]
        if not steps[old]:
            lines.append(f"    {old.value} --> [*]")
    return "\n".join(["```mermaid", *lines, "```"])


def page() -> str:
    """Return the whole page."""
    parts = [
        _HEAD,
        "## A version",
        "One delivered cut.\nIts original is never touched by any of these steps.",
        diagram(lifecycle.VERSION_STEPS),
        "## An upload",
        "A multipart upload into the company's bucket.",
        diagram(lifecycle.UPLOAD_STEPS),
        "## A job",
        "`running` to `running` is another process taking up a job whose lease ran out or whose process is gone.\n"
        "`running` to `waiting` is a later try, after a part we rely on was away, or a process that was told to end.",
        diagram(lifecycle.JOB_STEPS),
        "## A company",
        "Only an *active* one is served.\nVisitors of another are told so; its database and its buckets stay.",
        diagram(COMPANY_STEPS),
        "## A storage connection",
        "Only an *active* one is used.\nThe way there leads through a check that passed; what lies in the bucket is "
        "touched by none of these steps.",
        diagram(CONNECTION_STEPS),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Write the page, or with --check return 1 if it is not what the tables say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
