"""What one process of a company may use of the machine at most, whatever runs in it. Follows setrlimit(2).

Hard limits, set before anything from outside is read; nobody without a capability raises them again. A number of
processes is no limit here: a confined process starts none (seccomp.py).
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ProcessLimits:
    """Of one process.

    Args:
        data_bytes: memory of its own, and so the stacks of threads, too; what goes beyond fails in that process.
        open_files: descriptors, sockets among them.
    """

    data_bytes: int
    open_files: int


WEB_OPEN_FILES: Final = 8_192  # 1,024 connections, and what a media process keeps of segments
JOB_LIMITS = ProcessLimits(data_bytes=8 << 30, open_files=4_096)  # bundles of 2160p on their way, and ranges ahead


def limit(limits: ProcessLimits) -> None:
    """Set these limits, or lower ones that are there already, for good."""
    for kind, wanted in ((resource.RLIMIT_DATA, limits.data_bytes), (resource.RLIMIT_NOFILE, limits.open_files)):
        soft, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(kind, (most if soft == resource.RLIM_INFINITY else min(soft, most), most))


def allow_descriptors(most: int) -> int:
    """Let this process have as many descriptors, or as many as its hard limit allows; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, most if hard == resource.RLIM_INFINITY else min(hard, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
