"""A hardened process, seen from outside."""

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from reelkeep.isolation.hygiene import harden
if sys.argv[1] == "harden":
    harden(lock_memory=True)
print("there", flush=True)
sys.stdin.read()
"""


def core_limit(mode: str) -> list[str]:
    """Return the soft and the hard core limit of a process that did, or did not, harden itself."""
    child = subprocess.Popen([sys.executable, "-c", CODE, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        assert child.stdout.readline() == b"there\n"
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        return next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4:6]
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(10)


def test_a_hardened_process_allows_a_core_of_one_byte_which_is_none() -> None:
    assert core_limit("harden") == ["1", "1"]
    assert core_limit("leave") != ["1", "1"]


def test_a_hardened_process_is_not_dumpable() -> None:
    code = (
        "import ctypes; from reelkeep.isolation.hygiene import harden\n"
        "libc = ctypes.CDLL(None); print(libc.prctl(3)); harden(); print(libc.prctl(3))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split() == ["1", "0"]
