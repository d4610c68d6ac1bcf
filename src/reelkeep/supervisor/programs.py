"""The commands of our own processes. Tests put stand-ins here; the rest of the supervisor does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reelkeep.supervisor.child import python_module


@dataclass(frozen=True)
class Programs:
    """Each is started with ``--link-fd N`` added; ``verify``, ``audit`` and ``backup`` with their own options.

    The zygote, which forks the processes that serve companies, gets ``--orders-fd N``.
    """

    gateway: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.gateway.gateway_process"))
    zygote: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.web.zygote_process"))
    egress: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.egress.egress_process"))
    runner: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.runner.runner_process"))
    verify: Sequence[str] = field(default_factory=lambda: [*python_module("reelkeep.cli"), "storage", "verify-due"])
    audit: Sequence[str] = field(default_factory=lambda: [*python_module("reelkeep.cli"), "storage", "audit-due"])
    backup: Sequence[str] = field(default_factory=lambda: [*python_module("reelkeep.cli"), "company", "backup-due"])
    job: Sequence[str] = field(default_factory=lambda: python_module("reelkeep.runner.spare_process"))
