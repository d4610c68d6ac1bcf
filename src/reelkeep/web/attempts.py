"""Limits on wrong sign-ins, per account and per address. In memory: one app process serves a company. No I/O.

Counting is the same for accounts that exist and for those that do not, so that a limit tells nothing.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from reelkeep.web.errors import TooManyTries

WINDOW_SECONDS: Final = 15 * 60.0
MAX_PER_ACCOUNT: Final = 10
MAX_PER_ADDRESS: Final = 50  # a studio behind one address shares this
_MAX_NAMES: Final = 20_000  # bounds memory; the name seen longest ago is forgotten first
_IPV6_NETWORK_BITS: Final = 64


class SignInLimits:
    """Thread-safe. A try is counted before the password is looked at, and taken back if it was right."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def begin(self, account: str, address: str) -> None:
        """Count a try; raise TooManyTries, counting nothing, if the account or the address has had too many."""
        names = {f"account {account}": MAX_PER_ACCOUNT, f"address {network_of(address)}": MAX_PER_ADDRESS}
        with self._lock:
            now = self._clock()
            recent = {name: self._recent(name, now) for name in names}
            waits = [tries[0] + WINDOW_SECONDS - now for name, tries in recent.items() if len(tries) >= names[name]]
            if waits:
                raise TooManyTries(max(1, int(max(waits))))
            for name, tries in recent.items():
                tries.append(now)
                self._tries[name] = tries
                self._tries.move_to_end(name)
            while len(self._tries) > _MAX_NAMES:
                self._tries.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """Forget the account's wrong tries and this one of the address."""
        with self._lock:
            self._tries.pop(f"account {account}", None)
            if tries := self._tries.get(f"address {network_of(address)}"):
                tries.pop()

    def _recent(self, name: str, now: float) -> deque[float]:
        """Return the tries that still count. A name nobody may try is not remembered: it would push others out."""
        tries = self._tries.get(name, deque())
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        return tries


def network_of(address: str) -> str:
    """Return what one host or household has: an IPv4 address, or the first 64 bits of an IPv6 one (RFC 4291, 2.5.4).

    >>> network_of("2001:db8::1") == network_of("2001:db8::ffff:2"), network_of("192.0.2.7"), network_of("?")
    (True, '192.0.2.7', '?')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
