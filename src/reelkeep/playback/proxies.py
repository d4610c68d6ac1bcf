"""A version's proxy as playback needs it: its planned timeline and its renditions, read from the company's database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from reelkeep.catalog.runs import samples_from_start
from reelkeep.catalog.tables import proxies, renditions, segments, version_keys
from reelkeep.errors import Conflict
from reelkeep.ids import VersionId
from reelkeep.media import AUDIO_FRAME_SAMPLES, FrameRate, TrackKind
from reelkeep.packaging.bundle_index import FORMAT_VERSION


@dataclass(frozen=True)
class RenditionRow:
    name: str
    kind: TrackKind
    is_step: bool
    width_px: int | None
    height_px: int | None
    codecs: str
    timescale: int
    bandwidth_bps: int
    key_id: bytes
    iv: bytes
    codec_config: bytes
    published_samples: int  # frames, or AAC frames, from the beginning without a gap
    language: str = ""  # of sound
    label: str = ""


@dataclass(frozen=True)
class Proxy:
    planned_frames: int
    frames: int | None  # the real count, once complete
    rate: FrameRate
    planned_audio_samples: int
    tile_layout: dict[str, Any] | None
    renditions: tuple[RenditionRow, ...]

    @property
    def shown_frames(self) -> int:
        """Return the length of the timeline in frames: real once it is known, planned until then."""
        return self.planned_frames if self.frames is None else self.frames

    def samples(self, rendition: RenditionRow) -> int:
        """Return the length of a rendition in its own samples: frames, or AAC frames with the priming frame."""
        if self.frames is not None:
            return rendition.published_samples
        if rendition.kind is TrackKind.VIDEO:
            return self.planned_frames
        return -(-self.planned_audio_samples // AUDIO_FRAME_SAMPLES) + 1

    def label(self, rendition: RenditionRow) -> str:
        """Return what tells a sound track from the others of its film: its title, else its number, never the same."""
        sounds = [each for each in self.renditions if each.kind is TrackKind.AUDIO]
        number = sounds.index(rendition) + 1
        own = rendition.label or f"Track {number}"
        return f"{own} ({number})" if any(each.label == own for each in sounds[: number - 1]) else own


def read(conn: Connection, version_id: VersionId) -> Proxy:
    """Return the proxy of a version; raise Conflict if there is nothing to play yet."""
    row = conn.execute(select(proxies).where(proxies.c.version_id == version_id)).first()
    found = _renditions(conn, version_id) if row is not None else ()
    if row is None or not found:
        raise Conflict("there is nothing to play yet", advice="Wait until the first pictures have been made.")
    if row.format_version != FORMAT_VERSION:
        raise Conflict(
            "this film was prepared by another release, in a form that this one cannot play",
            advice="Upload the file again as a new version; the original stays stored as it is.",
        )
    return Proxy(
        planned_frames=row.planned_frames,
        frames=row.frames if row.completed_at is not None else None,
        rate=FrameRate(row.rate_numerator, row.rate_denominator),
        planned_audio_samples=row.planned_audio_samples,
        tile_layout=row.tile_layout,
        renditions=found,
    )


@dataclass(frozen=True)
class Made:
    """What was made of some renditions.

    Args:
        mark: another one once they have been made again.
        sealed_bytes: of all their segments, as they lie in the bucket.
    """

    mark: str
    sealed_bytes: int


def made(conn: Connection, version_id: VersionId, names: Sequence[str]) -> Made:
    """Return what was made of these renditions of a version."""
    query = select(func.max(segments.c.attempt_id), func.coalesce(func.sum(segments.c.length), 0))
    query = query.join(renditions, renditions.c.id == segments.c.rendition_id)
    row = conn.execute(query.where(renditions.c.version_id == version_id, renditions.c.name.in_(names))).one()
    return Made(str(row[0]), int(row[1]))


def wrapped_keys(conn: Connection, version_id: VersionId) -> tuple[bytes, dict[str, dict[str, str]]]:
    """Return the wrapped version key and the wrapped content keys of a version that has a proxy."""
    columns = version_keys.c.wrapped_key, version_keys.c.content_keys
    row = conn.execute(select(*columns).where(version_keys.c.version_id == version_id)).first()
    if row is None:
        raise Conflict("there is nothing to play yet", advice="Wait until the first pictures have been made.")
    return row.wrapped_key, row.content_keys


def _renditions(conn: Connection, version_id: VersionId) -> tuple[RenditionRow, ...]:
    published = samples_from_start(renditions.c.id).label("published")
    query = select(renditions, published).where(renditions.c.version_id == version_id)
    return tuple(
        RenditionRow(
            row.name,
            TrackKind(row.kind),
            row.is_step,
            row.width_px,
            row.height_px,
            row.codecs,
            row.timescale,
            row.bandwidth_bps,
            row.key_id,
            row.iv,
            row.codec_config,
            int(row.published),
            row.language,
            row.label,
        )
        for row in conn.execute(
            query.order_by(
                renditions.c.kind.desc(), renditions.c.height_px, func.length(renditions.c.name), renditions.c.name
            )
        )
    )
