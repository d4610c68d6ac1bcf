"""Published segments for viewers: from the cache, else one ranged read of the bucket for all who ask at once.

A segment that is not published yet is waited for; see ``MAX_WAIT_SECONDS``. Nothing here decides who may watch: the
caller holds a playback session.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from sqlalchemy import Connection

from reelkeep.catalog import grants, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.companies.handle import CompanyHandle
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import DependencyError, MediaError, NotFound, ReelkeepError
from reelkeep.ids import GrantId, UserId, VersionId
from reelkeep.packaging.stills import StillKind
from reelkeep.playback import bundles, manifest, proxies
from reelkeep.playback.arrivals import Arrivals
from reelkeep.playback.buffers import Buffers
from reelkeep.playback.bundles import BundleRows, StillRow
from reelkeep.playback.cache import SegmentCache, SegmentName
from reelkeep.playback.database import AsyncDatabase
from reelkeep.playback.recent import Recent
from reelkeep.playback.store_threads import StoreThreads
from reelkeep.storage.interface import Purpose

MAX_WAIT_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 1.0  # a notice may be lost with the connection that carries it
_GRANT_LIFETIME: Final = timedelta(minutes=5)
_GRANT_SECONDS: Final = 60.0  # how long reads of one object for one viewer share a grant; each ends before it does
_PLACES_SECONDS: Final = 60.0  # published places stay as they are; after a purge no wrapped key is kept for longer
_MAX_PLACES: Final = 4_096
_MAX_GRANTS: Final = 1_024
_PROXY_SCOPE: Final = "proxies/"
_log = logging.getLogger(__name__)


class NotYetPublished(DependencyError):
    """This part of the film is still being made."""

    code: ClassVar[str] = "not_yet_published"


class MakingStopped(MediaError):
    """This part of the film will not be made."""

    code: ClassVar[str] = "making_stopped"


@dataclass(frozen=True)
class Viewer:
    """On whose behalf the bucket is read; stands in the grant."""

    user_id: UserId
    version_id: VersionId
    what_for: str = "playback"  # the first word of the grant's reason
    proxy: int = 0  # which one of the version's, by the attempts at those before it

    def segment(self, rendition: str, number: int) -> SegmentName:
        return self.version_id, self.proxy, rendition, number


class SegmentSource:
    """Belongs to one event loop.

    Args:
        threads: which wait for the store.
        buffers: what segments are unsealed into.
        read_ahead: fetch the next bundle while this one plays.
    """

    def __init__(
        self,
        company: CompanyHandle,
        company_key: CompanyKey,
        database: AsyncDatabase,
        cache: SegmentCache,
        arrivals: Arrivals,
        threads: StoreThreads,
        buffers: Buffers,
        *,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
        read_ahead: bool = True,
    ) -> None:
        self._company, self._company_key = company, company_key
        self._database, self._cache, self._arrivals, self._threads = database, cache, arrivals, threads
        self._buffers, self._max_wait_seconds, self._read_ahead = buffers, max_wait_seconds, read_ahead
        self._places: Recent[SegmentName, BundleRows] = Recent(_PLACES_SECONDS, _MAX_PLACES)
        self._grants: Recent[tuple[Viewer, str], GrantId] = Recent(_GRANT_SECONDS, _MAX_GRANTS)
        self._flights: dict[str, asyncio.Task[dict[int, memoryview]]] = {}
        self._ahead: set[asyncio.Task[None]] = set()

    async def segment(self, viewer: Viewer, rendition: str, number: int) -> memoryview:
        """Return a segment, encrypted for the player; let a view go once it is sent.

        Raises:
            NotFound: it lies beyond the end, or there is no such rendition.
            NotYetPublished: it is still being made after ``max_wait_seconds``.
            MakingStopped: it will never be made.
            SealBroken, StorageSetupError, DependencyError: it could not be read; nothing is cached.
            What is in the cache is given whatever the state of its connection: the caller has looked at that.
        """
        name = viewer.segment(rendition, number)
        cached = self._cache.get(name)
        if cached is None:
            rows = self._places.get(name) or await self._published(viewer, rendition, number)
            cached = self._cache.get(name)  # another viewer may have fetched it meanwhile
        if cached is None:
            cached = (await self._shared_fetch(viewer, rows))[number]
        if self._read_ahead:
            self._begin_read_ahead(viewer, rendition, number + 1)
        return cached

    async def still(self, viewer: Viewer, kind: StillKind, number: int) -> tuple[bytes, str]:
        """Return a still and its content type. It is cached nowhere."""

        def look(conn: Connection) -> tuple[StillRow, GrantId]:
            row = bundles.still(conn, viewer.version_id, kind, number)
            return row, _grant(conn, row.place.object_key, viewer, f"{kind.value} of version {viewer.version_id}")

        row, grant = await self._database.look(look)

        def read() -> bytes:
            store = self._company.storage.open(row.place.connection_id, Purpose.PLAYBACK, _PROXY_SCOPE)
            sealed = store.get(row.place.object_key, offset=0, length=row.length, grant=grant)
            return bundles.open_still(self._company.id, self._company_key, row, sealed)

        return await self._threads.run(read), row.content_type

    def sweep(self) -> None:
        """Let go of what was looked up too long ago, used or not."""
        self._places.sweep()
        self._grants.sweep()
        self._buffers.sweep()

    def forget(self) -> None:
        """Drop every segment that is kept: a connection has gone out of use. Others' are fetched again."""
        self._cache.clear()
        self._places.clear()
        self._grants.clear()

    async def close(self) -> None:
        """Stop reading ahead."""
        for task in list(self._ahead):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _published(self, viewer: Viewer, rendition: str, number: int) -> BundleRows:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._max_wait_seconds
        with self._arrivals.watch(viewer.version_id) as changed:
            while True:
                changed.clear()
                rows = await self._database.look(lambda conn: _look(conn, viewer.version_id, rendition, number))
                if rows is not None:
                    return self._note(viewer, rows)
                remaining = end - loop.time()
                if remaining <= 0:
                    raise NotYetPublished
                try:
                    await asyncio.wait_for(changed.wait(), min(remaining, _LOOK_AGAIN_SECONDS))
                except TimeoutError:
                    continue

    def _note(self, viewer: Viewer, rows: BundleRows) -> BundleRows:
        for each in rows.segments:
            self._places.put(viewer.segment(rows.rendition, each.number), rows)
        return rows

    async def _shared_fetch(self, viewer: Viewer, rows: BundleRows) -> dict[int, memoryview]:
        object_key = rows.place.object_key
        flight = self._flights.get(object_key)
        if flight is None:
            flight = asyncio.ensure_future(self._fetch(viewer, rows))
            self._flights[object_key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(object_key, None))
        return await asyncio.shield(flight)  # one viewer who leaves must not take it from the others

    async def _fetch(self, viewer: Viewer, rows: BundleRows) -> dict[int, memoryview]:
        grant, object_key, fetched_at = await self._granted(viewer, rows), rows.place.object_key, self._cache.clock()

        def read() -> dict[int, memoryview]:
            store = self._company.storage.open(rows.place.connection_id, Purpose.PLAYBACK, _PROXY_SCOPE)
            sealed = store.get(object_key, offset=rows.offset, length=rows.length, grant=grant)
            return bundles.unseal_segments(self._company.id, self._company_key, rows, sealed, self._buffers.take)

        opened = await self._threads.run(read)
        self._company.storage.connection(rows.place.connection_id)  # it may have gone out of use meanwhile
        for number, segment in opened.items():
            self._cache.put(viewer.segment(rows.rendition, number), segment, fetched_at=fetched_at)
        return opened

    async def _granted(self, viewer: Viewer, rows: BundleRows) -> GrantId:
        """Return the grant under which a viewer's bundle is read; one that is not a minute old serves again."""
        object_key, reason = rows.place.object_key, f"{viewer.what_for} of version {viewer.version_id}"
        grant = self._grants.get((viewer, object_key))
        if grant is None:
            grant = await self._database.look(lambda conn: _grant(conn, object_key, viewer, reason))
            self._grants.put((viewer, object_key), grant)
        return grant

    def _begin_read_ahead(self, viewer: Viewer, rendition: str, number: int) -> None:
        if self._ahead or viewer.segment(rendition, number) in self._cache:
            return  # one at a time: reading ahead must not stand in the way of those who wait
        task = asyncio.ensure_future(self._look_ahead(viewer, rendition, number))
        self._ahead.add(task)
        task.add_done_callback(self._ahead.discard)

    async def _look_ahead(self, viewer: Viewer, rendition: str, number: int) -> None:
        try:
            rows = await self._database.look(
                lambda conn: bundles.with_segment(conn, viewer.version_id, rendition, number)
            )
            if rows is not None:
                await self._shared_fetch(viewer, self._note(viewer, rows))
        except ReelkeepError as error:  # nobody waits for it: the viewer's own request will meet the error
            _log.info("reading ahead failed: %s", error.code)


def _look(conn: Connection, version_id: VersionId, rendition: str, number: int) -> BundleRows | None:
    """Return the bundle of a segment, None if it may still come; raise NotFound or MakingStopped if it cannot."""
    rows = bundles.with_segment(conn, version_id, rendition, number)
    if rows is not None:
        return rows
    proxy = proxies.read(conn, version_id)
    found = next((each for each in proxy.renditions if each.name == rendition), None)
    if found is None:
        raise NotFound("there is no such rendition")
    total = proxy.samples(found)
    if proxy.frames is not None or number >= manifest.segment_count(total, kind=found.kind, is_step=found.is_step):
        raise NotFound("this lies beyond the end")
    version = versions.get(conn, version_id)
    if version.state in (VersionState.FAILED, VersionState.CANCELLED):
        problem = version.problem
        raise MakingStopped(problem.message if problem else None, advice=problem.advice if problem else None)
    return None


def _grant(conn: Connection, object_key: str, viewer: Viewer, reason: str) -> GrantId:
    expires_at = datetime.now(UTC) + _GRANT_LIFETIME
    return grants.record(conn, GrantAction.PLAY, object_key, reason, expires_at=expires_at, user_id=viewer.user_id)
