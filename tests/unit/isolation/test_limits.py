"""What a process may use: set and raised in processes of their own, since no limit comes back."""

from __future__ import annotations

import subprocess
import sys


def said(code: str) -> list[str]:
    lines = "import resource; from reelkeep.isolation.limits import *\n" + code
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout.split()


def test_a_process_takes_as_many_descriptors_as_it_wants_and_may() -> None:
    code = "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 500))\n"
    assert said(code + "for most in (300, 200, 9000): print(allow_descriptors(most))") == ["300", "300", "500"]


def test_a_limit_is_lowered_and_never_raised() -> None:
    code = "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 500))\nlimit(ProcessLimits(1 << 40, {}))\n"
    shown = "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert said(code.format(400) + shown) == ["100", "400"]
    assert said(code.format(900) + shown) == ["100", "500"]
