"""Bundles: the objects of a proxy. Sealed segments, then a sealed index, then a footer. Pure; no I/O.

S3 has no append and each request costs time, so segments travel in groups of 1, 1, 2, then 4: the first ones are
published at once, later ones in larger objects. An object is written whole and never again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from reelkeep.encryption.keys import VersionKey
from reelkeep.encryption.sealing import SealBroken, SealContext, Sealer, SealKind, unseal
from reelkeep.packaging.bundle_index import (
    BundleIndex,
    ProxyPlan,
    RenditionDescription,
    SegmentFacts,
    decode_index,
    encode_index,
)
from reelkeep.packaging.footer import Footer, sealed_part
from reelkeep.storage.layout import bundle_key

GROUPS: Final = (1, 1, 2, 4)  # segments in the first bundles of an attempt; the last number holds for all others
MAX_MEDIA_SECONDS: Final = 8
MAX_BUNDLE_BYTES: Final = 16_000_000
MAX_WAIT_SECONDS: Final = 4.0  # wall time that a segment may stay unpublished
TAIL_BYTES: Final = 32_768  # of an object's end: holds any index and the footer


@dataclass(frozen=True)
class Bundle:
    """One object for the bucket, and the rows that say what is in it."""

    number: int
    object_key: str
    body: bytes = field(repr=False)
    segments: tuple[SegmentFacts, ...]


@dataclass
class _Waiting:
    """Segments that are sealed and in no bundle yet."""

    since: float = 0.0
    sealed: list[bytes] = field(default_factory=list)
    facts: list[SegmentFacts] = field(default_factory=list)

    @property
    def length(self) -> int:
        return sum(map(len, self.sealed))


class BundleWriter:
    """Seals the segments of one rendition in one attempt and groups them into bundles.

    Args:
        salt: the attempt's own, used by no other attempt.
        context: its rendition is the description's name.
    """

    def __init__(
        self,
        description: RenditionDescription,
        plan: ProxyPlan,
        version_key: VersionKey,
        salt: bytes,
        context: SealContext,
    ) -> None:
        if context.rendition != description.name:
            raise ValueError("a bundle is sealed for the rendition that it describes")
        self._description = description
        self._plan = plan
        self._salt = salt
        self._context = context
        self._segments = Sealer(version_key.seal_key(salt, description.name), context)
        self._indexes = Sealer(version_key.index_key(salt, description.name), context)
        self._number = 0
        self._waiting = _Waiting()

    def add(
        self,
        number: int,
        decode_time: int,
        duration: int,
        samples: int,
        plain: bytes,
        now: float,
        band_ranges: bytes = b"",
    ) -> None:
        """Seal one packaged segment; it waits for its bundle.

        Args:
            number: of the segment, from 0; never one that this writer has had before.
            decode_time, duration: in the rendition's timescale.
            now: monotonic seconds.
            band_ranges: of the segment, as ``band_ranges.pack_ranges`` packs them.

        Raises:
            NonceReuse: the number was sealed before; nothing was added.
        """
        sealed = self._segments.seal(SealKind.SEGMENT, number, plain)
        if not self._waiting.facts:
            self._waiting.since = now
        digest = hashlib.sha256(plain).digest()
        offset = self._waiting.length
        self._waiting.facts.append(
            SegmentFacts(number, offset, len(sealed), decode_time, duration, samples, digest, band_ranges)
        )
        self._waiting.sealed.append(sealed)

    def due(self, now: float) -> bool:
        """Tell whether what waits should be closed and put into the bucket now."""
        waiting = self._waiting
        if not waiting.facts:
            return False
        media_seconds = Fraction(sum(each.duration for each in waiting.facts), self._description.timescale)
        return (
            len(waiting.facts) >= GROUPS[min(self._number, len(GROUPS) - 1)]
            or media_seconds >= MAX_MEDIA_SECONDS
            or waiting.length >= MAX_BUNDLE_BYTES
            or now - waiting.since >= MAX_WAIT_SECONDS
        )

    def close(self) -> Bundle | None:
        """Return what waits as one bundle, or None if nothing does."""
        return self._close(None) if self._waiting.facts else None

    def finish(self, total_frames: int) -> Bundle:
        """Return the last bundle, also if nothing waits: its index says how long the rendition really is.

        Args:
            total_frames: frames of the picture, or AAC frames of an audio rendition.
        """
        return self._close(total_frames)

    def _close(self, total_frames: int | None) -> Bundle:
        waiting, number = self._waiting, self._number
        index = encode_index(BundleIndex(self._plan, self._description, tuple(waiting.facts), total_frames))
        sealed_index = self._indexes.seal(SealKind.INDEX, number, index)
        footer = Footer(self._salt, self._context.attempt_number, number, len(sealed_index))
        if len(sealed_index) + len(footer.encode()) > TAIL_BYTES:
            raise SealBroken("the index of a bundle is larger than its readers read")
        self._number, self._waiting = number + 1, _Waiting()
        return Bundle(
            number,
            bundle_key(self._context.version_id, self._context.attempt_number, self._description.name, number),
            b"".join((*waiting.sealed, sealed_index, footer.encode())),
            tuple(waiting.facts),
        )


def read_index(tail: bytes, version_key: VersionKey, context: SealContext, bundle_number: int) -> BundleIndex:
    """Return the index of a bundle.

    Args:
        tail: the object's last TAIL_BYTES, or all of it if it is shorter.
        context, bundle_number: as the object's key names them.

    Raises:
        SealBroken: the bundle was altered, or lies under a key that is not its own.
    """
    footer, sealed = sealed_part(tail)
    if (footer.attempt_number, footer.number) != (context.attempt_number, bundle_number):
        raise SealBroken("a bundle lies under another's key")
    index_key = version_key.index_key(footer.salt, context.rendition)
    return decode_index(unseal(index_key, SealKind.INDEX, bundle_number, context, sealed))


def read_salt(tail: bytes) -> bytes:
    """Return the salt of the attempt that wrote an object, as its footer says."""
    return sealed_part(tail)[0].salt
