from __future__ import annotations

from pathlib import Path

import pytest

from reelkeep.isolation.swap import swap_on_disk

HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
PARTITION = "/dev/sda2                               partition\t2097148\t\t0\t\t-2\n"
ZRAM = "/dev/zram0                              partition\t1048572\t\t0\t\t100\n"


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_machine_without_swap_has_none(tmp_path: Path) -> None:
    assert swap_on_disk(machine(tmp_path, proc__swaps=HEADER)) == []
    assert swap_on_disk(tmp_path / "no such kernel") == []


def test_a_partition_counts_and_swap_in_memory_does_not(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__swaps=HEADER + PARTITION + ZRAM, sys__block__zram0__backing_dev="none\n")
    assert swap_on_disk(root) == ["/dev/sda2"]
    machine(tmp_path, sys__block__zram0__backing_dev="/dev/loop0\n")
    assert swap_on_disk(root) == ["/dev/sda2", "/dev/zram0"]


@pytest.mark.parametrize(
    ("group", "forbids"), [("system.slice/reelkeep.service", True), ("system.slice", True), ("user.slice", False)]
)
def test_a_control_group_at_or_above_us_forbids_it(tmp_path: Path, group: str, forbids: bool) -> None:
    own = "0::/system.slice/reelkeep.service\n1:name=systemd:/\n"
    root = machine(tmp_path, proc__swaps=HEADER + PARTITION, proc__self__cgroup=own)
    place = root / "sys/fs/cgroup" / group / "memory.swap.max"
    place.parent.mkdir(parents=True)
    place.write_text("max\n")
    assert swap_on_disk(root) == ["/dev/sda2"]
    place.write_text("0\n")
    assert (swap_on_disk(root) == []) is forbids
