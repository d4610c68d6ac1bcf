"""What a media process does once the zygote has forked it: it serves segments and keys of one company for life."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlalchemy import make_url

from reelkeep.bootstrap import open_company
from reelkeep.catalog.changes import Change
from reelkeep.companies.handle import CompanyHandle
from reelkeep.companies.watch import StorageWatch
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import IsolationError
from reelkeep.ids import ConnectionId
from reelkeep.isolation.limits import allow_descriptors
from reelkeep.playback.arrivals import Arrivals
from reelkeep.playback.buffers import Buffers
from reelkeep.playback.cache import SegmentCache
from reelkeep.playback.database import AsyncDatabase
from reelkeep.playback.segments import SegmentSource
from reelkeep.playback.store_threads import StoreThreads
from reelkeep.web import heap
from reelkeep.web.listener import listen as listen_to_changes
from reelkeep.web.media import MediaApplication
from reelkeep.web.serve import born, serve

STORE_THREADS: Final = 4
KEPT_BYTES: Final = 64 << 20  # of what is read at a time, sealed and open each; given back when the cache is swept
SWEEP_SECONDS: Final = 5.0
_DESCRIPTORS: Final = 8_192  # half for cached segments, half for connections (web.serve)


def run(link_socket: socket.socket) -> None:
    """Take birth from the supervisor, then serve the company's media until told to stop."""
    birth = born(link_socket, __name__)
    heap.keep_freed(KEPT_BYTES)
    company = open_company(birth.link, birth.fields)
    if company.lookout is None:
        raise IsolationError("the media process was opened without a lookout")
    watch = StorageWatch(company.storage, company.engine, company.lookout, birth.link)
    dsn, max_entries = str(birth.fields["dsn"]), allow_descriptors(_DESCRIPTORS) // 2
    application = make_media(
        company,
        dsn,
        cache_bytes=int(birth.fields["cache_bytes"]),
        max_entries=max_entries,
        on_refusal=watch.look_soon,
    )
    watch.begin()
    serve(company, application, birth.handover, birth.link)
    watch.end()


def make_media(
    company: CompanyHandle,
    dsn: str,
    *,
    cache_bytes: int,
    max_entries: int,
    on_refusal: Callable[[], None] = lambda: None,
) -> MediaApplication:
    """Return the media application of a company.

    Args:
        cache_bytes, max_entries: bound what is kept of segments; no bytes: nothing is.
        on_refusal: called when a bucket refused.

    Raises:
        IsolationError: the company was opened without its key, and connections of it are in use.
    """
    if company.company_key is None:
        if company.storage.connections():
            raise IsolationError("the media process was born without the company's key")
        company = replace(company, company_key=CompanyKey.new())  # opens nothing: nothing is served before a rebirth
    assert company.company_key is not None
    database, arrivals = AsyncDatabase.at(dsn), Arrivals()
    cache = SegmentCache(max_bytes=cache_bytes, max_entries=max_entries)
    threads = StoreThreads(STORE_THREADS)
    source = SegmentSource(
        company,
        company.company_key,
        database,
        cache,
        arrivals,
        threads,
        Buffers(KEPT_BYTES),
        read_ahead=cache_bytes > 0,
    )

    async def run_beside() -> None:
        def heard(change: Change) -> None:
            if change.version_id is not None:
                arrivals.changed(change.version_id)

        loop = asyncio.get_running_loop()

        def changed(stopped: frozenset[ConnectionId]) -> None:
            if stopped:
                loop.call_soon_threadsafe(source.forget)

        company.storage.on_change(changed)
        hearing = listen_to_changes(make_url(dsn), heard)
        try:
            await asyncio.gather(hearing, sweep_for_ever(cache, source))
        finally:
            await source.close()
            cache.clear()
            threads.close()

    return MediaApplication(company, company.company_key, database, source, run_beside, on_refusal)


async def sweep_for_ever(cache: SegmentCache, source: SegmentSource) -> None:
    """Drop segments at their deadlines, used or not, and give freed memory back."""
    while True:
        cache.sweep()
        source.sweep()
        heap.give_back()
        remaining = cache.seconds_to_next_deadline()
        await asyncio.sleep(SWEEP_SECONDS if remaining is None else min(SWEEP_SECONDS, remaining + 0.01))
