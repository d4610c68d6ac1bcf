"""Standing back: letting the processes of people who watch go first.

Where the kernel groups processes by session (sched(7), "The autogroup feature", on by default in Debian), niceness only
counts within a session, and each of our processes has a session of its own: the group is told as well.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

_TRIES: Final = 5
_AGAIN_SECONDS: Final = 0.1


def stand_back(niceness: int) -> None:
    """Raise the niceness of this process and of its session by ``niceness``; children inherit it.

    Where the session's cannot be changed, as under a /proc that is read-only, it stays.
    """
    now = os.nice(niceness)
    group = Path("/proc/self/autogroup")
    for _ in range(_TRIES if group.exists() else 0):  # not in every kernel
        try:
            group.write_text(str(now), encoding="ascii")
        except BlockingIOError:  # another process without privileges did so in the last tenth of a second
            time.sleep(_AGAIN_SECONDS)
        except OSError:
            return
        else:
            return
