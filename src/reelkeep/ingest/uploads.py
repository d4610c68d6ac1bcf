"""One upload from its beginning to a stored version. An upload becomes a job in ``Uploads.complete``.

The bytes go from the client straight to the bucket; this module plans, signs, verifies and records. What has arrived
is always asked of the store (ListParts), never remembered here, so a killed client or process loses nothing.
No database transaction is open while the store is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, exists, func, select

from reelkeep.catalog import assets, audit, folders, grants, members, productions, tables, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.lifecycle import UploadState, VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import Conflict, MediaError, NotFound, RequestError
from reelkeep.ids import AssetId, GrantId, ProductionId, UploadId, VersionId, new_id
from reelkeep.ingest import records
from reelkeep.ingest.file_names import folder_path, true_name
from reelkeep.ingest.parts import PartPlan, plan_parts
from reelkeep.ingest.records import UploadRow
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.storage import crc
from reelkeep.storage.interface import ObjectFacts, ObjectStore, Part, PresignedRequest, Purpose
from reelkeep.storage.layout import original_key
from reelkeep.storage.translate import ChecksumMismatch

PART_LINK_SECONDS: Final = 900
GRANT_LIFE: Final = timedelta(seconds=PART_LINK_SECONDS + 60)  # recorded before the links are signed; outlives them
MAX_SIGNED_PARTS: Final = 100
MAX_CLIENT_KEY_CHARACTERS: Final = 200
SHA256_BYTES: Final = 32
CONTENT_TYPE: Final = "application/octet-stream"  # what it really is, only the sandboxed codec may say


@dataclass(frozen=True)
class UploadView:
    """An upload as its client sees it. ``done_parts`` is what the store holds."""

    row: UploadRow
    done_parts: Sequence[Part]


@dataclass(frozen=True)
class SignedPart:
    number: int
    request: PresignedRequest


class Uploads:
    """The uploads of one company. Every method checks that the user may do it; thread-safe."""

    def __init__(self, company: CompanyHandle, *, link_seconds: int = PART_LINK_SECONDS) -> None:
        self._company = company
        self._link_seconds = link_seconds

    def begin(
        self,
        user: User,
        production_id: ProductionId,
        *,
        file_name: str,
        size_bytes: int,
        client_key: str | None = None,
        folder: str = "",
    ) -> UploadView:
        """Start the upload of a new version, or find the open one of the same file again.

        Args:
            client_key: the client's own name for this file, at most 200 characters; None never finds one again.
            folder: "a/b" below the production's top, made if it is not there.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to upload; nothing was written.
            MediaError: the file is empty; nothing was written.
            RequestError: the name, the size or the client's key does not do; nothing was written.
            StorageSetupError, DependencyError: the bucket does not let us begin; nothing was written.
        """
        name, plan, path = true_name(file_name), plan_parts(size_bytes), folder_path(folder)
        if client_key is not None and not 1 <= len(client_key) <= MAX_CLIENT_KEY_CHARACTERS:
            raise RequestError(f"a client key has 1 to {MAX_CLIENT_KEY_CHARACTERS} characters")
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.UPLOAD)
            found = client_key and records.find_open(conn, user.id, production_id, name, size_bytes, client_key)
        if found:
            view = self._view(found)
            if view.row.state is UploadState.OPEN:
                return view
        return self._start(user, production_id, name, plan, client_key, path)

    def describe(self, user: User, upload_id: UploadId) -> UploadView:
        """Return an upload with the parts that the store holds now.

        An upload that the store has thrown away is closed here: its version becomes *failed*.
        """
        return self._view(self._in_parts(user, upload_id))

    def sign(self, user: User, upload_id: UploadId, parts: Sequence[tuple[int, bytes]]) -> list[SignedPart]:
        """Return one presigned PUT for each (number, CRC-32), all under one grant.

        Raises:
            Conflict: the upload is no longer open.
            RequestError: no parts, more than 100, or a number that the upload does not have; nothing was signed.
        """
        row = self._open(self._in_parts(user, upload_id))
        if not 1 <= len(parts) <= MAX_SIGNED_PARTS:
            raise RequestError(f"ask for 1 to {MAX_SIGNED_PARTS} parts at once")
        sizes = [row.plan.length(number) for number, _ in parts]
        grant = self._grant(row, f"put {len(parts)} parts of upload {row.id}")
        store = self._company.storage.open_links(row.connection_id, Purpose.UPLOAD, row.scope)
        return [
            SignedPart(
                number,
                store.presign_part(
                    row.object_key,
                    row.store_upload_id,
                    number=number,
                    size_bytes=size,
                    crc32=crc32,
                    seconds=self._link_seconds,
                    grant=grant,
                ),
            )
            for (number, crc32), size in zip(parts, sizes, strict=True)
        ]

    def complete(self, user: User, upload_id: UploadId, *, crc32: bytes, sha256: bytes | None) -> VersionId:
        """Put the parts together, verify the whole against the store, and make the version *stored* with its job.

        Safe to repeat: a completed upload answers again with its version.

        Args:
            crc32: of the whole file, as the client read it.
            sha256: of the whole file; kept as the client's claim.

        Raises:
            Conflict: parts are missing, or the upload was given up; it stays as it is.
            ChecksumMismatch: what arrived is not what the client read; the version is *failed*.
            DependencyError: the store does not answer; repeat it.
        """
        if len(crc32) != crc.CRC32_BYTES or (sha256 is not None and len(sha256) != SHA256_BYTES):
            raise RequestError("a CRC-32 has 4 bytes and a SHA-256 has 32")
        row = self._in_parts(user, upload_id)
        if row.state is UploadState.COMPLETED:
            return row.version_id
        self._open(row)
        try:
            facts = self._assemble(row, crc32)
            _verify(row, facts, crc32)
        except ChecksumMismatch as problem:
            self.fail(row, problem)
            raise
        self._stored(user, row, sha256, facts)
        return row.version_id

    def abort(self, user: User, upload_id: UploadId) -> None:
        """Give an open upload up: its version becomes *cancelled*, its parts leave the store.

        Raises:
            Conflict: it is completed already; nothing was changed.
            DependencyError: the rows say so, but the store could not be told; the bucket's lifecycle clears its parts.
        """
        self._give_up(user, self._mine(user, upload_id))

    def abort_version(self, user: User, version_id: VersionId) -> None:
        """Give up the open upload of a version, as an admin of its production may do, too."""
        with self._company.engine.begin() as conn:
            row = records.of_version(conn, version_id)
            if row is None:
                raise NotFound
            action = Action.UPLOAD if row.uploaded_by == user.id else Action.ADMINISTER
            members.require(conn, user, row.production_id, action)
        self._give_up(user, row)

    def _give_up(self, user: User, row: UploadRow) -> None:
        with self._company.engine.begin() as conn:
            records.move(conn, row.id, UploadState.ABORTED)
            versions.move(conn, row.version_id, VersionState.CANCELLED)
            audit.record(conn, "upload.aborted", row.version_id, user.id)
        self._discard(row)

    def _start(
        self,
        user: User,
        production_id: ProductionId,
        name: str,
        plan: PartPlan,
        client_key: str | None,
        path: folders.Path,
    ) -> UploadView:
        placement = self._company.storage.place(production_id)
        upload_id, version_id = UploadId(new_id()), VersionId(new_id())
        with self._company.engine.begin() as conn:
            production = productions.get(conn, production_id)
            folder_id = folders.ensure(conn, production_id, [path])[path]
            asset = assets.find_or_create(conn, production_id, name, folder_id)
            key = original_key(production.slug, production_id, asset.slug, asset.id, version_id, name)
            draft = UploadRow(
                id=upload_id,
                state=UploadState.OPEN,
                store_upload_id="",
                plan=plan,
                version_id=version_id,
                version_number=0,
                version_state=VersionState.UPLOADING,
                asset_id=asset.id,
                production_id=production_id,
                production_slug=production.slug,
                connection_id=placement.connection.id,
                object_key=key,
                uploaded_by=user.id,
            )
        with self._no_empty_asset(asset.id):
            store, grant = self._store(draft), self._grant(draft, f"begin upload {upload_id}")
            draft = replace(draft, store_upload_id=store.create_upload(key, content_type=CONTENT_TYPE, grant=grant))
            row = self._record(user, draft, name, client_key)
        if row.id != upload_id:  # the same client began it twice at once; the first one stands
            self._discard(draft)
            return self._view(row)
        return UploadView(row, ())

    def _record(self, user: User, draft: UploadRow, name: str, client_key: str | None) -> UploadRow:
        size_bytes = draft.plan.size_bytes
        self._company.storage.connection(draft.connection_id)  # it may have been switched off since the upload began
        with self._company.engine.begin() as conn:
            if client_key is not None:
                conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{user.id}{client_key}", 0))))
                if other := records.find_open(conn, user.id, draft.production_id, name, size_bytes, client_key):
                    return other
            versions.create(
                conn,
                draft.asset_id,
                version_id=draft.version_id,
                connection_id=draft.connection_id,
                file_name=name,
                original_key=draft.object_key,
                size_bytes=size_bytes,
                uploaded_by=user.id,
            )
            records.add(
                conn,
                draft.id,
                draft.version_id,
                store_upload_id=draft.store_upload_id,
                part_bytes=draft.plan.part_bytes,
                client_key=client_key,
            )
            audit.record(conn, "upload.begun", draft.version_id, user.id, size_bytes=size_bytes)
            return records.get(conn, draft.id)

    @contextmanager
    def _no_empty_asset(self, asset_id: AssetId) -> Iterator[None]:
        """If the block fails, take away an asset that was made for it and has no version."""
        try:
            yield
        except Exception:
            with self._company.engine.begin() as conn:
                unused = ~exists().where(tables.versions.c.asset_id == asset_id)
                conn.execute(delete(tables.assets).where(tables.assets.c.id == asset_id, unused))
            raise

    def _view(self, row: UploadRow) -> UploadView:
        if row.state is not UploadState.OPEN:
            return UploadView(row, ())
        grant = self._grant(row, f"list the parts of upload {row.id}")
        parts = self._parts(row, grant)
        if parts is not None:
            return UploadView(row, parts)
        problem = MediaError(
            "the store has thrown the unfinished upload away",
            advice="Upload the file again; nothing of it was kept.",
        )
        self.fail(row, problem)
        return UploadView(self._read(row.id), ())

    def _parts(self, row: UploadRow, grant: GrantId) -> Sequence[Part] | None:
        """Return the parts in the store; every planned one if the object is already whole; None if all is gone."""
        store = self._store(row)
        try:
            return store.list_parts(row.object_key, row.store_upload_id, grant=grant)
        except NotFound:
            pass
        try:  # completed at the store, and we died before it was recorded
            store.head(row.object_key, grant=grant)
        except NotFound:
            return None
        return [Part(number, row.plan.length(number), "") for number in range(1, row.plan.count + 1)]

    def _assemble(self, row: UploadRow, crc32: bytes) -> ObjectFacts:
        grant = self._grant(row, f"complete upload {row.id}")
        parts, store = self._parts(row, grant), self._store(row)
        if parts is None:
            raise Conflict("the store has thrown the unfinished upload away", advice="Upload the file again.")
        if all(not part.etag for part in parts) and parts:
            return store.head(row.object_key, grant=grant)
        _check_parts(row.plan, parts)
        _check_crc(parts, crc32)
        return store.complete_upload(row.object_key, row.store_upload_id, parts, crc32=crc32, grant=grant)

    def _stored(self, user: User, row: UploadRow, sha256: bytes | None, facts: ObjectFacts) -> None:
        """Write what has happened and what follows from it, in one transaction."""
        with self._company.engine.begin() as conn:
            if not _still_open(conn, row.id):
                return  # the same client completed it twice at once
            records.move(conn, row.id, UploadState.COMPLETED)
            records.note_etags(conn, {row.version_id: facts.etag})
            if sha256 is not None:
                records.claim_sha256(conn, row.version_id, sha256)
            versions.move(conn, row.version_id, VersionState.STORED)
            audit.record(conn, "version.stored", row.version_id, user.id, size_bytes=row.plan.size_bytes)
            queue.enqueue(conn, JobKind.TRANSCODE, row.version_id)
        self._company.doorbell.ring(JobKind.TRANSCODE)

    def fail(self, row: UploadRow, problem: MediaError) -> None:
        """Close an upload whose file cannot be taken: its version becomes *failed* with this problem."""
        with self._company.engine.begin() as conn:
            if not _still_open(conn, row.id):
                return
            records.move(conn, row.id, UploadState.ABORTED)
            versions.move(conn, row.version_id, VersionState.FAILED, problem)
            audit.record(conn, "upload.failed", row.version_id, row.uploaded_by, code=problem.code)
        self._discard(row)

    def _discard(self, row: UploadRow) -> None:
        """Let the store forget the parts. What was put together stays: an original is never deleted here."""
        if not row.is_in_parts:
            return
        grant = self._grant(row, f"abort upload {row.id}")
        try:
            self._store(row).abort_upload(row.object_key, row.store_upload_id, grant=grant)
        except NotFound:
            return  # already forgotten

    def _in_parts(self, user: User, upload_id: UploadId) -> UploadRow:
        """Return the user's own upload if it is one of parts; others are completed in ``batches`` and ``sequences``."""
        row = self._mine(user, upload_id)
        if not row.is_in_parts:
            raise NotFound
        return row

    def _mine(self, user: User, upload_id: UploadId) -> UploadRow:
        """Return the user's own upload. Another's, and one whose production was taken from the user, is not there."""
        with self._company.engine.begin() as conn:
            row = records.get(conn, upload_id)
            if row.uploaded_by != user.id:
                raise NotFound
            members.require(conn, user, row.production_id, Action.UPLOAD)
            return row

    def _read(self, upload_id: UploadId) -> UploadRow:
        with self._company.engine.begin() as conn:
            return records.get(conn, upload_id)

    def _open(self, row: UploadRow) -> UploadRow:
        if row.state is not UploadState.OPEN:
            raise Conflict(f"this upload is {row.state.value}", advice="Begin the upload again.")
        return row

    def _store(self, row: UploadRow) -> ObjectStore:
        return self._company.storage.open(row.connection_id, Purpose.UPLOAD, row.scope)

    def _grant(self, row: UploadRow, reason: str) -> GrantId:
        expires_at = datetime.now(UTC) + GRANT_LIFE
        with self._company.engine.begin() as conn:
            return grants.record(
                conn, GrantAction.UPLOAD, row.object_key, reason, expires_at=expires_at, user_id=row.uploaded_by
            )


def _still_open(conn: Connection, upload_id: UploadId) -> bool:
    query = select(tables.uploads.c.state).where(tables.uploads.c.id == upload_id).with_for_update()
    return bool(conn.execute(query).scalar_one() == UploadState.OPEN.value)


def _check_parts(plan: PartPlan, parts: Sequence[Part]) -> None:
    held = {part.number: part.size_bytes for part in parts}
    for number in range(1, plan.count + 1):
        if held.get(number) != plan.length(number):
            raise Conflict(f"part {number} of {plan.count} has not arrived", advice="Send the missing parts.")


def _check_crc(parts: Sequence[Part], crc32: bytes) -> None:
    """Compare the checksums that the store kept of the parts with the client's of the whole, where it kept them."""
    known = [(int.from_bytes(part.crc32, "big"), part.size_bytes) for part in parts if part.crc32 is not None]
    if len(known) == len(parts) and crc.to_bytes(crc.combine(known)) != crc32:
        raise ChecksumMismatch


def _verify(row: UploadRow, facts: ObjectFacts, crc32: bytes) -> None:
    if facts.size_bytes != row.plan.size_bytes or facts.crc32 not in (None, crc32):
        raise ChecksumMismatch
