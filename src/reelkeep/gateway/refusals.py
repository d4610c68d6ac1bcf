"""Counts the connections that a company's network policy turned away, by whom, until somebody asks. No I/O."""

from __future__ import annotations

from typing import Final

MAX_SOURCES: Final = 50  # of one host name between two reports; whoever comes after them is counted as "others"
OTHERS: Final = "others"


class Refusals:
    """Bounded counts: host name to source to number. A host name is one of the routing table's, never a client's."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def count(self, host: str, source: str) -> None:
        counts = self._counts.setdefault(host, {})
        if source not in counts and len(counts) >= MAX_SOURCES:
            source = OTHERS
        counts[source] = counts.get(source, 0) + 1

    def taken(self) -> dict[str, dict[str, int]]:
        """Return what was counted since the last time.

        >>> counts = Refusals()
        >>> counts.count("acme.localhost", "192.0.2.1")
        >>> counts.taken(), counts.taken()
        ({'acme.localhost': {'192.0.2.1': 1}}, {})
        """
        taken, self._counts = self._counts, {}
        return taken
