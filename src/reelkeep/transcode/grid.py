"""The grid of segments: which frames each covers, and the assembly of segments from a codec's fragments. Pure; no I/O.

Every rendition's segments cover frames [48k, 48k + 48); on the step rung the first of these is split in two, [0, 12)
and [12, 48), so that the first picture is published before anything else. Audio has 94 AAC frames to a segment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from reelkeep.isolation.channel import BadFrame
from reelkeep.media import (
    AUDIO_SEGMENT_AAC_FRAMES,
    FIRST_STEP_SEGMENT_FRAMES,
    GOP_FRAMES,
    SEGMENT_FRAMES,
    STEP_GOP_FRAMES,
    TrackKind,
)
from reelkeep.transcode.protocol import Fragment, SampleEntry

MAX_SEGMENT_BYTES: Final = 64 << 20  # isolation.channel.MAX_BODY_BYTES; the largest at 2160p is below 20 MB


@dataclass(frozen=True)
class Grid:
    """The grid of one rendition, counted in video frames or AAC frames."""

    kind: TrackKind
    is_step: bool = False

    @property
    def fragment_frames(self) -> int:
        """Return how many frames a fragment has; only a rendition's last one may have fewer."""
        if self.kind is TrackKind.AUDIO:
            return AUDIO_SEGMENT_AAC_FRAMES
        return STEP_GOP_FRAMES if self.is_step else GOP_FRAMES

    def number(self, frame: int) -> int:
        """Return the number of the segment that holds a frame.

        >>> [Grid(TrackKind.VIDEO, is_step=True).number(frame) for frame in (0, 11, 12, 47, 48, 96)]
        [0, 0, 1, 1, 2, 3]
        """
        if self.is_step:
            return 0 if frame < FIRST_STEP_SEGMENT_FRAMES else frame // SEGMENT_FRAMES + 1
        return frame // (AUDIO_SEGMENT_AAC_FRAMES if self.kind is TrackKind.AUDIO else SEGMENT_FRAMES)

    def start(self, number: int) -> int:
        """Return the first frame of a segment.

        >>> [Grid(TrackKind.VIDEO, is_step=True).start(number) for number in range(4)]
        [0, 12, 48, 96]
        """
        if self.is_step:
            return (0, FIRST_STEP_SEGMENT_FRAMES)[number] if number < 2 else (number - 1) * SEGMENT_FRAMES
        return number * (AUDIO_SEGMENT_AAC_FRAMES if self.kind is TrackKind.AUDIO else SEGMENT_FRAMES)


@dataclass(frozen=True)
class Segment:
    """The samples of one whole segment, still clear."""

    number: int
    first: int
    samples: tuple[SampleEntry, ...]
    body: bytes = field(repr=False)


class Assembler:
    """Puts the fragments of one rendition together; what leaves the grid breaks the protocol.

    Args:
        first: the frame the codec was told to begin with, the start of a segment.
    """

    def __init__(self, grid: Grid, first: int) -> None:
        self._grid = grid
        self.next_frame = first
        self._parts: list[Fragment] = []
        self._bytes = 0
        self._short = False

    def add(self, fragment: Fragment) -> Segment | None:
        """Take the next fragment and return the segment it completes, if it does.

        Raises:
            BadFrame: it leaves a hole, comes twice, or does not fill its place on the grid.
        """
        frames = len(fragment.samples)
        if fragment.first != self.next_frame or self._short or frames > self._grid.fragment_frames:
            raise BadFrame("a fragment is not the next one of its rendition")
        self._short = frames < self._grid.fragment_frames  # the last one: nothing may follow
        self._bytes += len(fragment.body)
        if self._bytes > MAX_SEGMENT_BYTES:
            raise BadFrame("a segment is larger than the protocol allows")
        self._parts.append(fragment)
        self.next_frame += frames
        number = self._grid.number(fragment.first)
        return self._take() if self.next_frame == self._grid.start(number + 1) else None

    def finish(self) -> Segment | None:
        """Return the last segment, which may be short, or None if nothing is left over."""
        return self._take() if self._parts else None

    def _take(self) -> Segment:
        parts, self._parts, self._bytes = self._parts, [], 0
        samples = tuple(sample for part in parts for sample in part.samples)
        first = parts[0].first
        return Segment(self._grid.number(first), first, samples, b"".join(part.body for part in parts))
