"""Whether the kernel could put this process's memory on a disk: swap that is on and that no control group forbids.

Source: proc_pid_cgroup(5); Linux admin guide, cgroup-v2 (memory.swap.max counts for all groups below) and zram (swap
in memory, unless it was given a backing device). Version 1 control groups are not looked at: they forbid nothing here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path("/")


def swap_on_disk(root: Path = ROOT) -> list[str]:
    """Return the swap areas that may take pages of this process; empty is how it should be.

    Args:
        root: of the file system that is asked, for tests.
    """
    lines = _text(root / "proc/swaps").splitlines()[1:]
    areas = [line.split()[0] for line in lines if line.strip()]
    on_disk = [area for area in areas if not _is_zram(root, area)]
    return [] if _is_forbidden(root) else on_disk


def _is_zram(root: Path, area: str) -> bool:
    name = Path(area).name
    return name.startswith("zram") and _text(root / "sys/block" / name / "backing_dev").strip() in ("", "none")


def _is_forbidden(root: Path) -> bool:
    own = next((line[3:] for line in _text(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), "/")
    group = Path(own.lstrip("/"))
    places = (root / "sys/fs/cgroup" / each / "memory.swap.max" for each in (group, *group.parents))
    return any(_text(place).strip() == "0" for place in places)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""  # not on this kernel
