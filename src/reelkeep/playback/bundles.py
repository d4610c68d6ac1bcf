"""Where published segments and stills lie, and how they are unsealed. The bucket is read by whoever calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select

from reelkeep.catalog.tables import attempts, renditions, segments, stills, version_keys, versions
from reelkeep.encryption.keys import CompanyKey
from reelkeep.encryption.sealing import SEAL_OVERHEAD_BYTES, SealContext, SealKind, unseal_into
from reelkeep.errors import NotFound
from reelkeep.ids import CompanyId, ConnectionId, VersionId
from reelkeep.packaging.stills import StillKind, unseal_still


@dataclass(frozen=True)
class SealPlace:
    """What opens the seals of one object: its place in the company and the wrapped version key."""

    version_id: VersionId
    connection_id: ConnectionId
    attempt_number: int
    salt: bytes
    wrapped_version_key: bytes
    object_key: str


@dataclass(frozen=True)
class SegmentPlace:
    number: int
    offset: int
    length: int  # sealed bytes


@dataclass(frozen=True)
class BundleRows:
    """One object with sealed segments of one rendition."""

    place: SealPlace
    rendition: str
    segments: tuple[SegmentPlace, ...]  # by number; never empty

    @property
    def offset(self) -> int:
        return min(segment.offset for segment in self.segments)

    @property
    def length(self) -> int:
        return max(segment.offset + segment.length for segment in self.segments) - self.offset


@dataclass(frozen=True)
class StillRow:
    place: SealPlace
    kind: StillKind
    number: int
    length: int
    content_type: str


_PLACE = (
    versions.c.id.label("version_id"),
    versions.c.connection_id,
    attempts.c.number.label("attempt_number"),
    attempts.c.salt,
    version_keys.c.wrapped_key,
)
_ASKED: Final = segments.alias()
_WITH_SEGMENT: Final = (  # made once: whatever is not in the cache asks it
    select(*_PLACE, segments.c.object_key, segments.c.number, segments.c.offset, segments.c.length)
    .select_from(renditions)
    .join(_ASKED, _ASKED.c.rendition_id == renditions.c.id)
    .join(segments, (segments.c.rendition_id == renditions.c.id) & (segments.c.object_key == _ASKED.c.object_key))
    .join(versions, versions.c.id == renditions.c.version_id)
    .join(attempts, attempts.c.id == segments.c.attempt_id)
    .join(version_keys, version_keys.c.version_id == versions.c.id)
    .where(renditions.c.version_id == bindparam("version_id"), renditions.c.name == bindparam("rendition"))
    .where(_ASKED.c.number == bindparam("number"))
    .order_by(segments.c.number)
)


def with_segment(conn: Connection, version_id: VersionId, rendition: str, number: int) -> BundleRows | None:
    """Return every segment of the object that holds this one, or None if it is not published."""
    asked = {"version_id": version_id, "rendition": rendition, "number": number}
    rows = conn.execute(_WITH_SEGMENT, asked).all()
    if not rows:
        return None
    places = tuple(SegmentPlace(row[6], row[7], row[8]) for row in rows)
    return BundleRows(SealPlace(*rows[0][:6]), rendition, places)


def still(conn: Connection, version_id: VersionId, kind: StillKind, number: int) -> StillRow:
    """Return where a poster, a tile sheet or the peaks lie; raise NotFound if they are not made (yet)."""
    query = (
        select(*_PLACE, stills.c.object_key, stills.c.length, stills.c.content_type)
        .join(versions, versions.c.id == stills.c.version_id)
        .join(attempts, attempts.c.id == stills.c.attempt_id)
        .join(version_keys, version_keys.c.version_id == versions.c.id)
        .where(stills.c.version_id == version_id, stills.c.kind == kind.value, stills.c.number == number)
    )
    row = conn.execute(query).first()
    if row is None:
        raise NotFound("there is no such picture yet")
    return StillRow(SealPlace(*row[:6]), kind, number, row[6], row[7])


def unseal_segments(
    company_id: CompanyId,
    company_key: CompanyKey,
    rows: BundleRows,
    sealed: bytes | bytearray,
    take: Callable[[int], memoryview],
) -> dict[int, memoryview]:
    """Return the segments, still encrypted for the player, by number.

    Args:
        sealed: the object's bytes from ``rows.offset``, ``rows.length`` long.
        take: gives memory for so many bytes.

    Raises:
        SealBroken: one was altered or swapped; none is returned.
    """
    place = rows.place
    version_key = company_key.unwrap_version_key(place.version_id, place.wrapped_version_key)
    seal_key = version_key.seal_key(place.salt, rows.rendition)
    context = SealContext(company_id, place.version_id, place.attempt_number, rows.rendition)
    view = memoryview(sealed)
    opened = {each.number: take(max(0, each.length - SEAL_OVERHEAD_BYTES)) for each in rows.segments}
    for each in rows.segments:
        begin = each.offset - rows.offset
        part = view[begin : begin + each.length]
        unseal_into(seal_key, SealKind.SEGMENT, each.number, context, part, opened[each.number])
    return opened


def open_still(company_id: CompanyId, company_key: CompanyKey, row: StillRow, sealed: bytes | bytearray) -> bytes:
    """Return a still; raise SealBroken if it was altered or swapped."""
    place = row.place
    version_key = company_key.unwrap_version_key(place.version_id, place.wrapped_version_key)
    return unseal_still(
        version_key, place.salt, company_id, place.version_id, place.attempt_number, row.kind, row.number, sealed
    )
