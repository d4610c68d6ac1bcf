"""Waking those who wait for a version's next segment. No I/O: whoever hears the database calls ``changed``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from reelkeep.ids import VersionId


class Arrivals:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._watchers: dict[VersionId, set[asyncio.Event]] = {}

    def changed(self, version_id: VersionId) -> None:
        """Wake everyone who watches this version."""
        for event in self._watchers.get(version_id, ()):
            event.set()

    @contextmanager
    def watch(self, version_id: VersionId) -> Iterator[asyncio.Event]:
        """Give an event of one's own, set by each change. Clear it, look, wait: in this order nothing is missed."""
        event = asyncio.Event()
        self._watchers.setdefault(version_id, set()).add(event)
        try:
            yield event
        finally:
            watchers = self._watchers[version_id]
            watchers.discard(event)
            if not watchers:
                del self._watchers[version_id]
