"""Runs the demo for a measure: the whole platform in a throw-away folder, and the figures it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measures.unable import Unable

SECONDS = 1_800


def figures(clip: Path, *, browser: bool) -> dict[str, Any]:
    """Upload the clip and return the demo's figures; raise Unable if a step of it failed.

    Args:
        browser: let it measure the first picture too; a browser takes a core while it does.
    """
    program = Path(sys.executable).with_name("reelkeep")
    environment = dict(os.environ)
    if not browser:
        environment["PATH"] = f"{program.parent}:/usr/sbin:/sbin"
    ended = subprocess.run(
        [str(program), "demo", "--clip", str(clip), "--once", "--json"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, check=False, timeout=SECONDS,
    )  # fmt: skip
    if ended.returncode:
        raise Unable(f"the demo ended with {ended.returncode}: {ended.stderr.strip()[-300:]}")
    printed: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return printed
