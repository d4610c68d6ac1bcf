"""Originals that are sets of files: what a sequence is, and its frames one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from reelkeep.catalog.tables import image_sequences, sequence_files
from reelkeep.errors import NotFound
from reelkeep.ids import VersionId
from reelkeep.media import FrameRate
from reelkeep.sequences import MAX_GAPS_TOLD, ImageKind


@dataclass(frozen=True)
class SequenceRow:
    kind: ImageKind
    rate: FrameRate
    files: int
    first_number: int
    last_number: int
    gaps: tuple[tuple[int, int], ...] = ()  # the first runs of missing numbers, once the version is *stored*

    @property
    def missing(self) -> int:
        """Return how many numbers no file has."""
        return self.last_number - self.first_number + 1 - self.files


@dataclass(frozen=True)
class FrameRow:
    number: int
    file_name: str
    object_key: str
    size_bytes: int
    crc32: bytes
    claimed_sha256: bytes | None
    is_stored: bool


@dataclass(frozen=True)
class Stored:
    numbers: tuple[int, ...]  # in order
    size_bytes: int


def create(conn: Connection, version_id: VersionId, sequence: SequenceRow) -> None:
    """Say of a version that was just made that its original is a sequence."""
    conn.execute(
        insert(image_sequences).values(
            version_id=version_id,
            kind=sequence.kind.value,
            rate_numerator=sequence.rate.numerator,
            rate_denominator=sequence.rate.denominator,
            files=sequence.files,
            first_number=sequence.first_number,
            last_number=sequence.last_number,
            gaps=[],
        )
    )


def find(conn: Connection, version_id: VersionId) -> SequenceRow | None:
    """Return what a version's sequence is; None if its original is one file."""
    row = conn.execute(select(image_sequences).where(image_sequences.c.version_id == version_id)).first()
    if row is None:
        return None
    return sequence_of(
        kind=row.kind,
        rate=(row.rate_numerator, row.rate_denominator),
        files=row.files,
        numbers=(row.first_number, row.last_number),
        gaps=row.gaps,
    )


def get(conn: Connection, version_id: VersionId) -> SequenceRow:
    """Return what a version's sequence is; raise NotFound if its original is one file."""
    sequence = find(conn, version_id)
    if sequence is None:
        raise NotFound
    return sequence


def add_frames(conn: Connection, version_id: VersionId, frames: Sequence[FrameRow]) -> dict[int, FrameRow]:
    """Add frames that are not there yet; return all of these numbers as they are now."""
    rows: list[dict[str, Any]] = [
        {
            "version_id": version_id,
            "number": frame.number,
            "file_name": frame.file_name,
            "object_key": frame.object_key,
            "size_bytes": frame.size_bytes,
            "crc32": frame.crc32,
            "claimed_sha256": frame.claimed_sha256,
        }
        for frame in sorted(frames, key=lambda frame: frame.number)  # one order: no deadlock
    ]
    if rows:
        conn.execute(upsert(sequence_files).on_conflict_do_nothing(), rows)
    numbers = [frame.number for frame in frames]
    return {frame.number: frame for frame in frames_of(conn, version_id, numbers)}


def frames_of(conn: Connection, version_id: VersionId, numbers: Sequence[int]) -> list[FrameRow]:
    """Return those of the numbers that are there."""
    query = select(sequence_files).where(
        sequence_files.c.version_id == version_id, sequence_files.c.number.in_(numbers)
    )
    return [_frame(row) for row in conn.execute(query.order_by(sequence_files.c.number))]


def page(conn: Connection, version_id: VersionId, *, after: int, limit: int) -> list[FrameRow]:
    """Return frames by number, from the one after ``after`` on."""
    query = select(sequence_files).where(sequence_files.c.version_id == version_id, sequence_files.c.number > after)
    return [_frame(row) for row in conn.execute(query.order_by(sequence_files.c.number).limit(limit))]


def mark_stored(conn: Connection, version_id: VersionId, numbers: Sequence[int]) -> None:
    """Keep that frames were seen in the bucket."""
    this = sequence_files.c.version_id == version_id, sequence_files.c.number.in_(numbers)
    conn.execute(update(sequence_files).where(*this, sequence_files.c.stored_at.is_(None)).values(stored_at=func.now()))


def count_stored(conn: Connection, version_id: VersionId) -> int:
    this = sequence_files.c.version_id == version_id, sequence_files.c.stored_at.is_not(None)
    return conn.scalar(select(func.count()).select_from(sequence_files).where(*this)) or 0


def stored(conn: Connection, version_id: VersionId) -> Stored:
    """Return the numbers of the frames that were seen in the bucket, and their size in all."""
    this = sequence_files.c.version_id == version_id, sequence_files.c.stored_at.is_not(None)
    query = select(sequence_files.c.number, sequence_files.c.size_bytes).where(*this)
    rows = conn.execute(query.order_by(sequence_files.c.number)).all()
    return Stored(tuple(row.number for row in rows), sum(row.size_bytes for row in rows))


def stored_frames(conn: Connection, version_id: VersionId) -> list[FrameRow]:
    """Return every frame that was seen in the bucket, by number."""
    this = sequence_files.c.version_id == version_id, sequence_files.c.stored_at.is_not(None)
    return [_frame(row) for row in conn.execute(select(sequence_files).where(*this).order_by(sequence_files.c.number))]


def settle(conn: Connection, version_id: VersionId, gaps: Sequence[tuple[int, int]]) -> None:
    """Keep which numbers no file has: as many runs of them as are told, because lists of versions carry them."""
    this = image_sequences.c.version_id == version_id
    conn.execute(update(image_sequences).where(this).values(gaps=[list(gap) for gap in gaps[:MAX_GAPS_TOLD]]))


def sequence_of(
    *, kind: str, rate: tuple[int, int], files: int, numbers: tuple[int, int], gaps: Sequence[Sequence[int]]
) -> SequenceRow:
    """Return the sequence that the columns of ``image_sequences`` tell of."""
    return SequenceRow(
        kind=ImageKind(kind),
        rate=FrameRate(*rate),
        files=files,
        first_number=numbers[0],
        last_number=numbers[1],
        gaps=tuple((first, last) for first, last in gaps),
    )


def _frame(row: Row[Any]) -> FrameRow:
    return FrameRow(
        number=row.number,
        file_name=row.file_name,
        object_key=row.object_key,
        size_bytes=row.size_bytes,
        crc32=row.crc32,
        claimed_sha256=row.claimed_sha256,
        is_stored=row.stored_at is not None,
    )
