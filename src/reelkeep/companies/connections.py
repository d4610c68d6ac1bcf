"""How many connections PostgreSQL has to take, counted from what each part may hold at most. Pure; no I/O.

    what                                                    at most
    app process      pool 3, and 1 that hears notices           4
    media process    pool 2, pool 3 of the watch, 1 that hears  6
    both, twice, while they make place for successors          20   for each company that is in use
    job process      pool 3, and 1 that says it is present      4   for each job at a time
    supervisor       registry 3, hears 1, doorbell 3, sweep 1,
                     ledger 1, upgrades 8                      17
    runner           doorbell 3, hears 1                        4
    operator         commands, a backup, a restore             12
    reserved         superuser_reserved_connections             3

An idle connection of a pool is ended after a minute (``role_limits``), so a company that nobody uses holds the one of
its media process that hears notices, another while pages are open, and none once its processes have ended: what is
enough for 64 companies at their bounds is enough for 300 that are merely there (N6). A slot that nobody uses costs
46 kB of shared memory (PostgreSQL 15, ``-C shared_memory_size`` at 100 and at 3,200).
"""

from __future__ import annotations

from typing import Final

from reelkeep.companies.databases import POOL_SIZE

HEARS: Final = 1
APP: Final = POOL_SIZE + HEARS
MEDIA: Final = 2 + POOL_SIZE + HEARS  # 2: playback.database.POOL_SIZE
COMPANY: Final = 2 * (APP + MEDIA)
JOB: Final = POOL_SIZE + 1
PLATFORM: Final = 17 + 4 + 12 + 3


def max_connections(companies: int, jobs: int) -> int:
    """Return how many connections are enough.

    Args:
        companies: in use at a time. jobs: at a time.

    >>> max_connections(64, 1), max_connections(300, 4)
    (1320, 6052)
    """
    return PLATFORM + companies * COMPANY + jobs * JOB
