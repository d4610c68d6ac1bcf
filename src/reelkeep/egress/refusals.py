"""Counts what companies' processes were refused, until somebody asks. Bounded; no I/O."""

from __future__ import annotations

from typing import Final

from reelkeep.companies.destinations import Destination

MAX_DESTINATIONS: Final = 50  # of one company between two reports; what comes after them is counted as OTHERS
OTHERS: Final = "others"
UNREADABLE: Final = "unreadable"  # a request that names no host


class Refusals:
    """Company to "host:port", or OTHERS, or UNREADABLE, to number. A host was read as one: letters, digits, ".:_-"."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def count(self, company_id: str, destination: Destination | None) -> None:
        name = f"{destination.host}:{destination.port}" if destination else UNREADABLE
        counts = self._counts.setdefault(company_id, {})
        if name not in counts and len(counts) >= MAX_DESTINATIONS:
            name = OTHERS
        counts[name] = counts.get(name, 0) + 1

    def taken(self) -> dict[str, dict[str, int]]:
        """Return what was counted since the last time.

        >>> counts = Refusals()
        >>> counts.count("acme", Destination("pastebin.example", 443))
        >>> counts.taken(), counts.taken()
        ({'acme': {'pastebin.example:443': 1}}, {})
        """
        taken, self._counts = self._counts, {}
        return taken
