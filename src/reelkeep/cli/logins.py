"""Where the login sessions of this machine's user are kept: one file, mode 0600, in the user's configuration folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelkeep.errors import SignInRequired
from reelkeep.transfer.api import Api


@dataclass(frozen=True)
class Logins:
    path: Path

    def keep(self, address: str, token: str) -> None:
        """Remember a login; its address is the default from now on."""
        state = self._read()
        state["tokens"][address] = token
        state["default"] = address
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(state, file)
        fresh.replace(self.path)

    def open(self, address: str | None) -> Api:
        """Return a way to the company at ``address``, or at the one signed in to last; raise SignInRequired."""
        state = self._read()
        chosen = (address or state["default"] or "").rstrip("/")
        if chosen not in state["tokens"]:
            raise SignInRequired(
                f"you are not signed in to {chosen}" if chosen else "you are not signed in",
                advice="Sign in with `reelkeep login ADDRESS --email YOU`.",
            )
        return Api(chosen, state["tokens"][chosen])

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self.path.read_text())
            return {"tokens": dict(state["tokens"]), "default": state["default"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {"tokens": {}, "default": None}


def default_logins() -> Logins:
    """Return the logins of the user who runs this (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Logins(Path(base) / "reelkeep" / "logins.json")
