"""The rows of uploads in the company database: written and read here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.lifecycle import UPLOAD_STEPS, UploadState, VersionState, step
from reelkeep.catalog.tables import assets, productions, uploads, versions
from reelkeep.errors import NotFound
from reelkeep.ids import AssetId, ConnectionId, ProductionId, UploadId, UserId, VersionId
from reelkeep.ingest.parts import PartPlan
from reelkeep.storage.layout import production_scope

SMALL: Final = ""  # in place of S3's UploadId: there is none
SEQUENCE: Final = "sequence"  # nor is there one for the frames of a sequence; S3's are far longer


@dataclass(frozen=True)
class NewUpload:
    """A small upload to be recorded."""

    id: UploadId
    version_id: VersionId
    size_bytes: int
    client_key: str


@dataclass(frozen=True)
class UploadRow:
    id: UploadId
    state: UploadState
    store_upload_id: str
    plan: PartPlan
    version_id: VersionId
    version_number: int
    version_state: VersionState
    asset_id: AssetId
    production_id: ProductionId
    production_slug: str
    connection_id: ConnectionId
    object_key: str
    uploaded_by: UserId

    @property
    def is_small(self) -> bool:
        """Tell whether the file goes by one PUT (``ingest.batches``) instead of a multipart upload."""
        return self.store_upload_id == SMALL

    @property
    def is_sequence(self) -> bool:
        """Tell whether the frames of a sequence go by one PUT each (``ingest.sequences``)."""
        return self.store_upload_id == SEQUENCE

    @property
    def is_in_parts(self) -> bool:
        """Tell whether the store knows a multipart upload of it."""
        return not (self.is_small or self.is_sequence)

    @property
    def scope(self) -> str:
        return production_scope(self.production_slug, self.production_id)


def add(
    conn: Connection,
    upload_id: UploadId,
    version_id: VersionId,
    *,
    store_upload_id: str,
    part_bytes: int,
    client_key: str | None,
) -> None:
    """Record an open upload of a version that was just made."""
    row = {"id": upload_id, "version_id": version_id, "state": UploadState.OPEN.value, "client_key": client_key}
    conn.execute(insert(uploads).values(store_upload_id=store_upload_id, part_bytes=part_bytes, **row))


def get(conn: Connection, upload_id: UploadId) -> UploadRow:
    """Return an upload, whoever asks; raise NotFound if there is none."""
    row = conn.execute(_full().where(uploads.c.id == upload_id)).first()
    if row is None:
        raise NotFound
    return _upload(row)


def find_open(
    conn: Connection, user_id: UserId, production_id: ProductionId, file_name: str, size_bytes: int, client_key: str
) -> UploadRow | None:
    """Return the newest open upload of the same file by the same user into the same production."""
    query = _full().where(
        uploads.c.state == UploadState.OPEN.value,
        uploads.c.client_key == client_key,
        uploads.c.store_upload_id.not_in((SMALL, SEQUENCE)),
        versions.c.uploaded_by == user_id,
        versions.c.file_name == file_name,
        versions.c.size_bytes == size_bytes,
        assets.c.production_id == production_id,
    )
    row = conn.execute(query.order_by(uploads.c.created_at.desc()).limit(1)).first()
    return _upload(row) if row else None


def add_small(conn: Connection, new: Sequence[NewUpload]) -> None:
    """Record open uploads of versions that were just made, in one statement."""
    rows = [
        {
            "id": one.id,
            "version_id": one.version_id,
            "state": UploadState.OPEN.value,
            "store_upload_id": SMALL,
            "part_bytes": one.size_bytes,
            "client_key": one.client_key,
        }
        for one in new
    ]
    add_rows(conn, uploads, rows)


def find_open_small(
    conn: Connection, user_id: UserId, production_id: ProductionId, client_keys: Sequence[str]
) -> dict[str, UploadRow]:
    """Return the newest open small upload of each client key, by this user into this production.

    Until the transaction ends, nobody else looks for this user's, so one file that is begun twice at once is one.
    """
    lock = func.hashtextextended(f"{user_id}{production_id}", 0)
    conn.execute(select(func.pg_advisory_xact_lock(lock)))
    query = _full().add_columns(uploads.c.client_key)
    query = query.where(
        uploads.c.state == UploadState.OPEN.value,
        uploads.c.client_key.in_(client_keys),
        uploads.c.store_upload_id == SMALL,
        versions.c.uploaded_by == user_id,
        assets.c.production_id == production_id,
    )
    return {row.client_key: _upload(row) for row in conn.execute(query.order_by(uploads.c.created_at))}


def find_open_sequence(
    conn: Connection, user_id: UserId, production_id: ProductionId, client_key: str
) -> UploadRow | None:
    """Return the newest open upload of a sequence by this user into this production. Locks as ``find_open_small``."""
    lock = func.hashtextextended(f"{user_id}{production_id}", 0)
    conn.execute(select(func.pg_advisory_xact_lock(lock)))
    query = _full().where(
        uploads.c.state == UploadState.OPEN.value,
        uploads.c.client_key == client_key,
        uploads.c.store_upload_id == SEQUENCE,
        versions.c.uploaded_by == user_id,
        assets.c.production_id == production_id,
    )
    row = conn.execute(query.order_by(uploads.c.created_at.desc()).limit(1)).first()
    return _upload(row) if row else None


def open_of_user(
    conn: Connection, user_id: UserId, production_id: ProductionId, client_keys: Sequence[str]
) -> list[UploadRow]:
    """Return the user's open uploads of these files into a production, small or in parts."""
    query = _full().where(
        uploads.c.state == UploadState.OPEN.value,
        uploads.c.client_key.in_(client_keys),
        versions.c.uploaded_by == user_id,
        assets.c.production_id == production_id,
    )
    return [_upload(row) for row in conn.execute(query)]


def find_completed(
    conn: Connection, user_id: UserId, production_id: ProductionId, client_keys: Sequence[str]
) -> dict[str, VersionId]:
    """Return the newest version that came of each client key, by this user into this production, and is not deleted."""
    query = select(uploads.c.client_key, uploads.c.version_id)
    query = query.join(versions, versions.c.id == uploads.c.version_id)
    query = query.join(assets, assets.c.id == versions.c.asset_id)
    query = query.where(
        uploads.c.state == UploadState.COMPLETED.value,
        uploads.c.client_key.in_(client_keys),
        versions.c.state != VersionState.DELETED.value,
        versions.c.uploaded_by == user_id,
        assets.c.production_id == production_id,
    )
    return {row.client_key: VersionId(row.version_id) for row in conn.execute(query.order_by(uploads.c.created_at))}


def of_user(
    conn: Connection, user_id: UserId, production_id: ProductionId, upload_ids: Sequence[UploadId]
) -> dict[UploadId, UploadRow]:
    """Return those of the uploads that are small ones of this user in this production."""
    query = _full().where(
        uploads.c.id.in_(upload_ids),
        uploads.c.store_upload_id == SMALL,
        versions.c.uploaded_by == user_id,
        assets.c.production_id == production_id,
    )
    return {UploadId(row.id): _upload(row) for row in conn.execute(query)}


def complete_many(conn: Connection, upload_ids: Sequence[UploadId]) -> set[UploadId]:
    """Move those of the uploads that are open to *completed*, in one statement; return them."""
    held = select(uploads.c.id).where(uploads.c.id.in_(upload_ids), uploads.c.state == UploadState.OPEN.value)
    locked = held.order_by(uploads.c.id).with_for_update()
    done = update(uploads).where(uploads.c.id.in_(locked)).returning(uploads.c.id)
    values = {"state": UploadState.COMPLETED.value, "completed_at": func.now()}
    return {UploadId(found) for found in conn.scalars(done.values(values))}


def of_version(conn: Connection, version_id: VersionId) -> UploadRow | None:
    """Return the upload of a version."""
    row = conn.execute(_full().where(uploads.c.version_id == version_id)).first()
    return _upload(row) if row else None


def move(conn: Connection, upload_id: UploadId, state: UploadState) -> None:
    """Take one step of ``lifecycle.UPLOAD_STEPS`` and lock the row; a step not allowed raises Conflict."""
    row = conn.execute(select(uploads.c.state).where(uploads.c.id == upload_id).with_for_update()).first()
    if row is None:
        raise NotFound
    new = step(UPLOAD_STEPS, UploadState(row.state), state)
    values: dict[str, Any] = {"state": new.value}
    if new is UploadState.COMPLETED:
        values["completed_at"] = func.now()
    conn.execute(update(uploads).where(uploads.c.id == upload_id).values(values))


def note_etags(conn: Connection, etags: Mapping[VersionId, str | None]) -> None:
    """Keep what the store calls each original as it arrived, so that an audit sees when one was written again."""
    rows = [{"this": version_id, "said": etag} for version_id, etag in etags.items() if etag]
    if rows:
        this = versions.c.id == bindparam("this")
        conn.execute(update(versions).where(this).values(etag=bindparam("said")), rows)


def claim_sha256(conn: Connection, version_id: VersionId, sha256: bytes) -> None:
    """Keep what the client says the whole file's SHA-256 is; a full read may verify it later."""
    conn.execute(update(versions).where(versions.c.id == version_id).values(claimed_sha256=sha256))


def _full() -> Select[Any]:
    return (
        select(
            uploads.c.id,
            uploads.c.state,
            uploads.c.store_upload_id,
            uploads.c.part_bytes,
            uploads.c.version_id,
            versions.c.number,
            versions.c.state.label("version_state"),
            versions.c.size_bytes,
            versions.c.asset_id,
            versions.c.connection_id,
            versions.c.original_key,
            versions.c.uploaded_by,
            assets.c.production_id,
            productions.c.slug.label("production_slug"),
        )
        .join(versions, versions.c.id == uploads.c.version_id)
        .join(assets, assets.c.id == versions.c.asset_id)
        .join(productions, productions.c.id == assets.c.production_id)
    )


def _upload(row: Row[Any]) -> UploadRow:
    return UploadRow(
        id=UploadId(row.id),
        state=UploadState(row.state),
        store_upload_id=row.store_upload_id,
        plan=PartPlan(row.size_bytes, row.part_bytes),
        version_id=VersionId(row.version_id),
        version_number=row.number,
        version_state=VersionState(row.version_state),
        asset_id=AssetId(row.asset_id),
        production_id=ProductionId(row.production_id),
        production_slug=row.production_slug,
        connection_id=ConnectionId(row.connection_id),
        object_key=row.original_key,
        uploaded_by=UserId(row.uploaded_by),
    )
