"""Passing changes on to the pages that watch a production. No I/O; belongs to one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from reelkeep.catalog.changes import Change
from reelkeep.ids import ProductionId, VersionId

STORAGE: Final = "storage"
_HEARD_SECONDS: Final = 5.0


class Subscription:
    """What one page has not been told yet. Many changes of one version become one.

    None stands for the production itself, and for the company's storage.
    """

    def __init__(self) -> None:
        self._pending: dict[VersionId | None, set[str]] = {}
        self._event = asyncio.Event()

    def add(self, change: Change) -> None:
        self._pending.setdefault(change.version_id, set()).add(change.what)
        self._event.set()

    async def take(self) -> dict[VersionId | None, set[str]]:
        """Wait for changes, then return and forget all there are."""
        await self._event.wait()
        self._event.clear()
        pending, self._pending = self._pending, {}
        return pending


class ChangeHub:
    """Where changes come in and pages wait for them. The database is listened to once somebody waits."""

    def __init__(self) -> None:
        self._subscriptions: dict[ProductionId, set[Subscription]] = {}
        self._is_wanted, self._is_heard = asyncio.Event(), asyncio.Event()

    async def wanted(self) -> None:
        """Return when somebody waits for changes for the first time."""
        await self._is_wanted.wait()

    def hears(self, is_hearing: bool) -> None:  # a callback's one argument
        """Note that changes come in from now on, or do not for a while."""
        (self._is_heard.set if is_hearing else self._is_heard.clear)()

    async def listening(self) -> None:
        """Return when changes come in, or have not begun to after five seconds; see ``listener``."""
        self._is_wanted.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_heard.wait(), _HEARD_SECONDS)

    def publish(self, change: Change) -> None:
        """Give a change to every subscription of its production."""
        for subscription in self._subscriptions.get(change.production_id, ()):
            subscription.add(change)

    def publish_storage(self) -> None:
        """Tell every page that something about the company's storage connections has changed."""
        for production_id, subscriptions in self._subscriptions.items():
            for subscription in subscriptions:
                subscription.add(Change(production_id, None, STORAGE))

    @contextmanager
    def subscribe(self, production_id: ProductionId) -> Iterator[Subscription]:
        """Give a subscription that ends with the block. Who may have it is checked by the caller."""
        subscription = Subscription()
        self._subscriptions.setdefault(production_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            others = self._subscriptions[production_id]
            others.discard(subscription)
            if not others:
                del self._subscriptions[production_id]
