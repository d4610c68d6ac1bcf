"""What the sealed index of a bundle says, and its form as JSON. Pure; no I/O.

Each bundle's index describes its whole rendition, so that one bundle and the keys are enough to play what is in it.
Binary fields are hex. The index is authenticated before it is parsed; a wrong field is still an error, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.encryption.keys import IV_BYTES, KEY_ID_BYTES, KeyClass
from reelkeep.encryption.sealing import SealBroken
from reelkeep.media import DEFAULT_LARGEST_EDGE_PX, MAX_BANDS, Band, FrameRate, TrackKind
from reelkeep.packaging.band_ranges import unpack_ranges
from reelkeep.packaging.stills import TileLayout

FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class ProxyPlan:
    """What is true of all renditions of a version."""

    planned_frames: int
    rate: FrameRate
    planned_audio_samples: int
    tile_layout: TileLayout | None = None
    mark_bands: int = 0  # that were asked for; a rung too small for them has none
    largest_edge_px: int = DEFAULT_LARGEST_EDGE_PX  # that a rung may have
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class RenditionDescription:
    """The columns of one row of ``renditions``, and the content key that goes with it."""

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
    content_key_class: KeyClass
    codec_config: bytes
    bands: tuple[Band, ...]  # from top to bottom
    wrapped_content_key: bytes = field(repr=False)
    language: str = ""  # of sound: as media.Sound
    label: str = ""  # of sound: its title in the original


@dataclass(frozen=True)
class SegmentFacts:
    """The columns of one row of ``segments`` that the bundle knows."""

    number: int
    offset: int
    length: int  # sealed bytes
    decode_time: int
    duration: int
    samples: int
    plain_sha256: bytes
    band_ranges: bytes  # ``band_ranges.unpack_ranges`` reads them


@dataclass(frozen=True)
class BundleIndex:
    plan: ProxyPlan
    description: RenditionDescription
    segments: tuple[SegmentFacts, ...]
    total_frames: int | None  # the real length; in the last bundle of a complete rendition


def encode_index(index: BundleIndex) -> bytes:
    """Return an index as JSON."""
    plan, about = index.plan, index.description
    return json.dumps(
        {
            "plan": {
                "format_version": plan.format_version,
                "planned_frames": plan.planned_frames,
                "rate": [plan.rate.numerator, plan.rate.denominator],
                "planned_audio_samples": plan.planned_audio_samples,
                "tile_layout": plan.tile_layout.to_json() if plan.tile_layout else None,
                "mark_bands": plan.mark_bands,
                "largest_edge_px": plan.largest_edge_px,
            },
            "rendition": {
                **vars(about),
                "kind": about.kind.value,
                "content_key_class": about.content_key_class.value,
                "bands": bands_to_json(about.bands),
                **{name: getattr(about, name).hex() for name in _HEX},
            },
            "segments": [
                {**vars(each), "plain_sha256": each.plain_sha256.hex(), "band_ranges": each.band_ranges.hex()}
                for each in index.segments
            ],
            "total_frames": index.total_frames,
        },
        separators=(",", ":"),
    ).encode()


def decode_index(data: bytes) -> BundleIndex:
    """Return the index of ``encode_index``; raise SealBroken if a field is missing or of another form."""
    try:
        fields = json.loads(data)
        total = fields["total_frames"]
        plan, about = _plan(fields["plan"]), _description(fields["rendition"])
        return BundleIndex(
            plan,
            about,
            tuple(_segment(each, len(about.bands)) for each in fields["segments"]),
            None if total is None else int(total),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SealBroken("a bundle's index is not of the form that this version writes") from None


_LARGEST_EDGE_ONCE_PX: Final = 1080  # of every proxy from before an index said it
_HEX: Final = ("key_id", "iv", "codec_config", "wrapped_content_key")


def _plan(fields: dict[str, Any]) -> ProxyPlan:
    if fields["format_version"] != FORMAT_VERSION:
        raise SealBroken("this bundle was written in another proxy format version")
    layout = fields["tile_layout"]
    return ProxyPlan(
        int(fields["planned_frames"]),
        FrameRate(*fields["rate"]),
        int(fields["planned_audio_samples"]),
        TileLayout.from_json(layout) if layout else None,
        int(fields["mark_bands"]),
        int(fields.get("largest_edge_px", _LARGEST_EDGE_ONCE_PX)),
    )


def _description(fields: dict[str, Any]) -> RenditionDescription:
    about = RenditionDescription(
        **{
            **fields,
            "kind": TrackKind(fields["kind"]),
            "content_key_class": KeyClass(fields["content_key_class"]),
            "bands": bands_from_json(fields["bands"]),
            **{name: bytes.fromhex(fields[name]) for name in _HEX},
        }
    )
    if len(about.key_id) != KEY_ID_BYTES or len(about.iv) != IV_BYTES:
        raise ValueError("a key id or an IV of another length")
    return about


def _segment(fields: dict[str, Any], bands: int) -> SegmentFacts:
    binary = {name: bytes.fromhex(fields[name]) for name in ("plain_sha256", "band_ranges")}
    facts = SegmentFacts(**{**fields, **binary})
    unpack_ranges(facts.band_ranges, facts.samples, bands)
    return facts


def bands_to_json(bands: Sequence[Band]) -> list[list[int]]:
    """Return the JSON form of bands: first row and rows of each.

    >>> bands_to_json([Band(12, 4)])
    [[12, 4]]
    """
    return [[band.first_row, band.rows] for band in bands]


def bands_from_json(value: list[list[int]]) -> tuple[Band, ...]:
    """Return the bands of ``bands_to_json``; raise ValueError or TypeError for anything else."""
    bands = tuple(Band(int(first_row), int(rows)) for first_row, rows in value)
    if len(bands) > MAX_BANDS:
        raise ValueError("a picture has up to three mark bands")
    return bands
