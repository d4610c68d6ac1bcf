"""Lends each sandbox a host user of its own, so that not even its kernel identity is shared with anything else."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Final

from reelkeep.errors import IsolationError

# Above what useradd, subuid(5) defaults (from 100,000 up by 65,536 for each user) and systemd's ranges give out
# (https://systemd.io/UIDS-GIDS: 1,879,048,192 and more are unused), and below 2^31.
DEFAULT_UIDS: Final = range(1_900_000_000, 1_900_065_536)
COMPANY_UIDS: Final = range(1_900_065_536, 1_900_131_072)  # for the processes that serve a company
_ATTEMPTS: Final = 64


class LentUid:
    """A host uid that no other sandbox of this machine's network namespace has until it is given back."""

    def __init__(self, uid: int, lock: socket.socket) -> None:
        self.uid = uid
        self._lock = lock

    def give_back(self) -> None:
        """Let others have the uid; only after the last process that ran under it has gone."""
        self._lock.close()


def lend(uids: range = DEFAULT_UIDS) -> LentUid:
    """Reserve a free uid; the kernel frees it when this process ends.

    Args:
        uids: the range set aside for sandboxes; nothing else on the host may use it.

    Raises:
        IsolationError: the range is empty, contains root, is not mapped here, or is used up.
    """
    if 0 in uids or not uids:
        raise IsolationError("the range of host users for sandboxes is empty or contains root")
    if not _is_mapped(uids):
        raise IsolationError(
            f"the users {uids[0]} to {uids[-1]} do not exist in this container",
            advice="Map this range into the container, or run Reelkeep as a user other than root.",
        )
    for _ in range(_ATTEMPTS):
        uid = secrets.choice(uids)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            lock.bind(f"\0reelkeep-sandbox-uid-{uid}")
        except OSError:
            lock.close()  # lent already; the next try takes another
        else:
            return LentUid(uid, lock)
    raise IsolationError("no host user is free for another sandbox")


def _is_mapped(uids: range) -> bool:
    for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        inside, _outside, count = map(int, line.split())
        if inside <= uids[0] and uids[-1] < inside + count:
            return True
    return False
