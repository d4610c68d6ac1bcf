"""The command line as its user has it: a home of its own, signed in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services.platform import EMAIL, Platform


@dataclass
class CommandLine:
    home: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HOME": str(self.home)}
        environment.pop("XDG_CONFIG_HOME", None)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-m", "reelkeep.cli", *arguments], env=environment, text=True, **pipes)

    def run(self, *arguments: str, typed: str = "") -> tuple[int, Any, str]:
        """Run a command with --json; return its exit code, its object, and what it told people."""
        process = self.start(*arguments, "--json")
        out, err = process.communicate(typed, timeout=120)
        return process.returncode, json.loads(out.splitlines()[-1]) if out.strip() else None, err

    def login(self, platform: Platform) -> None:
        code, _, err = self.run(
            "login", platform.origin, "--email", EMAIL, "--password-file", "-", typed=platform.password
        )
        assert code == 0, err
