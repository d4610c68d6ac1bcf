"""What was measured: values, the file they are kept in, and the machine they were measured on."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results.json"
Comparison = Literal["at most", "at least"]


def machine() -> str:
    """Return processor, cores and memory of this machine, as far as they matter for a figure."""
    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory_kib = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return f"{os.cpu_count()} x {names[0] if names else platform.machine()}, {memory_kib / 2**20:.0f} GiB"


def commit() -> str:
    """Return the commit that is measured, with a plus if the tree differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return described.stdout.strip() or "unknown"


@dataclass(frozen=True)
class Result:
    """One figure. Without a target it is for information, and ``passed`` is None."""

    id: str  # of SPECIFICATION.md, with the part after a dash: "N2-decode-to-seal"
    what: str
    value: float
    unit: str
    target: float | None = None
    comparison: Comparison = "at most"
    baseline: str | None = None  # what the value was compared with, and what that measured
    machine: str = field(default_factory=machine)
    date: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).date().isoformat())
    commit: str = field(default_factory=commit)

    @property
    def passed(self) -> bool | None:
        """Say whether the target was met; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.comparison == "at most" else self.value >= self.target

    def as_json(self) -> dict[str, object]:
        """Return the object of results.json."""
        values = asdict(self)
        comparison = values.pop("comparison")
        values["target"] = None if self.target is None else f"{comparison} {self.target:g}"
        values["value"] = float(f"{self.value:.4g}")
        return {**values, "pass": self.passed}


def load() -> list[dict[str, object]]:
    """Return what was measured before."""
    if not RESULTS.is_file():
        return []
    stored: list[dict[str, object]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return stored


def store(fresh: Iterable[Result]) -> list[dict[str, object]]:
    """Replace what was measured anew, keep the rest, and return all, sorted by id."""
    by_id = {str(old["id"]): old for old in load()}
    by_id.update({new.id: new.as_json() for new in fresh})
    everything = [by_id[key] for key in sorted(by_id, key=_order)]
    RESULTS.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")
    return everything


def _order(identity: str) -> tuple[str, int, str]:
    """Sort N2 before N11, and everything without a number last.

    >>> sorted(["seal", "N11", "N2-job"], key=_order)
    ['N2-job', 'N11', 'seal']
    """
    head, _, tail = identity.partition("-")
    return ("N", int(head[1:]), tail) if head[:1] == "N" and head[1:].isdigit() else ("Z", 0, identity)


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
