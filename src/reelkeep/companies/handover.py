"""The socket on which a process of a company takes connections from the gateway: made for it before it is born."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

_BACKLOG: Final = 8  # one gateway connects, and its successor


def listen(path: str) -> socket.socket:
    """Return the listening hand-over socket at ``path``; one left by a predecessor is replaced."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
