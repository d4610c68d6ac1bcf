"""The commands of our own processes. Tests put stand-ins here; the rest of the supervisor does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reelkeep.supervisor.child import python_module


@dataclass(frozen=True)
class Programs:
    """Each is started with ``--link-fd N`` added, and nothing else; ``verify`` with the options of its command."""

    gateway: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.gateway.gateway_process"))
    app: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.web.app_process"))
    media: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.web.media_process"))
    runner: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.runner.runner_process"))
    verify: Sequence[str] = field(default_factory=lambda: [*python_module("reelkeep.cli"), "storage", "verify-due"])
    job: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.runner.job_process"))
