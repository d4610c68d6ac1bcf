"""What the sealed index of a bundle says, and its form as JSON. Pure; no I/O.

Each bundle's index describes its whole rendition, so that one bundle and the keys are enough to play what is in it.
Binary fields are hex. The index is authenticated before it is parsed; a wrong field is still an error, never a guess.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.encryption.keys import IV_BYTES, KEY_ID_BYTES, KeyClass
from reelkeep.encryption.sealing import SealBroken
from reelkeep.media import FrameRate, TrackKind
from reelkeep.packaging.stills import TileLayout

FORMAT_VERSION: Final = 0


@dataclass(frozen=True)
class ProxyPlan:
    """What is true of all renditions of a version."""

    planned_frames: int
    rate: FrameRate
    planned_audio_samples: int
    tile_layout: TileLayout | None = None
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
            },
            "rendition": {
                **vars(about),
                "kind": about.kind.value,
                "content_key_class": about.content_key_class.value,
                **{name: getattr(about, name).hex() for name in _HEX},
            },
            "segments": [{**vars(each), "plain_sha256": each.plain_sha256.hex()} for each in index.segments],
            "total_frames": index.total_frames,
        },
        separators=(",", ":"),
    ).encode()


def decode_index(data: bytes) -> BundleIndex:
    """Return the index of ``encode_index``; raise SealBroken if a field is missing or of another form."""
    try:
        fields = json.loads(data)
        total = fields["total_frames"]
        return BundleIndex(
            _plan(fields["plan"]),
            _description(fields["rendition"]),
            tuple(_segment(each) for each in fields["segments"]),
            None if total is None else int(total),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SealBroken("a bundle's index is not of the form that this version writes") from None


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
    )


def _description(fields: dict[str, Any]) -> RenditionDescription:
    about = RenditionDescription(
        **{
            **fields,
            "kind": TrackKind(fields["kind"]),
            "content_key_class": KeyClass(fields["content_key_class"]),
            **{name: bytes.fromhex(fields[name]) for name in _HEX},
        }
    )
    if len(about.key_id) != KEY_ID_BYTES or len(about.iv) != IV_BYTES:
        raise ValueError("a key id or an IV of another length")
    return about


def _segment(fields: dict[str, Any]) -> SegmentFacts:
    return SegmentFacts(**{**fields, "plain_sha256": bytes.fromhex(fields["plain_sha256"])})
