"""Many small files at once: each goes into the bucket by one PUT, and up to a hundred share each call of the API.

A frame of a sequence is not worth a multipart upload of its own. Its link is signed for exactly these bytes (length and
CRC-32 are signed headers) and never replaces an object (``If-None-Match: *``), so a link that is used twice, or late,
changes nothing. What has arrived is asked of the store, here as in ``uploads``; no transaction is open meanwhile.
An object whose upload was given up after its bytes had arrived stays in the bucket: an original is never deleted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from reelkeep.catalog import assets, audit, folders, grants, members, productions, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.lifecycle import UploadState
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.catalog.versions import NewVersion
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import Conflict, MediaError, NotFound, ReelkeepError, RequestError
from reelkeep.ids import ConnectionId, GrantId, ProductionId, UploadId, VersionId, new_id
from reelkeep.ingest import records
from reelkeep.ingest.file_names import folder_path, true_name
from reelkeep.ingest.records import NewUpload, UploadRow
from reelkeep.ingest.uploads import (
    CONTENT_TYPE,
    GRANT_LIFE,
    MAX_CLIENT_KEY_CHARACTERS,
    PART_LINK_SECONDS,
    SHA256_BYTES,
    Uploads,
)
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.storage import crc
from reelkeep.storage.interface import Capability, ObjectFacts, PresignedRequest, Purpose
from reelkeep.storage.layout import original_key, production_scope
from reelkeep.storage.translate import ChecksumMismatch, PartsOnly

MAX_FILES: Final = 100
MAX_KEYS: Final = 1_000
MAX_SMALL_BYTES: Final = 32 << 20  # a 2K or 4K frame of a sequence; what is larger is worth sending in parts
HEADS_AT_ONCE: Final = 4


@dataclass(frozen=True)
class SmallFile:
    folder: str  # "a/b", "" for the top
    file_name: str
    size_bytes: int
    crc32: bytes
    sha256: bytes | None
    client_key: str


@dataclass(frozen=True)
class Begun:
    upload_id: UploadId
    version_id: VersionId
    asset_id: str
    request: PresignedRequest


@dataclass(frozen=True)
class _Named:
    """A file whose name and size will do."""

    path: folders.Path
    name: str
    file: SmallFile


class Batches:
    """The small files of one company. Every method checks that the user may do it; thread-safe."""

    def __init__(self, company: CompanyHandle) -> None:
        self._company = company
        self._single = Uploads(company)

    def known(self, user: User, production_id: ProductionId, client_keys: Sequence[str]) -> Mapping[str, VersionId]:
        """Return which of a client's files it has uploaded before, whole: client key to version.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to upload.
            RequestError: more than MAX_KEYS at once.
        """
        if len(client_keys) > MAX_KEYS:
            raise RequestError(f"ask for at most {MAX_KEYS} files at once")
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.UPLOAD)
            return records.find_completed(conn, user.id, production_id, client_keys)

    def begin(self, user: User, production_id: ProductionId, files: Sequence[SmallFile]) -> list[Begun | ReelkeepError]:
        """Start an upload for each file, or find its open one again; return a link, or what is wrong with the file.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to upload; nothing was written.
            RequestError: no files, or more than MAX_FILES; nothing was written.
            PartsOnly: the production's store is not fit for this; nothing was written.
        """
        if not 1 <= len(files) <= MAX_FILES:
            raise RequestError(f"send 1 to {MAX_FILES} files at once")
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.UPLOAD)  # before anything is said of its storage
        placement = self._company.storage.place(production_id)
        if not {Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32} <= placement.connection.capabilities:
            raise PartsOnly("this bucket takes files in parts only")
        named = [_named(file) for file in files]
        wanted = {one.file.client_key: one for one in named if isinstance(one, _Named)}
        with self._company.engine.begin() as conn:
            rows = records.find_open_small(conn, user.id, production_id, list(wanted))
            rows = {key: row for key, row in rows.items() if row.plan.size_bytes == wanted[key].file.size_bytes}
            new = {key: one for key, one in wanted.items() if key not in rows}
            rows.update(self._make(conn, user, production_id, new, placement.connection.id))
            given = [(row.object_key, f"put upload {row.id}") for row in rows.values()]
            grant_ids = grants.record_many(conn, GrantAction.UPLOAD, given, expires_at=_grant_end(), user_id=user.id)
        granted = {key: (row, grant) for (key, row), grant in zip(rows.items(), grant_ids, strict=True)}
        return [
            one if isinstance(one, ReelkeepError) else self._sign(one.file, *granted[one.file.client_key])
            for one in named
        ]

    def complete(
        self, user: User, production_id: ProductionId, arrived: Mapping[UploadId, bytes]
    ) -> dict[UploadId, VersionId | ReelkeepError]:
        """Verify each upload against the store and make its version *stored* with its job. Safe to repeat.

        Args:
            arrived: upload to the CRC-32 of the file, as the client read it.

        Returns:
            For each upload its version, or what is wrong: NotFound for another's; Conflict if it has not arrived (it
            stays open) or was given up; ChecksumMismatch if the bytes are others (its version is *failed*).

        Raises:
            NotFound, Forbidden: not the user's production, or no right to upload.
            DependencyError: the store does not answer; nothing was changed, repeat it.
        """
        if not 1 <= len(arrived) <= MAX_FILES or any(len(crc32) != crc.CRC32_BYTES for crc32 in arrived.values()):
            raise RequestError(f"name 1 to {MAX_FILES} uploads at once, each with a CRC-32 of 4 bytes")
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.UPLOAD)
            slug = productions.get(conn, production_id).slug
            rows = records.of_user(conn, user.id, production_id, list(arrived))
            if not rows:
                return {upload_id: NotFound() for upload_id in arrived}
            scope = production_scope(slug, production_id)
            reason = f"verify {len(rows)} uploads"
            grant = grants.record(conn, GrantAction.UPLOAD, scope, reason, expires_at=_grant_end(), user_id=user.id)
        outcome: dict[UploadId, VersionId | ReelkeepError] = {upload_id: NotFound() for upload_id in arrived}
        opened = [row for row in rows.values() if row.state is UploadState.OPEN]
        for row in rows.values():
            outcome[row.id] = row.version_id if row.state is UploadState.COMPLETED else _given_up()
        facts = self._heads(opened, grant)
        whole = [row for row in opened if _is_whole(row, facts[row.id], arrived[row.id])]
        self._store(user, production_id, whole, {row.version_id: _etag(facts[row.id]) for row in whole})
        for row in opened:
            outcome[row.id] = row.version_id if row in whole else self._refuse(row, facts[row.id])
        return outcome

    def give_up(self, user: User, production_id: ProductionId, client_keys: Sequence[str]) -> list[VersionId]:
        """Give up the user's open uploads of these files, small or in parts; return their versions, *cancelled* now."""
        if len(client_keys) > MAX_KEYS:
            raise RequestError(f"name at most {MAX_KEYS} files at once")
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.UPLOAD)
            found = records.open_of_user(conn, user.id, production_id, client_keys)
        for row in found:
            self._single.abort(user, row.id)
        return [row.version_id for row in found]

    def _make(
        self,
        conn: Connection,
        user: User,
        production_id: ProductionId,
        new: Mapping[str, _Named],
        connection_id: ConnectionId,
    ) -> dict[str, UploadRow]:
        if not new:
            return {}
        production = productions.get(conn, production_id)
        made = folders.ensure(conn, production_id, {one.path for one in new.values()})
        places = {(made[one.path], one.name) for one in new.values()}
        found = assets.find_or_create_many(conn, production_id, places)
        fresh: list[tuple[NewVersion, NewUpload]] = []
        for key, one in new.items():
            asset, version_id = found[made[one.path], one.name], VersionId(new_id())
            object_key = original_key(production.slug, production_id, asset.slug, asset.id, version_id, one.name)
            version = NewVersion(
                id=version_id,
                asset_id=asset.id,
                connection_id=connection_id,
                file_name=one.name,
                original_key=object_key,
                size_bytes=one.file.size_bytes,
                uploaded_by=user.id,
                claimed_sha256=one.file.sha256,
            )
            fresh.append((version, NewUpload(UploadId(new_id()), version_id, one.file.size_bytes, key)))
        versions.create_many(conn, production_id, [version for version, _ in fresh])
        records.add_small(conn, [upload for _, upload in fresh])
        details = [(version.id, {"size_bytes": version.size_bytes}) for version, _ in fresh]
        audit.record_many(conn, "upload.begun", user.id, details)
        return records.find_open_small(conn, user.id, production_id, list(new))

    def _sign(self, file: SmallFile, row: UploadRow, grant: GrantId) -> Begun:
        store = self._company.storage.open_links(row.connection_id, Purpose.UPLOAD, row.scope)
        request = store.presign_put(
            row.object_key,
            size_bytes=file.size_bytes,
            crc32=file.crc32,
            content_type=CONTENT_TYPE,
            seconds=PART_LINK_SECONDS,
            grant=grant,
        )
        return Begun(row.id, row.version_id, row.asset_id, request)

    def _heads(self, rows: Sequence[UploadRow], grant: GrantId) -> dict[UploadId, ObjectFacts | None]:
        """Return what the store holds of each upload; None where nothing has arrived."""

        def head(row: UploadRow) -> ObjectFacts | None:
            store = self._company.storage.open(row.connection_id, Purpose.UPLOAD, row.scope)
            try:
                return store.head(row.object_key, grant=grant)
            except NotFound:
                return None

        with ThreadPoolExecutor(HEADS_AT_ONCE, "head") as pool:
            return dict(zip((row.id for row in rows), pool.map(head, rows), strict=True))

    def _store(
        self, user: User, production_id: ProductionId, rows: Sequence[UploadRow], etags: Mapping[VersionId, str | None]
    ) -> None:
        """Write what has happened and what follows from it, in one transaction."""
        if not rows:
            return
        sizes = {row.version_id: row.plan.size_bytes for row in rows}
        with self._company.engine.begin() as conn:
            closed = records.complete_many(conn, [row.id for row in rows])  # less those that another call has closed
            moved = versions.store_many(conn, production_id, [row.version_id for row in rows if row.id in closed])
            details = [(version_id, {"size_bytes": sizes[version_id]}) for version_id in moved]
            audit.record_many(conn, "version.stored", user.id, details)
            records.note_etags(conn, {version_id: etags[version_id] for version_id in moved})
            queue.enqueue_many(conn, JobKind.TRANSCODE, moved)
        self._company.doorbell.ring(JobKind.TRANSCODE)

    def _refuse(self, row: UploadRow, facts: ObjectFacts | None) -> ReelkeepError:
        if facts is None:
            return Conflict("the file has not arrived", advice="Send it.")
        problem = ChecksumMismatch("the bytes that arrived in the bucket are not the bytes of the file")
        self._single.fail(row, problem)
        return problem


def _named(file: SmallFile) -> _Named | ReelkeepError:
    try:
        if file.size_bytes < 1:
            raise MediaError("the file is empty", advice="Export the file again and upload it once it has a size.")
        if file.size_bytes > MAX_SMALL_BYTES:
            raise RequestError(f"a file above {MAX_SMALL_BYTES >> 20} MiB is uploaded in parts")
        if not 1 <= len(file.client_key) <= MAX_CLIENT_KEY_CHARACTERS:
            raise RequestError(f"a client key has 1 to {MAX_CLIENT_KEY_CHARACTERS} characters")
        if len(file.crc32) != crc.CRC32_BYTES or len(file.sha256 or b"0" * SHA256_BYTES) != SHA256_BYTES:
            raise RequestError("a CRC-32 has 4 bytes and a SHA-256 has 32")
        return _Named(folder_path(file.folder), true_name(file.file_name), file)
    except ReelkeepError as problem:
        return problem


def _is_whole(row: UploadRow, facts: ObjectFacts | None, crc32: bytes) -> bool:
    return facts is not None and facts.size_bytes == row.plan.size_bytes and facts.crc32 == crc32


def _etag(facts: ObjectFacts | None) -> str | None:
    return facts.etag if facts else None


def _given_up() -> Conflict:
    return Conflict("this upload was given up", advice="Begin the upload again.")


def _grant_end() -> datetime:
    return datetime.now(UTC) + GRANT_LIFE
