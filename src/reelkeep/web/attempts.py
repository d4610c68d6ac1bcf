"""Limits on wrong sign-ins, per account and per address. In memory: one app process serves a company. No I/O.

Counting is the same for accounts that exist and for those that do not, so that a limit tells nothing.
"""

from __future__ import annotations

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


class SignInLimits:
    """Thread-safe. A try is counted before the password is looked at, and taken back if it was right."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def begin(self, account: str, address: str) -> None:
        """Count a try; raise TooManyTries, counting nothing, if the account or the address has had too many."""
        with self._lock:
            now = self._clock()
            limits = ((f"account {account}", MAX_PER_ACCOUNT), (f"address {address}", MAX_PER_ADDRESS))
            recent = [(self._recent(name, now), limit) for name, limit in limits]
            waits = [tries[0] + WINDOW_SECONDS - now for tries, limit in recent if len(tries) >= limit]
            if waits:
                raise TooManyTries(max(1, int(max(waits))))
            for tries, _ in recent:
                tries.append(now)

    def succeeded(self, account: str, address: str) -> None:
        """Forget the account's wrong tries and this one of the address."""
        with self._lock:
            self._tries.pop(f"account {account}", None)
            if tries := self._tries.get(f"address {address}"):
                tries.pop()

    def _recent(self, name: str, now: float) -> deque[float]:
        tries = self._tries.setdefault(name, deque())
        self._tries.move_to_end(name)
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        while len(self._tries) > _MAX_NAMES:
            self._tries.popitem(last=False)
        return tries
