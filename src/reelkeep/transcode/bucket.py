"""The rights of a job in the company's bucket: read one original, write one version's proxies, clean up among them.

All are accounted for by grants of an hour each, renewed while the job goes on (promise I1). Reading has sessions of
its own whose name is the grant; writing signs the grant into each request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from reelkeep.catalog import grants
from reelkeep.catalog.grants import GrantAction
from reelkeep.errors import Conflict, IsolationError, NotFound, StorageSetupError
from reelkeep.ids import ConnectionId, GrantId, JobId, VersionId
from reelkeep.jobs.interface import Hold
from reelkeep.jobs.transactions import transaction
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import Purpose, RangeReader
from reelkeep.storage.layout import proxy_scope
from reelkeep.transcode.patience import patiently

GRANT_LIFE: Final = timedelta(hours=1)  # an STS session of a chained role ends after an hour too
RENEW_AFTER_SECONDS: Final = 45 * 60.0


class GrantSeries:
    """Grants for one action on one key or prefix, one after the other. Thread-safe."""

    def __init__(self, engine: Engine, action: GrantAction, object_key: str, job_id: JobId) -> None:
        self._engine = engine
        self._action = action
        self._object_key = object_key
        self._job_id = job_id
        self._lock = threading.Lock()
        self._current: GrantId | None = None
        self._since = 0.0

    def current(self) -> GrantId:
        """Return a grant with a quarter of an hour left, recorded now if need be.

        Raises:
            DependencyError: the database is away.
        """
        with self._lock:
            if self._current is None or time.monotonic() - self._since > RENEW_AFTER_SECONDS:
                self._current, self._since = self._record(), time.monotonic()
            return self._current

    def _record(self) -> GrantId:
        with transaction(self._engine) as conn:
            return grants.record(
                conn,
                self._action,
                self._object_key,
                f"job {self._job_id}",
                expires_at=datetime.now(UTC) + GRANT_LIFE,
                job_id=self._job_id,
            )


class OriginalGone(StorageSetupError):
    """The original is no longer in the company's bucket."""

    default_advice = "Ask your cloud team whether the bucket or the file was removed; Reelkeep removes no original."


class Original:
    """Reads one original. Thread-safe; every read is patient with a store that is away."""

    def __init__(
        self,
        storage: CompanyStorage,
        connection_id: ConnectionId,
        key: str,
        size_bytes: int,
        grant: GrantSeries,
        hold: Hold,
    ) -> None:
        self._storage = storage
        self._connection_id = connection_id
        self._key = key
        self._size_bytes = size_bytes
        self._grants = grant
        self._hold = hold
        self._lock = threading.Lock()
        self._reader: tuple[GrantId, RangeReader] | None = None

    def fetch(self, offset: int, length: int) -> bytes:
        """Return bytes of the original.

        Raises:
            DependencyError: the store was away for too long.
            StorageSetupError: it refuses, or bucket or original are gone.
            JobCancelled, LeaseLost: the job has to be let go.
        """
        try:
            return patiently(lambda: self._opened().read(offset, length), self._hold)
        except NotFound as error:
            raise OriginalGone from error

    def fetch_of(self, key: str, offset: int, length: int) -> bytes:
        """Do as ``fetch`` for another object under the same prefix: a file of a sequence."""
        try:
            return patiently(lambda: self._opened().of(key, offset + length).read(offset, length), self._hold)
        except NotFound as error:
            raise OriginalGone from error

    def _opened(self) -> RangeReader:
        with self._lock:
            grant = self._grants.current()
            if self._reader is None or self._reader[0] != grant:
                scope = self._key.rpartition("/")[0] + "/"
                opened = self._storage.reader(
                    self._connection_id, self._key, scope=scope, size_bytes=self._size_bytes, grant=grant
                )
                self._reader = grant, opened
            return self._reader[1]


class ProxyPrefix:
    """Writes below one version's proxy prefix. Thread-safe."""

    def __init__(
        self,
        storage: CompanyStorage,
        connection_id: ConnectionId,
        version_id: VersionId,
        grant: GrantSeries,
        hold: Hold,
    ) -> None:
        self._store = storage.open(connection_id, Purpose.WRITE_PROXY, proxy_scope(version_id))
        self._grants = grant
        self._hold = hold

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object of this attempt, patiently.

        The key belongs to this attempt alone, so an object that is there already is an answer that got lost.

        Raises:
            IsolationError: what is there is not what was sent.
        """
        patiently(lambda: self._put(key, body, content_type), self._hold)

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        grant = self._grants.current()
        try:
            self._store.put_new(key, body, content_type=content_type, grant=grant)
        except Conflict:
            sizes = {facts.key: facts.size_bytes for facts in self._store.list(key, grant=grant)}
            if sizes.get(key) != len(body):
                raise IsolationError("an object of this attempt's name was written by somebody else") from None


class ProxyCleaner:
    """Lists and deletes below one version's proxy prefix, with sessions that can neither read nor write there."""

    def __init__(
        self,
        storage: CompanyStorage,
        connection_id: ConnectionId,
        version_id: VersionId,
        grant: GrantSeries,
        hold: Hold,
    ) -> None:
        self._scope = proxy_scope(version_id)
        self._store = storage.open(connection_id, Purpose.CLEAN_PROXY, self._scope)
        self._grants = grant
        self._hold = hold

    def keys(self) -> list[str]:
        """Return the keys of all objects of the version's proxies."""
        return patiently(
            lambda: [facts.key for facts in self._store.list(self._scope, grant=self._grants.current())], self._hold
        )

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are gone already are no error."""
        patiently(lambda: self._store.delete(keys, grant=self._grants.current()), self._hold)
