"""The operator's backups into a company's own bucket, and back, each request under a grant of the company's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from reelkeep.catalog import grants
from reelkeep.catalog.grants import GrantAction
from reelkeep.cli.installation import Installation
from reelkeep.cli.wrapping import Wrapping
from reelkeep.companies import storage_registry
from reelkeep.companies.backups import Backup
from reelkeep.companies.bucket_backups import BucketSink, BucketSource, KeptBackup, find_kept, kept_backups
from reelkeep.companies.databases import DATABASE_AWAY
from reelkeep.companies.registry import Company
from reelkeep.errors import DependencyError, ReelkeepError, StorageSetupError
from reelkeep.ids import BackupId, GrantId, new_id
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import ObjectStore, Purpose, SessionRequest, StorageConnection
from reelkeep.storage.layout import BACKUPS_SCOPE, backup_scope
from reelkeep.storage.placement import COMPANY
from reelkeep.storage.s3 import S3Store

GRANT_LIFE: Final = timedelta(hours=1)  # so long lasts a session, and so long may one backup


class NoOwnBucket(StorageSetupError):
    """This company has not one bucket of its own where its new versions go."""

    default_advice = "Back up to a folder with --to, or place the company at a connection of its own first."


class BucketBacking:
    """Backups of one company, in the connection where its new versions go."""

    def __init__(self, installation: Installation, company: Company) -> None:
        self._installation, self._company = installation, company
        self._given: list[tuple[GrantId, str, datetime]] = []  # grants of this run

    def back_up(self) -> KeptBackup:
        """Write the company's database into its bucket, on record in its audit.

        Raises:
            StorageSetupError: it has no bucket of its own in use, or that refuses; what was written has no end.
        """
        backup_id = BackupId(new_id())
        key = Wrapping(self._installation, self._company).company_key()
        store, grant = self._open(Purpose.BACK_UP, backup_scope(backup_id))
        sink = BucketSink(store, backup_id, grant)
        return sink.close(self._installation.back_up(self._company, key, sink, backup_id))

    def kept(self) -> list[KeptBackup]:
        """Return the backups in the bucket, the newest first."""
        return kept_backups(*self._open(Purpose.READ_BACKUPS, BACKUPS_SCOPE))

    def restore(self, wanted: str, *, drop_former: bool) -> tuple[Backup, str]:
        """Let the company have a fresh database of a backup; return it and the former database's name.

        The requests' grants are written into the fresh database, and into the former one if it answers.
        """
        store, grant = self._open(Purpose.READ_BACKUPS, BACKUPS_SCOPE)
        key = Wrapping(self._installation, self._company).company_key()
        source = BucketSource(store, find_kept(store, wanted, grant), grant)
        made, former = self._installation.restore(self._company, key, source, drop_former=drop_former)
        with self._installation.on_company(self._installation.company(self._company.slug)) as conn:
            for grant_id, scope, end in self._given:
                grants.record(conn, GrantAction.BACK_UP, scope, _REASON, expires_at=end, grant_id=grant_id)
        return made, former

    def _open(self, purpose: Purpose, scope: str) -> tuple[ObjectStore, GrantId]:
        connection = self._connection()
        broker = self._installation.storage.broker(self._company, connection)
        grant = self._grant(scope)
        session = broker.session(SessionRequest(connection.id, purpose, scope, grant))
        return S3Store(connection, lambda: session), grant

    def _connection(self) -> StorageConnection:
        with self._installation.on_registry() as conn:
            known = storage_registry.connections(conn, self._company.id)
            placed = storage_registry.placements(conn, self._company.id).get(COMPANY)
        own = [one for one in known.values() if not one.is_hosted and one.state is ConnectionState.ACTIVE]
        chosen = [one for one in own if one.id == placed] or own
        if len(chosen) != 1:
            raise NoOwnBucket
        return chosen[0]

    def _grant(self, scope: str) -> GrantId:
        """Write a grant down; where the database is lost, it is written into the one that is made of the backup."""
        end = datetime.now(UTC) + GRANT_LIFE
        given = GrantId(new_id()), scope, end
        with contextlib.suppress(*DATABASE_AWAY), self._installation.on_company(self._company) as conn:
            grants.record(conn, GrantAction.BACK_UP, scope, _REASON, expires_at=end, grant_id=given[0])
        self._given.append(given)
        return given[0]


_REASON: Final = "a backup of the company's database, or its restoration"


def back_up_due(
    installation: Installation, older_than: timedelta
) -> Iterator[tuple[Company, KeptBackup | ReelkeepError]]:
    """Back up each active company with a bucket of its own whose newest backup there is older than this.

    Yields:
        Each company that was due, and its backup or why there is none; the others are backed up all the same.
    """
    for company in installation.companies():
        backing = BucketBacking(installation, company)
        try:
            newest = next(iter(backing.kept()), None)
            if newest is None or datetime.now(UTC) - newest.made_at > older_than:
                yield company, backing.back_up()
        except NoOwnBucket:
            continue
        except ReelkeepError as error:
            yield company, error
        except DATABASE_AWAY:
            yield company, DependencyError(f"the database of {company.slug} does not answer")
