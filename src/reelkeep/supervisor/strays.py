"""Clears away processes that others have left to us when they were killed: a codec of a job, a backend of PostgreSQL.

They come to the supervisor because it adopts orphans, and each ends by itself. A child of our own is waited for by
whoever started it, at once; what has ended and is still there at a second look is nobody's.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

LOOK_SECONDS: Final = 2.0


async def reap_strays(*, seconds: float = LOOK_SECONDS) -> None:
    """Reap one stray in two looks, for ever."""
    before = None
    while True:
        found = _ended()
        if found is not None and found == before:
            os.waitpid(found, os.WNOHANG)
        before = found
        await asyncio.sleep(seconds)


def _ended() -> int | None:
    """Return a child that has ended and was not waited for."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found is not None else None
