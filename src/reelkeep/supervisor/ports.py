"""Free loopback ports that stay free: below the range from which the kernel takes ports for outgoing connections."""

from __future__ import annotations

import secrets
import socket
from typing import Final

_FIRST, _LAST = 12_000, 31_999  # Linux's ip_local_port_range begins at 32,768
_TRIES: Final = 1_000


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports that nobody listens on at this moment."""
    found: set[int] = set()
    for _ in range(_TRIES):
        if len(found) == count:
            break
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return list(found)
