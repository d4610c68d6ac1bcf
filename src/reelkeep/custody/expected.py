"""What the rows of a company say lies at a storage connection: one function for each kind of object.

A new kind of object is one more function in ``KINDS``. Each returns the columns of ``merge.Expected`` in their order,
and at last when the object arrived, or when its making began, as far as a row says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    String,
    case,
    cast,
    collate,
    exists,
    func,
    literal,
    null,
    select,
    union,
    union_all,
)

from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import (
    attempts,
    image_sequences,
    luts,
    renditions,
    segments,
    sequence_files,
    stills,
    versions,
)
from reelkeep.custody.merge import Expected, Order
from reelkeep.ids import ConnectionId

ROWS_AT_ONCE: Final = 2_000  # of the server-side cursor

Connections = Collection[ConnectionId]


def originals(at: Connections) -> Select[Any]:
    """Originals of one file. One that is not stored (yet, or any more) may be there, and may be there in part."""
    sequence = exists().where(image_sequences.c.version_id == versions.c.id)
    stored = versions.c.stored_at.is_not(None) & versions.c.purged_at.is_(None)
    return select(
        versions.c.original_key.label("key"),
        literal("original").label("kind"),
        stored.label("is_required"),
        case((stored, versions.c.size_bytes)).label("size_bytes"),
        literal(False).label("is_least_size"),
        versions.c.etag,
        versions.c.id.label("version_id"),
        versions.c.stored_at.label("at"),
    ).where(versions.c.connection_id.in_(at), ~sequence)


def sequence_frames(at: Connections) -> Select[Any]:
    """The files of image sequences; each went by one PUT, so that it is there whole or not at all."""
    stored = sequence_files.c.stored_at.is_not(None) & versions.c.purged_at.is_(None)
    return (
        select(
            sequence_files.c.object_key,
            literal("original"),
            stored,
            case((stored, sequence_files.c.size_bytes)),
            literal(False),
            cast(null(), String),
            versions.c.id,
            sequence_files.c.stored_at,
        )
        .join(versions, versions.c.id == sequence_files.c.version_id)
        .where(versions.c.connection_id.in_(at))
    )


def production_luts(at: Connections) -> Select[Any]:
    """LUTs of productions, also those that nobody can choose.

    One whose upload was given up may not be there, nor one that was deleted: the company's team may have removed it.
    """
    stored = luts.c.stored_at.is_not(None)
    return select(
        luts.c.object_key,
        literal("LUT"),
        stored & luts.c.deleted_at.is_(None),
        case((stored, luts.c.size_bytes)),
        literal(False),
        luts.c.etag,
        cast(null(), String),
        luts.c.stored_at,
    ).where(luts.c.connection_id.in_(at))


def bundles(at: Connections) -> Select[Any]:
    """Bundles with published segments; an index and a footer come after those, so only a least size is known."""
    return (
        select(
            segments.c.object_key,
            literal("bundle"),
            literal(True),
            func.max(segments.c.offset + segments.c.length),
            literal(True),
            cast(null(), String),
            func.min(versions.c.id),
            func.min(attempts.c.created_at),
        )
        .join(renditions, renditions.c.id == segments.c.rendition_id)
        .join(versions, versions.c.id == renditions.c.version_id)
        .join(attempts, attempts.c.id == segments.c.attempt_id)
        .where(versions.c.connection_id.in_(at))
        .group_by(segments.c.object_key)
    )


def published_stills(at: Connections) -> Select[Any]:
    """Posters, tile sheets and peaks; a footer comes after them, as after segments."""
    return (
        select(
            stills.c.object_key,
            literal("still"),
            literal(True),
            stills.c.length,
            literal(True),
            cast(null(), String),
            versions.c.id,
            attempts.c.created_at,
        )
        .join(versions, versions.c.id == stills.c.version_id)
        .join(attempts, attempts.c.id == stills.c.attempt_id)
        .where(versions.c.connection_id.in_(at))
    )


def proxy_prefixes(at: Connections) -> Select[Any]:
    """Prefixes of versions that were worked on: what no row names below them was made here all the same."""
    deleted = select(versions.c.id).where(versions.c.state == VersionState.DELETED.value)
    tried = union(select(attempts.c.version_id), deleted).subquery()
    return (
        select(
            func.concat("proxies/", versions.c.id, "/"),
            literal("prefix"),
            literal(False),
            null(),
            literal(False),
            cast(null(), String),
            versions.c.id,
            null(),
        )
        .join(tried, tried.c.version_id == versions.c.id)
        .where(versions.c.connection_id.in_(at))
    )


KINDS: Final[tuple[Callable[[Connections], Select[Any]], ...]] = (
    originals,
    sequence_frames,
    production_luts,
    bundles,
    published_stills,
    proxy_prefixes,
)


def count(conn: Connection, at: Connections) -> int:
    """Return how many rows ``read`` yields."""
    rows = union_all(*(kind(at) for kind in KINDS)).subquery()
    return int(conn.execute(select(func.count()).select_from(rows)).scalar_one())


def read(
    conn: Connection, at: Connections, order: Order = Order.BYTES, *, stored_before: datetime | None = None
) -> Generator[Expected, None, None]:
    """Yield what lies at connections in the order of keys, through a cursor of the server's.

    Args:
        conn: in a transaction that sees one moment; its cursor is open until the last row, or until this is closed.
        stored_before: what arrived later is not required, since the listing is older.
    """
    rows = union_all(*(kind(at) for kind in KINDS)).subquery()
    key = rows.c.key if order is Order.BYTES else func.replace(rows.c.key, "/", "\x01")
    old = literal(True) if stored_before is None else rows.c.at < stored_before
    query = select(
        rows.c.key,
        rows.c.kind,
        (rows.c.is_required & old).label("must"),
        rows.c.size_bytes,
        rows.c.is_least_size,
        rows.c.etag,
        rows.c.version_id,
    ).order_by(collate(key, "C"))
    with conn.execution_options(yield_per=ROWS_AT_ONCE).execute(query) as found:
        for row in found:
            yield Expected._make(row)
