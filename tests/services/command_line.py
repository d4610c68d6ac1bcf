"""`reelkeep` as a user types it, in a process and a home of its own, signed in to a platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services.platform import EMAIL, Platform

from reelkeep.cli.logins import Logins

SECONDS = 150


@dataclass(frozen=True)
class Told:
    """How a command ended: its code, what went to programs, and its last words to people."""

    code: int
    out: str
    err: str

    @property
    def fields(self) -> Any:
        return json.loads(self.out.splitlines()[-1])

    @property
    def last_words(self) -> str:
        return self.err.strip().splitlines()[-1].strip()


@dataclass(frozen=True)
class CommandLine:
    home: Path

    @classmethod
    def signed_in(cls, platform: Platform, home: Path, email: str = EMAIL, password: str | None = None) -> CommandLine:
        """Make a home with a login session, as `reelkeep login` leaves it."""
        from reelkeep.transfer.api import Api

        with Api(platform.origin) as api:
            token = api.login(email, password or platform.password)
        Logins(home / ".config" / "reelkeep" / "logins.json").keep(platform.origin, token)
        return cls(home)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        environment = {**os.environ, "HOME": str(self.home), "COLUMNS": "200"}
        environment.pop("XDG_CONFIG_HOME", None)
        command = [sys.executable, "-m", "reelkeep.cli", *map(os.fspath, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen(command, env=environment, text=True, errors="surrogateescape", **pipes)

    def run(self, *arguments: str | Path) -> Told:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=SECONDS)
        assert "Traceback" not in err, err
        return Told(process.returncode, out, err)
