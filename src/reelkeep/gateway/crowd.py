"""Those who have connected and not yet said whom they want: few in all, and fewer from one address. No I/O."""

from __future__ import annotations

import asyncio
from typing import Final

from reelkeep.companies.network_policy import plain_address

MAX_PEEKING: Final = 512  # beyond it the connection that has been silent longest is closed
MAX_OF_ONE_SOURCE: Final = 64  # a studio behind one address opens a few dozen at once
_IPV6_NETWORK_BITS: Final = 64  # RFC 6177: the least that one subscriber is given


class Crowd:
    """Keeps the tasks that wait for a client's first bytes, in order of arrival, and cancels the ones too many."""

    def __init__(self, most: int = MAX_PEEKING, most_of_one: int = MAX_OF_ONE_SOURCE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._all: dict[asyncio.Task[None], str] = {}
        self._of_source: dict[str, dict[asyncio.Task[None], None]] = {}

    def enter(self, task: asyncio.Task[None], source: str) -> None:
        """Count a connection; "" is a source without a limit of its own: a load balancer that speaks for others."""
        self.leave(task)
        self._all[task] = source
        same = self._of_source.setdefault(source, {})
        same[task] = None
        if source and len(same) > self._most_of_one:
            self._send_away(next(iter(same)))
        if len(self._all) > self._most:
            self._send_away(next(iter(self._all)))

    def leave(self, task: asyncio.Task[None]) -> None:
        """Forget a connection: it has spoken, or it is gone."""
        source = self._all.pop(task, None)
        if source is not None and (same := self._of_source.get(source)) is not None:
            same.pop(task, None)
            if not same:
                del self._of_source[source]

    def _send_away(self, task: asyncio.Task[None]) -> None:
        self.leave(task)
        task.cancel()


def source_of(address: str) -> str:
    """Return whom an address belongs to: itself, or of IPv6 its /64.

    >>> source_of("192.0.2.7"), source_of("2001:db8:1:2:3::4"), source_of("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8:1:2::', '192.0.2.7')
    """
    found = plain_address(address)
    if found is None or found.version == 4:
        return str(found or address)
    return str(type(found)(int(found) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS))
