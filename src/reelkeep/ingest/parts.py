"""How a file is cut into the parts of a multipart upload. Pure; no I/O.

Limits of Amazon S3, "Amazon S3 multipart upload limits", November 2026: 10,000 parts, 5 MiB to 5 GiB each but the last.
Parts are equal (some stores ask for it) and a multiple of 8 MiB, so that readers of whole MiB stay aligned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reelkeep.errors import MediaError, RequestError

MIN_PART_BYTES: Final = 8 << 20
MAX_PARTS: Final = 10_000
MAX_FILE_BYTES: Final = 5 * 10**12  # 5 TB: promise H10


@dataclass(frozen=True)
class PartPlan:
    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        return -(-self.size_bytes // self.part_bytes)

    def offset(self, number: int) -> int:
        """Return where part ``number`` (from 1) begins."""
        return (number - 1) * self.part_bytes

    def length(self, number: int) -> int:
        """Return the bytes of part ``number`` (from 1); raise RequestError if there is no such part."""
        if not 1 <= number <= self.count:
            raise RequestError(f"this upload has the parts 1 to {self.count}")
        return min(self.part_bytes, self.size_bytes - self.offset(number))


def plan_parts(size_bytes: int) -> PartPlan:
    """Return the plan for a file.

    >>> plan_parts(1).count, plan_parts(MAX_FILE_BYTES).count <= MAX_PARTS, plan_parts(100 << 20).part_bytes >> 20
    (1, True, 8)

    Raises:
        MediaError: the file is empty.
        RequestError: it is larger than the store can take.
    """
    if size_bytes < 1:
        raise MediaError("the file is empty", advice="Export the file again and upload it once it has a size.")
    if size_bytes > MAX_FILE_BYTES:
        raise RequestError("the file is larger than 5 TB", advice="Cut it into reels and upload each of them.")
    least = -(-size_bytes // MAX_PARTS)
    return PartPlan(size_bytes, -(-least // MIN_PART_BYTES) * MIN_PART_BYTES)
