"""Uploads that nobody will finish: given up in the database after two weeks, and forgotten by the store.

What the store lists is the truth here, too: an unfinished upload that no open row knows was left by a process that died
between the store and the database, or by an abort that the store did not hear of. Its parts cost money until somebody
aborts it. Keys that were not made here are somebody else's and are left alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from reelkeep.catalog import audit, grants, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.lifecycle import UploadState, VersionState
from reelkeep.catalog.tables import uploads
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import MediaError, NotFound, ReelkeepError
from reelkeep.ids import ConnectionId, GrantId, UploadId, VersionId
from reelkeep.ingest import records
from reelkeep.jobs.interface import Hold, Job
from reelkeep.jobs.transactions import transaction
from reelkeep.storage.interface import ObjectStore, Purpose, UnfinishedUpload
from reelkeep.storage.layout import is_original_key

# The largest object of S3, 5 TB, takes 10.3 days over a line of 45 Mbit/s, and it may be paused over a weekend.
GIVE_UP_AFTER: Final = timedelta(days=14)
# Between the store's answer and the row lie seconds; a day forgives every clock and every stuck process.
UNKNOWN_AFTER: Final = timedelta(days=1)
GRANT_LIFE: Final = timedelta(hours=1)
SCOPE: Final = "originals/"


class NeverFinished(MediaError):
    """The upload was not finished within two weeks and was given up."""

    default_advice = "Upload the file again as a new version."


def give_up(conn: Connection) -> list[VersionId]:
    """Close every upload that has been open for two weeks; its version becomes *cancelled* and says why."""
    old = (uploads.c.state == UploadState.OPEN.value, uploads.c.created_at < func.now() - GIVE_UP_AFTER)
    query = select(uploads.c.id, uploads.c.version_id).where(*old).with_for_update(skip_locked=True)
    given_up = []
    for row in conn.execute(query).all():
        records.move(conn, UploadId(row.id), UploadState.ABORTED)
        versions.move(conn, row.version_id, VersionState.CANCELLED, NeverFinished())
        audit.record(conn, "upload.abandoned", row.version_id, None)
        given_up.append(VersionId(row.version_id))
    return given_up


def sweep(company: CompanyHandle, job: Job, hold: Hold, *, unknown_after: timedelta = UNKNOWN_AFTER) -> None:
    """Give old uploads up, and abort at every connection what no open upload knows.

    Args:
        unknown_after: how old an upload that no row knows must be.

    Raises:
        StorageSetupError, DependencyError: a connection does not let us; the others were swept all the same.
    """
    with transaction(company.engine) as conn:
        give_up(conn)
    problem: ReelkeepError | None = None
    for connection in company.storage.connections():
        hold.check()
        try:
            _end_unknown(company, job, hold, connection.id, datetime.now(UTC) - unknown_after)
        except ReelkeepError as error:
            hold.check()
            problem = problem or error
    if problem is not None:
        raise problem


def _end_unknown(
    company: CompanyHandle, job: Job, hold: Hold, connection_id: ConnectionId, begun_before: datetime
) -> None:
    store = company.storage.open(connection_id, Purpose.END_UPLOADS, SCOPE)
    listing = _grant(company, job, GrantAction.LIST, "list unfinished uploads")
    left = [each for each in _unknown(company, store, listing) if each.begun_at < begun_before]
    if not left:
        return
    aborting = _grant(company, job, GrantAction.DELETE, "abort unfinished uploads that no row knows")
    for upload in left:
        hold.check()
        try:
            store.abort_upload(upload.key, upload.upload_id, grant=aborting)
        except NotFound:
            continue  # it ended by itself


def _unknown(company: CompanyHandle, store: ObjectStore, grant: GrantId) -> list[UnfinishedUpload]:
    found = list(store.list_uploads(SCOPE, grant=grant))
    with transaction(company.engine) as conn:  # after the listing: what began meanwhile is known by now, or too young
        known = set(conn.scalars(select(uploads.c.store_upload_id).where(uploads.c.state == UploadState.OPEN.value)))
    return [each for each in found if each.upload_id not in known and is_original_key(each.key)]


def _grant(company: CompanyHandle, job: Job, action: GrantAction, what: str) -> GrantId:
    expires_at = datetime.now(UTC) + GRANT_LIFE
    with transaction(company.engine) as conn:
        return grants.record(conn, action, SCOPE, f"sweep job {job.id}: {what}", expires_at=expires_at, job_id=job.id)
