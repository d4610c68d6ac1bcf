"""Puts on a company's own audit record what its processes were not let out to: once a minute at most, and counted."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from reelkeep.catalog import audit
from reelkeep.companies.databases import open_engine

MAX_NAMES: Final = 50  # of one company between two entries; what comes after them is counted as OTHERS
PAUSE_SECONDS: Final = 60.0  # a process that was taken over and tries for ever makes 50 rows a minute at most
OTHERS: Final = "others"
_NAME: Final = re.compile(r"[a-z0-9._:-]{1,262}|others|unreadable")
EVENT: Final = "egress.refused"


class RefusedExits:
    """Of one company. Belongs to one event loop.

    Args:
        url: returns the address of the company's database, as its app role.
    """

    def __init__(self, slug: str, url: Callable[[], URL | str], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._slug, self._url, self._pause_seconds = slug, url, pause_seconds
        self._counts: dict[str, int] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, counts: Mapping[str, int]) -> None:
        """Add to what will be written: the first at once, what comes soon after it together."""
        for name, count in counts.items():
            known = name in self._counts or len(self._counts) < MAX_NAMES
            at = name if known else OTHERS
            self._counts[at] = self._counts.get(at, 0) + count
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    def end(self) -> None:
        if self._writing is not None:
            self._writing.cancel()

    async def _write(self) -> None:
        while self._counts:
            counts, self._counts = self._counts, {}
            try:
                await asyncio.to_thread(_insert, self._url(), counts)
            except SQLAlchemyError as error:
                print(f"supervisor: refusals of {self._slug} are lost: {type(error).__name__}", file=sys.stderr)
            await asyncio.sleep(self._pause_seconds)


def is_refusal(name: object, count: object) -> bool:
    """Tell whether the egress process may say this of a company: a host with its port, and how often.

    >>> is_refusal("pastebin.example:443", 2), is_refusal("<b>:443", 1), is_refusal("others", 0)
    (True, False, False)
    """
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and type(count) is int and count > 0


def _insert(url: URL | str, counts: Mapping[str, int]) -> None:
    engine = open_engine(url, pool_size=1)
    try:
        with engine.begin() as conn:
            for name, count in counts.items():
                audit.record(conn, EVENT, None, None, destination=name, connections=count)
    finally:
        engine.dispose()
