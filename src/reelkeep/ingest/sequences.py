"""The upload of an image sequence: one version whose original is a set of objects, one for each frame.

Each frame goes by one PUT, as small files do (``batches``), a hundred to a call; its row says which bytes were meant
and whether they were seen in the bucket. The version becomes *stored* when every frame was: a client that was killed
begins again with the same key and is told frame by frame what is there. Whether a set of files is a sequence is
decided here, by the rules of ``reelkeep.sequences``; what the client counted is compared with what came.
Frames of an upload that was given up stay in the bucket: an original is never deleted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from reelkeep.catalog import assets, audit, folders, grants, image_sequences, members, productions, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.image_sequences import FrameRow, SequenceRow
from reelkeep.catalog.lifecycle import UploadState, VersionState
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import Conflict, MediaError, NotFound, ReelkeepError, RequestError, StorageSetupError
from reelkeep.ids import GrantId, ProductionId, UploadId, VersionId, new_id
from reelkeep.ingest import records
from reelkeep.ingest.file_names import folder_path, true_name
from reelkeep.ingest.records import SEQUENCE, UploadRow
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
from reelkeep.media import FrameRate
from reelkeep.sequences import (
    MAX_FRAME_BYTES,
    MAX_FRAMES_OF_SEQUENCE,
    MAX_MISSING_IN_A_ROW,
    FrameName,
    frame_name,
    gaps,
    pattern_name,
)
from reelkeep.storage import crc
from reelkeep.storage.interface import Capability, ObjectFacts, PresignedRequest, Purpose
from reelkeep.storage.layout import frame_key, original_scope
from reelkeep.storage.translate import ChecksumMismatch

MAX_FRAMES_AT_ONCE: Final = 100
HEADS_AT_ONCE: Final = 4
MAX_SEQUENCE_RATE: Final = 240


@dataclass(frozen=True)
class NewSequence:
    """What a client has found in a folder."""

    folder: str  # "a/b", "" for the top
    first_file: str
    last_file: str
    files: int
    size_bytes: int
    rate: FrameRate
    client_key: str


@dataclass(frozen=True)
class FrameFile:
    """One frame that the client wants to send."""

    file_name: str
    size_bytes: int
    crc32: bytes
    sha256: bytes | None


@dataclass(frozen=True)
class SequenceView:
    """An upload as its client sees it."""

    upload_id: UploadId
    version_id: VersionId
    asset_id: str
    state: UploadState
    name: str
    stored_frames: int


@dataclass(frozen=True)
class Wanted:
    """A frame that has not arrived, and the link by which it is sent."""

    number: int
    request: PresignedRequest


@dataclass(frozen=True)
class Held:
    """A frame that was seen in the bucket."""

    number: int


class Sequences:
    """The uploads of sequences of one company. Every method checks that the user may do it; thread-safe."""

    def __init__(self, company: CompanyHandle) -> None:
        self._company = company
        self._single = Uploads(company)

    def begin(self, user: User, production_id: ProductionId, new: NewSequence) -> SequenceView:
        """Start the upload of a new version, or find the client's open one again.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to upload; nothing was written.
            RequestError: the files are no sequence, or it is larger than is taken; nothing was written.
            StorageSetupError: the production's store is not fit for this; nothing was written.
        """
        first, last = _checked(new)
        path = folder_path(new.folder)
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.UPLOAD)  # before anything is said of its storage
        placement = self._company.storage.place(production_id)
        if not {Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32} <= placement.connection.capabilities:
            raise StorageSetupError(
                "this bucket takes files in parts only, so it takes no image sequences",
                advice="Upload a film made of the pictures, or ask your cloud team for a store with conditional PUT.",
            )
        name = pattern_name([first, last])
        with self._company.engine.begin() as conn:
            row = records.find_open_sequence(conn, user.id, production_id, new.client_key)
            if row is None or row.plan.size_bytes != new.size_bytes:
                production = productions.get(conn, production_id)
                folder_id = folders.ensure(conn, production_id, [path])[path]
                asset = assets.find_or_create(conn, production_id, name, folder_id)
                version_id, upload_id = VersionId(new_id()), UploadId(new_id())
                scope = original_scope(production.slug, production_id, asset.slug, asset.id, version_id)
                versions.create(
                    conn, asset.id, version_id=version_id, connection_id=placement.connection.id, file_name=name,
                    original_key=scope, size_bytes=new.size_bytes, uploaded_by=user.id,
                )  # fmt: skip
                sequence = SequenceRow(first.kind, new.rate, new.files, first.number, last.number)
                image_sequences.create(conn, version_id, sequence)
                records.add(
                    conn, upload_id, version_id, store_upload_id=SEQUENCE, part_bytes=new.size_bytes,
                    client_key=new.client_key,
                )  # fmt: skip
                audit.record(conn, "upload.begun", version_id, user.id, size_bytes=new.size_bytes, files=new.files)
                row = records.get(conn, upload_id)
            stored = image_sequences.count_stored(conn, row.version_id)
        return SequenceView(row.id, row.version_id, row.asset_id, row.state, name, stored)

    def sign(self, user: User, upload_id: UploadId, files: Sequence[FrameFile]) -> list[Wanted | Held | ReelkeepError]:
        """Return for each frame a link to send it by, that it is there, or what is wrong with it; in the same order.

        Raises:
            NotFound: no such upload of this user.
            Conflict: the upload is no longer open.
            RequestError: no files, or more than MAX_FRAMES_AT_ONCE; nothing was written.
        """
        if not 1 <= len(files) <= MAX_FRAMES_AT_ONCE:
            raise RequestError(f"send 1 to {MAX_FRAMES_AT_ONCE} frames at once")
        with self._company.engine.begin() as conn:
            row = self._open(conn, user, upload_id)
            sequence = image_sequences.get(conn, row.version_id)
            meant = [_frame(file, row, sequence) for file in files]
            fresh = [one for one in meant if isinstance(one, FrameRow)]
            held = image_sequences.add_frames(conn, row.version_id, fresh)
            grant = self._grant(conn, row, f"put {len(fresh)} frames of upload {upload_id}")
        return [
            one if isinstance(one, ReelkeepError) else self._answer(row, one, held[one.number], grant) for one in meant
        ]

    def arrived(self, user: User, upload_id: UploadId, sums: Mapping[int, bytes]) -> dict[int, ReelkeepError | None]:
        """Look for frames in the bucket and keep what was seen; return what is wrong with each, None for nothing.

        Raises:
            NotFound, Conflict, RequestError: as of ``sign``.
            DependencyError: the store does not answer; nothing was changed, repeat it.
        """
        if not 1 <= len(sums) <= MAX_FRAMES_AT_ONCE:
            raise RequestError(f"name 1 to {MAX_FRAMES_AT_ONCE} frames at once")
        with self._company.engine.begin() as conn:
            row = self._open(conn, user, upload_id)
            meant = image_sequences.frames_of(conn, row.version_id, list(sums))
            grant = self._grant(conn, row, f"verify {len(meant)} frames of upload {upload_id}")
        facts = self._heads(row, meant, grant)
        outcome: dict[int, ReelkeepError | None] = {number: NotFound() for number in sums}
        for frame in meant:
            outcome[frame.number] = _wrong(frame, facts[frame.number], sums[frame.number])
        whole = [number for number, problem in outcome.items() if problem is None]
        with self._company.engine.begin() as conn:
            image_sequences.mark_stored(conn, row.version_id, whole)
        broken = next((problem for problem in outcome.values() if isinstance(problem, ChecksumMismatch)), None)
        if broken is not None:
            self._single.fail(row, broken)
        return outcome

    def complete(self, user: User, upload_id: UploadId) -> VersionId:
        """Make the version *stored* with its job, once every frame was seen in the bucket. Safe to repeat.

        Raises:
            NotFound: no such upload of this user.
            Conflict: frames are missing, or the upload was given up; it stays as it is.
            RequestError: the frames that came are not those that were told of, or a hole is too large.
        """
        with self._company.engine.begin() as conn:
            row = self._mine(conn, user, upload_id)
            if row.state is UploadState.COMPLETED:
                return row.version_id
            row = self._open(conn, user, upload_id)
            sequence = image_sequences.get(conn, row.version_id)
            stored = image_sequences.stored(conn, row.version_id)
            holes = _holes(sequence, stored.numbers)
            if stored.size_bytes != row.plan.size_bytes:
                raise RequestError(
                    "the frames that arrived have another size in all than was said", advice="Upload them again."
                )
            records.move(conn, row.id, UploadState.COMPLETED)
            image_sequences.settle(conn, row.version_id, holes)
            versions.move(conn, row.version_id, VersionState.STORED)
            size_bytes, files = row.plan.size_bytes, sequence.files
            audit.record(conn, "version.stored", row.version_id, user.id, size_bytes=size_bytes, files=files)
            queue.enqueue(conn, JobKind.TRANSCODE, row.version_id)
        self._company.doorbell.ring(JobKind.TRANSCODE)
        return row.version_id

    def _answer(self, row: UploadRow, meant: FrameRow, held: FrameRow, grant: GrantId) -> Wanted | Held | ReelkeepError:
        if held.file_name != meant.file_name:
            return RequestError(
                f"two files have the number {meant.number}: {held.file_name} and {meant.file_name}",
                advice="Move one of them away, or upload the files one by one.",
            )
        if (held.size_bytes, held.crc32) != (meant.size_bytes, meant.crc32):
            return Conflict(
                f"{meant.file_name} has changed since the upload was begun",
                advice="Cancel the upload and begin it again.",
            )
        if held.is_stored:
            return Held(meant.number)
        store = self._company.storage.open_links(row.connection_id, Purpose.UPLOAD, row.scope)
        request = store.presign_put(
            held.object_key,
            size_bytes=held.size_bytes,
            crc32=held.crc32,
            content_type=CONTENT_TYPE,
            seconds=PART_LINK_SECONDS,
            grant=grant,
        )
        return Wanted(meant.number, request)

    def _heads(self, row: UploadRow, meant: Sequence[FrameRow], grant: GrantId) -> dict[int, ObjectFacts | None]:
        """Return what the store holds of each frame; None where nothing has arrived."""
        store = self._company.storage.open(row.connection_id, Purpose.UPLOAD, row.scope)

        def head(frame: FrameRow) -> ObjectFacts | None:
            try:
                return store.head(frame.object_key, grant=grant)
            except NotFound:
                return None

        with ThreadPoolExecutor(HEADS_AT_ONCE, "head") as pool:
            return dict(zip((frame.number for frame in meant), pool.map(head, meant), strict=True))

    def _mine(self, conn: Connection, user: User, upload_id: UploadId) -> UploadRow:
        row = records.get(conn, upload_id)
        if row.uploaded_by != user.id or not row.is_sequence:
            raise NotFound
        members.require(conn, user, row.production_id, Action.UPLOAD)
        return row

    def _open(self, conn: Connection, user: User, upload_id: UploadId) -> UploadRow:
        row = self._mine(conn, user, upload_id)
        if row.state is not UploadState.OPEN:
            raise Conflict(f"this upload is {row.state.value}", advice="Begin the upload again.")
        return row

    def _grant(self, conn: Connection, row: UploadRow, reason: str) -> GrantId:
        end = datetime.now(UTC) + GRANT_LIFE
        return grants.record(conn, GrantAction.UPLOAD, row.object_key, reason, expires_at=end, user_id=row.uploaded_by)


def _checked(new: NewSequence) -> tuple[FrameName, FrameName]:
    first, last = frame_name(true_name(new.first_file)), frame_name(true_name(new.last_file))
    if first is None or last is None or first.family != last.family:
        raise RequestError(
            "these files are not one image sequence: their names must differ in one number alone",
            advice="Name them like shot.1001.exr, or upload the files one by one.",
        )
    span = last.number - first.number + 1
    if not 2 <= new.files <= min(span, MAX_FRAMES_OF_SEQUENCE):
        raise RequestError(
            f"an image sequence has 2 to {MAX_FRAMES_OF_SEQUENCE:,} files, each with a number of its own",
            advice="Cut it into reels, or upload the files one by one.",
        )
    if not new.files <= new.size_bytes <= new.files * MAX_FRAME_BYTES:
        raise RequestError(f"a frame of a sequence has 1 byte to {MAX_FRAME_BYTES >> 20} MiB")
    if not 1 <= new.rate.fraction <= MAX_SEQUENCE_RATE:
        raise RequestError(f"a sequence has 1 to {MAX_SEQUENCE_RATE} frames a second")
    if not 1 <= len(new.client_key) <= MAX_CLIENT_KEY_CHARACTERS:
        raise RequestError(f"a client key has 1 to {MAX_CLIENT_KEY_CHARACTERS} characters")
    return first, last


def _frame(file: FrameFile, row: UploadRow, sequence: SequenceRow) -> FrameRow | ReelkeepError:
    """Return the row of a frame, or what is wrong with its file."""
    try:
        file_name = true_name(file.file_name)
        name = frame_name(file_name)
        if name is None or not sequence.first_number <= name.number <= sequence.last_number:
            raise RequestError(f"{file_name} is no frame of this sequence")
        if name.kind is not sequence.kind:
            raise RequestError(f"{file_name} is of another kind than the first frame")
        if file.size_bytes < 1:
            raise MediaError(
                f"{file_name} is empty", advice="Export this frame again and upload the sequence once it has a size."
            )
        if file.size_bytes > MAX_FRAME_BYTES:
            raise RequestError(f"{file_name} is larger than {MAX_FRAME_BYTES >> 20} MiB")
        if len(file.crc32) != crc.CRC32_BYTES or len(file.sha256 or b"0" * SHA256_BYTES) != SHA256_BYTES:
            raise RequestError("a CRC-32 has 4 bytes and a SHA-256 has 32")
        key = frame_key(row.object_key, file_name, name)
        return FrameRow(name.number, file_name, key, file.size_bytes, file.crc32, file.sha256, is_stored=False)
    except ReelkeepError as problem:
        return problem


def _wrong(frame: FrameRow, facts: ObjectFacts | None, crc32: bytes) -> ReelkeepError | None:
    if facts is None:
        return Conflict(f"{frame.file_name} has not arrived", advice="Send it.")
    if (facts.size_bytes, facts.crc32) != (frame.size_bytes, frame.crc32) or crc32 != frame.crc32:
        return ChecksumMismatch(f"the bytes of {frame.file_name} in the bucket are not the bytes of the file")
    return None


def _holes(sequence: SequenceRow, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the numbers that no file has; raise if what came is not what was told of."""
    if len(numbers) < sequence.files:
        raise Conflict(
            f"{sequence.files - len(numbers):,} of {sequence.files:,} frames have not arrived",
            advice="Send the missing frames.",
        )
    if len(numbers) > sequence.files or (numbers[0], numbers[-1]) != (sequence.first_number, sequence.last_number):
        raise RequestError("the frames that arrived are not those that were told of", advice="Upload them again.")
    holes = gaps(numbers)
    for first, last in holes:
        if last - first >= MAX_MISSING_IN_A_ROW:
            raise RequestError(
                f"the frames {first} to {last} are missing, more than {MAX_MISSING_IN_A_ROW:,} in a row",
                advice="Put what lies before and after them into two folders and upload each.",
            )
    return holes
