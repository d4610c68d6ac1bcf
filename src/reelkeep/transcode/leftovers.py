"""Objects of dead attempts that no row names: sealed, harmless, and deleted when nobody works on the version any more.

A transcode job deletes those of its earlier attempts itself. What is left after failure, cancellation, or a role that
did not let it, gets a job of its own for each version, asked for by the company's sweep; so does all that was made of a
deleted version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from reelkeep.catalog import versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import IsolationError
from reelkeep.ids import ConnectionId, VersionId
from reelkeep.jobs import queue
from reelkeep.jobs.handling import Handler
from reelkeep.jobs.interface import Hold, Job, JobKind
from reelkeep.jobs.transactions import transaction
from reelkeep.storage.layout import parse_proxy_key, proxy_scope
from reelkeep.transcode import records
from reelkeep.transcode.bucket import GrantSeries, ProxyCleaner
from reelkeep.transcode.patience import patiently

DELETE_AT_ONCE: Final = 1_000
CLEAN_AT_ONCE: Final = 100  # jobs that one sweep asks for; the next hour brings the next
_EVERY_ATTEMPT: Final = 1 << 62


class Prefix(Protocol):
    """One version's proxy prefix: ``bucket.ProxyCleaner``."""

    def keys(self) -> list[str]: ...

    def delete(self, keys: Sequence[str]) -> None: ...


def unnamed(keys: Iterable[str], named: set[str], end: int, kept: frozenset[int] = frozenset()) -> list[str]:
    """Return the keys that may go: bundles and stills of attempts before ``end`` that no row names.

    Args:
        kept: attempts whose last bundles may hold no segment, but say how long the film is.
    """
    found = []
    for key in keys:
        place = parse_proxy_key(key)
        if place is None or place.attempt_number >= end or place.attempt_number in kept:
            continue
        if key not in named:
            found.append(key)
    return found


def delete_unnamed(bucket: Prefix, named: set[str], end: int, kept: frozenset[int] = frozenset()) -> int:
    """Delete the leftovers of attempts before ``end`` and return how many there were.

    Raises:
        StorageSetupError: the role may not delete; some may be gone.
    """
    if kept.issuperset(range(1, end)):  # attempts count from 1
        return 0
    keys = unnamed(bucket.keys(), named, end, kept)
    for start in range(0, len(keys), DELETE_AT_ONCE):
        bucket.delete(keys[start : start + DELETE_AT_ONCE])
    return len(keys)


def ask_for_cleaning(company: CompanyHandle) -> int:
    """Add a cleaning job for each version that may have leftovers; return how many."""
    with transaction(company.engine) as conn:
        found = records.uncleaned(conn, CLEAN_AT_ONCE)
        for version_id in found:
            queue.enqueue(conn, JobKind.CLEAN, version_id)
    if found:
        company.doorbell.ring(JobKind.CLEAN)
    return len(found)


def handler() -> Handler:
    """Return how a cleaning job is worked on. Its end means nothing for the version."""
    return Handler(_clean, lambda *_: None)


def cleaner_of(company: CompanyHandle, job: Job, connection_id: ConnectionId, hold: Hold) -> ProxyCleaner:
    """Return the right to clean up among the proxies of the job's version."""
    if (version_id := job.version_id) is None:
        raise IsolationError("a cleaning job names no version")
    grant = GrantSeries(company.engine, GrantAction.DELETE, proxy_scope(version_id), job.id)
    return ProxyCleaner(company.storage, connection_id, version_id, grant, hold)


def _clean(company: CompanyHandle, job: Job, hold: Hold) -> None:
    connection_id, named, end, kept = patiently(lambda: _read(company, job.version_id), hold)
    delete_unnamed(cleaner_of(company, job, connection_id, hold), named, end, kept)


def _read(company: CompanyHandle, version_id: VersionId | None) -> tuple[ConnectionId, set[str], int, frozenset[int]]:
    """Return where the proxy lies, the keys that stay, the first attempt not to be touched, and others that are not."""
    if version_id is None:
        raise IsolationError("a cleaning job names no version")
    with transaction(company.engine) as conn:
        version = versions.get(conn, version_id)
        named, end = records.named_objects(conn, version_id), records.last_attempt_number(conn, version_id) + 1
        kept = records.closing_attempts(conn, version_id)
    if version.state is VersionState.DELETED:
        return version.connection_id, set(), _EVERY_ATTEMPT, frozenset()
    if version.state is VersionState.READY:
        return version.connection_id, named, end, kept
    if version.state in (VersionState.FAILED, VersionState.CANCELLED):
        return version.connection_id, named, end, frozenset()  # tried again, it begins another attempt
    return version.connection_id, named, 0, kept  # somebody works on it
