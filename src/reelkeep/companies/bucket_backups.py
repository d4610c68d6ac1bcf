"""Backups in the company's own bucket: an archive cut into objects, each written once, and one that says it is whole.

S3 has no append, and an upload in parts would leave parts behind when it is killed. Here what a killed backup leaves
has no end, is listed by nobody, and is the company's to delete: the platform may not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reelkeep.companies.backups import Backup
from reelkeep.encryption.archive import ArchiveBroken
from reelkeep.errors import NotFound
from reelkeep.ids import BackupId, GrantId
from reelkeep.storage.interface import ObjectStore
from reelkeep.storage.layout import BACKUPS_SCOPE, backup_end_key, backup_part_key, parse_backup_key

PART_BYTES: Final = 16 << 20  # a few requests for most databases, and no more of it in memory
_TYPE: Final = "application/octet-stream"
_MAX_END_BYTES: Final = 4_096


@dataclass(frozen=True)
class KeptBackup:
    """A whole backup in the bucket, by its own words, which prove nothing before it was opened."""

    id: BackupId
    made_at: datetime
    parts: int
    size_bytes: int


class BucketSink:
    """Takes an archive. Without ``close`` the backup is not whole."""

    def __init__(self, store: ObjectStore, backup_id: BackupId, grant: GrantId, part_bytes: int = PART_BYTES) -> None:
        self._store, self._id, self._grant, self._part_bytes = store, backup_id, grant, part_bytes
        self._pending = bytearray()
        self._parts = self.size_bytes = 0

    def write(self, data: bytes, /) -> int:
        self._pending += data
        while len(self._pending) >= self._part_bytes:
            self._put(bytes(self._pending[: self._part_bytes]))
            del self._pending[: self._part_bytes]
        return len(data)

    def close(self, made: Backup) -> KeptBackup:
        """Write what is left, and then that the backup is whole."""
        if self._pending:
            self._put(bytes(self._pending))
        end = {"made_at": made.made_at.isoformat(), "parts": self._parts, "size_bytes": self.size_bytes}
        key, body = backup_end_key(self._id), json.dumps(end).encode()
        self._store.put_new(key, body, content_type="application/json", grant=self._grant)
        return KeptBackup(self._id, made.made_at, self._parts, self.size_bytes)

    def _put(self, body: bytes) -> None:
        self._store.put_new(backup_part_key(self._id, self._parts), body, content_type=_TYPE, grant=self._grant)
        self._parts += 1
        self.size_bytes += len(body)


class BucketSource:
    """Gives an archive back, object by object."""

    def __init__(self, store: ObjectStore, kept: KeptBackup, grant: GrantId) -> None:
        self._store, self._kept, self._grant = store, kept, grant
        self._part = memoryview(b"")
        self._next = 0

    def read(self, size: int, /) -> bytes:
        """Return exactly ``size`` bytes, fewer at the end.

        Raises:
            ArchiveBroken: a part is not there, or cannot be one.
        """
        found = bytearray()
        while len(found) < size and (self._part or self._next < self._kept.parts):
            if not self._part:
                self._part = memoryview(self._get(backup_part_key(self._kept.id, self._next)))
                self._next += 1
            taken = self._part[: size - len(found)]
            found += taken
            self._part = self._part[len(taken) :]
        return bytes(found)

    def _get(self, key: str) -> bytes:
        try:
            length = self._store.head(key, grant=self._grant).size_bytes
            if 0 < length <= PART_BYTES:
                return bytes(self._store.get(key, offset=0, length=length, grant=self._grant))
        except NotFound:
            pass
        raise ArchiveBroken("a part of this backup is missing, or is no part of one")


def kept_backups(store: ObjectStore, grant: GrantId) -> list[KeptBackup]:
    """Return the whole backups in a bucket, the newest first. What does not read as one of ours is left out."""
    keys = (facts.key for facts in store.list(BACKUPS_SCOPE, grant=grant))
    ids = {found for key in keys if (found := parse_backup_key(key)) and key == backup_end_key(found)}
    whole = (_kept(store, one, grant) for one in sorted(ids, reverse=True))
    return [kept for kept in whole if kept is not None]


def find_kept(store: ObjectStore, wanted: str, grant: GrantId) -> KeptBackup:
    """Return a backup by its id, or the newest ("newest"); raise NotFound."""
    for kept in kept_backups(store, grant):
        if wanted in ("newest", kept.id):
            return kept
    raise NotFound("there is no such backup in the bucket", advice="List them with `reelkeep company backups`.")


def _kept(store: ObjectStore, backup_id: BackupId, grant: GrantId) -> KeptBackup | None:
    body = store.get(backup_end_key(backup_id), offset=0, length=_MAX_END_BYTES, grant=grant)
    try:
        said = json.loads(body)
        made_at = datetime.fromisoformat(said["made_at"])
        return KeptBackup(backup_id, made_at, int(said["parts"]), int(said["size_bytes"]))
    except (ValueError, KeyError, TypeError):
        return None
