"""Entry of the media process: ``python -m reelkeep.web.media_process --link-fd N``. One company for life."""

from __future__ import annotations

import asyncio
import resource
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy import make_url

from reelkeep.bootstrap import open_company
from reelkeep.catalog.changes import Change
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import IsolationError
from reelkeep.playback.arrivals import Arrivals
from reelkeep.playback.cache import SegmentCache
from reelkeep.playback.database import AsyncDatabase
from reelkeep.playback.segments import SegmentSource
from reelkeep.web.listener import listen as listen_to_changes
from reelkeep.web.media import MediaApplication
from reelkeep.web.serve import born, serve

CACHE_BYTES: Final = 256 << 20
STORE_THREADS: Final = 4
SWEEP_SECONDS: Final = 5.0
_DESCRIPTORS: Final = 8_192  # half for cached segments, half for connections (web.serve)


def main() -> None:
    """Take birth from the supervisor, then serve the company's media until told to stop."""
    link, birth, handover = born()
    company = open_company(link, birth)
    application = make_media(company, str(birth["dsn"]), max_entries=_raise_descriptor_limit() // 2)
    serve(company, application, handover, link)


def make_media(company: CompanyHandle, dsn: str, *, max_entries: int) -> MediaApplication:
    """Return the media application of a company that was opened with its key."""
    if company.company_key is None:
        raise IsolationError("the media process was born without the company's key")
    database, arrivals = AsyncDatabase.at(dsn), Arrivals()
    cache = SegmentCache(max_bytes=CACHE_BYTES, max_entries=max_entries)
    threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
    source = SegmentSource(company, company.company_key, database, cache, arrivals, threads)

    async def run_beside() -> None:
        def heard(change: Change) -> None:
            if change.version_id is not None:
                arrivals.changed(change.version_id)

        hearing = listen_to_changes(make_url(dsn), heard)
        try:
            await asyncio.gather(hearing, sweep_for_ever(cache))
        finally:
            await source.close()
            cache.clear()
            threads.shutdown(wait=False, cancel_futures=True)

    return MediaApplication(company, company.company_key, database, source, run_beside)


async def sweep_for_ever(cache: SegmentCache) -> None:
    """Drop segments at their deadlines, used or not."""
    while True:
        cache.sweep()
        remaining = cache.seconds_to_next_deadline()
        await asyncio.sleep(SWEEP_SECONDS if remaining is None else min(SWEEP_SECONDS, remaining + 0.01))


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


if __name__ == "__main__":
    main()
