"""Downloads of originals: one grant and one presigned request for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import distinct_on

from reelkeep.catalog import audit, folders, grants, productions
from reelkeep.catalog import image_sequences as image_sequences_of
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.people import User
from reelkeep.catalog.tables import assets, image_sequences, versions
from reelkeep.catalog.versions import VersionRow
from reelkeep.errors import Conflict, NotFound, RequestError
from reelkeep.ids import AssetId, ConnectionId, FolderId, GrantId, ProductionId, VersionId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import PresignedRequest, Purpose
from reelkeep.storage.layout import production_scope

LINK_SECONDS: Final = 900
GRANT_LIFE: Final = timedelta(seconds=LINK_SECONDS + 60)  # it is recorded before the link is signed, and outlives it
MAX_LINKS: Final = 100


@dataclass(frozen=True)
class Original:
    """What can be downloaded of an asset: its newest version whose original is stored."""

    asset_id: AssetId
    version_id: VersionId
    folder: folders.Path
    file_name: str
    size_bytes: int
    sha256: bytes | None
    frames: int = 0  # of an image sequence, which is as many files


@dataclass(frozen=True)
class Download:
    connection_id: ConnectionId
    original_key: str
    file_name: str
    scope: str
    grant: GrantId


def of_production(conn: Connection, production_id: ProductionId, *, after: str, limit: int) -> list[Original]:
    """Return originals by asset id, from the one after ``after`` on; the caller has checked the user's right."""
    query = select(
        versions.c.asset_id,
        versions.c.id,
        versions.c.file_name,
        versions.c.size_bytes,
        versions.c.verified_sha256,
        versions.c.claimed_sha256,
        assets.c.folder_id,
        image_sequences.c.files,
    ).join(assets, assets.c.id == versions.c.asset_id)
    query = query.outerjoin(image_sequences, image_sequences.c.version_id == versions.c.id)
    query = query.where(assets.c.production_id == production_id, assets.c.id > after, versions.c.stored_at.is_not(None))
    query = query.ext(distinct_on(versions.c.asset_id)).order_by(versions.c.asset_id, versions.c.number.desc())
    paths = folders.paths(conn, production_id)
    return [
        Original(
            asset_id=AssetId(row.asset_id),
            version_id=VersionId(row.id),
            folder=paths[FolderId(row.folder_id) if row.folder_id else None],
            file_name=row.file_name,
            size_bytes=row.size_bytes,
            sha256=row.verified_sha256 or row.claimed_sha256,
            frames=row.files or 0,
        )
        for row in conn.execute(query.limit(limit))
    ]


def prepare(conn: Connection, storage: CompanyStorage, user: User, version: VersionRow) -> Download:
    """Record the grant of a download; the caller has checked the user's right to it.

    Raises:
        Conflict: the original is not stored; nothing was written.
        StorageSetupError: its storage connection has been removed; nothing was written.
    """
    (download,) = prepare_many(conn, storage, user, version.production_id, [version.id])
    return download


def prepare_many(
    conn: Connection,
    storage: CompanyStorage,
    user: User,
    production_id: ProductionId,
    version_ids: Sequence[VersionId],
) -> list[Download]:
    """Record the grants of downloads from one production; the caller has checked the user's right to it.

    Raises:
        NotFound: a version is not there, or not of this production; nothing was written.
        RequestError: none, or more than MAX_LINKS; nothing was written.
        Conflict, StorageSetupError: as of ``prepare``, for any of them; nothing was written.
    """
    if not 1 <= len(version_ids) <= MAX_LINKS:
        raise RequestError(f"ask for 1 to {MAX_LINKS} downloads at once")
    production = productions.get(conn, production_id)
    columns = versions.c.id, versions.c.connection_id, versions.c.original_key, versions.c.file_name
    query = select(*columns, versions.c.stored_at, image_sequences.c.files)
    query = query.join(assets, assets.c.id == versions.c.asset_id)
    query = query.outerjoin(image_sequences, image_sequences.c.version_id == versions.c.id)
    query = query.where(assets.c.production_id == production_id, versions.c.id.in_(version_ids))
    rows = {row.id: row for row in conn.execute(query)}
    for version_id in version_ids:
        if version_id not in rows:
            raise NotFound
        if rows[version_id].stored_at is None:
            raise _not_arrived()
        if rows[version_id].files is not None:
            raise Conflict(
                f"this is an image sequence of {rows[version_id].files:,} files",
                advice="Fetch the folder with `reelkeep download` and the id of the version.",
            )
        storage.connection(ConnectionId(rows[version_id].connection_id))
    end = datetime.now(UTC) + GRANT_LIFE
    given = [(rows[version_id].original_key, f"download of version {version_id}") for version_id in version_ids]
    granted = grants.record_many(conn, GrantAction.DOWNLOAD, given, expires_at=end, user_id=user.id)
    pairs = list(zip(version_ids, granted, strict=True))
    audit.record_many(conn, "version.download_granted", user.id, [(one, {"grant": grant}) for one, grant in pairs])
    scope = production_scope(production.slug, production.id)
    found = [(rows[version_id], grant) for version_id, grant in pairs]
    return [Download(row.connection_id, row.original_key, row.file_name, scope, grant) for row, grant in found]


def prepare_frames(
    conn: Connection, storage: CompanyStorage, user: User, version: VersionRow, numbers: Sequence[int]
) -> list[Download]:
    """Record one grant for frames of a sequence; the caller has checked the user's right to it.

    Raises:
        NotFound: a frame is not there; nothing was written.
        RequestError, Conflict, StorageSetupError: as of ``prepare_many``; nothing was written.
    """
    if not 1 <= len(numbers) <= MAX_LINKS:
        raise RequestError(f"ask for 1 to {MAX_LINKS} downloads at once")
    if version.stored_at is None:
        raise _not_arrived()
    storage.connection(version.connection_id)
    frames = {frame.number: frame for frame in image_sequences_of.frames_of(conn, version.id, numbers)}
    if not frames.keys() >= set(numbers):
        raise NotFound
    production = productions.get(conn, version.production_id)
    scope = production_scope(production.slug, production.id)
    reason = f"download of {len(numbers)} frames of version {version.id}"
    end = datetime.now(UTC) + GRANT_LIFE
    grant = grants.record(conn, GrantAction.DOWNLOAD, version.original_key, reason, expires_at=end, user_id=user.id)
    audit.record(conn, "version.download_granted", version.id, user.id, grant=grant)
    found = [frames[number] for number in numbers]
    return [Download(version.connection_id, one.object_key, one.file_name, scope, grant) for one in found]


def _not_arrived() -> Conflict:
    return Conflict("the original has not arrived yet", advice="Wait until the upload is complete.")


def sign(storage: CompanyStorage, download: Download) -> PresignedRequest:
    """Return the request the client makes itself. Call it after the grant was committed."""
    store = storage.open_links(download.connection_id, Purpose.DOWNLOAD, download.scope)
    return store.presign_get(
        download.original_key, file_name=download.file_name, seconds=LINK_SECONDS, grant=download.grant
    )
