"""What is kept beside a proxy: posters, tile sheets, peaks of sound, times of pictures; and its seal. Pure; no I/O."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from reelkeep.encryption.keys import VersionKey
from reelkeep.encryption.sealing import SEAL_OVERHEAD_BYTES, SealBroken, SealContext, Sealer, SealKind, unseal
from reelkeep.ids import CompanyId, VersionId
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.footer import Footer
from reelkeep.storage.layout import STILLS, still_key

MAX_STILL_BYTES: Final = 16 << 20
MAX_STILL_NUMBER: Final = 999_999_999  # storage.layout gives it nine digits
_MAX_TILE_PX: Final = 4096
_MAX_TILES: Final = 100
_MAX_INTERVAL_FRAMES: Final = 1 << 20


class StillKind(enum.Enum):
    POSTER = "poster"  # number 0
    TILES = "tiles"  # sheets, from 0
    PEAKS = "peaks"  # number 0
    TIMES = "times"  # number 0; of the original's pictures, where its rate is not constant

    @property
    def content_type(self) -> str:
        return "application/json" if self in (StillKind.PEAKS, StillKind.TIMES) else "image/jpeg"

    @property
    def seal_kind(self) -> SealKind:
        return SealKind[self.name]


@dataclass(frozen=True)
class TileLayout:
    """How the frames of a version lie on tile sheets: row by row, one tile every ``interval_frames``.

    Raises:
        BadBitstream: a number is out of its range (the layout comes from the codec process).
    """

    tile_width_px: int
    tile_height_px: int
    columns: int
    rows: int
    interval_frames: int

    def __post_init__(self) -> None:
        bounds = (
            (self.tile_width_px, _MAX_TILE_PX), (self.tile_height_px, _MAX_TILE_PX), (self.columns, _MAX_TILES),
            (self.rows, _MAX_TILES), (self.interval_frames, _MAX_INTERVAL_FRAMES),
        )  # fmt: skip
        if any(type(value) is not int or not 1 <= value <= largest for value, largest in bounds):
            raise BadBitstream("the layout of the tile sheets is out of its range")

    def place(self, frame: int) -> tuple[int, int, int]:
        """Return the sheet of the tile for a frame, and the tile's left and top edge in it.

        >>> TileLayout(160, 90, 10, 10, 24).place(24 * 112)
        (1, 320, 90)
        """
        sheet, tile = divmod(frame // self.interval_frames, self.columns * self.rows)
        row, column = divmod(tile, self.columns)
        return sheet, column * self.tile_width_px, row * self.tile_height_px

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TileLayout:
        """Return the layout of ``to_json``; raise BadBitstream if it is none."""
        try:
            return cls(**stored)
        except TypeError:
            raise BadBitstream("the layout of the tile sheets has other fields") from None


@dataclass(frozen=True)
class SealedStill:
    """A still as it is put into the bucket, and its row."""

    kind: StillKind
    number: int
    object_key: str
    body: bytes
    length: int  # sealed bytes at the start of the body; a footer follows
    content_type: str


class StillWriter:
    """Seals the stills of one attempt, each number of a kind once."""

    def __init__(
        self, version_key: VersionKey, salt: bytes, company_id: CompanyId, version_id: VersionId, attempt_number: int
    ) -> None:
        self._salt = salt
        self._context = SealContext(company_id, version_id, attempt_number, STILLS)
        self._sealer = Sealer(version_key.seal_key(salt, STILLS), self._context)

    def seal(self, kind: StillKind, number: int, plain: bytes) -> SealedStill:
        """Return a still for the bucket.

        Raises:
            BadBitstream: it is empty or over MAX_STILL_BYTES, or its number is out of range.
            NonceReuse: this number was sealed before. Nothing was sealed in either case.
        """
        if not 1 <= len(plain) <= MAX_STILL_BYTES or not 0 <= number <= MAX_STILL_NUMBER:
            raise BadBitstream("a still is empty or too large")
        sealed = self._sealer.seal(kind.seal_kind, number, plain)
        footer = Footer(self._salt, self._context.attempt_number, number, len(sealed))
        key = still_key(self._context.version_id, self._context.attempt_number, kind.value, number)
        return SealedStill(kind, number, key, sealed + footer.encode(), len(sealed), kind.content_type)


def unseal_still(
    version_key: VersionKey,
    salt: bytes,
    company_id: CompanyId,
    version_id: VersionId,
    attempt_number: int,
    kind: StillKind,
    number: int,
    sealed: bytes | bytearray,
) -> bytes:
    """Return a still. ``sealed`` is the object's first ``length`` bytes; raise SealBroken if it is another's."""
    if not SEAL_OVERHEAD_BYTES < len(sealed) <= MAX_STILL_BYTES + SEAL_OVERHEAD_BYTES:
        raise SealBroken("a sealed still is empty or too large")
    context = SealContext(company_id, version_id, attempt_number, STILLS)
    return unseal(version_key.seal_key(salt, STILLS), kind.seal_kind, number, context, sealed)
