"""Where a proxy that was begun goes on: at the first segment that some rendition lacks. Pure; no I/O.

A job taken up again encodes from there for every rendition. What a rendition has beyond that point is encoded again
and dropped: a published segment is never replaced. Of a film that is cut, this is said of one unit.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from reelkeep.catalog.luts import Choice
from reelkeep.media import AUDIO_SEGMENT_AAC_FRAMES, DEFAULT_BANDS, DEFAULT_LARGEST_EDGE_PX, SEGMENT_FRAMES, is_sound
from reelkeep.transcode.protocol import Job
from reelkeep.transcode.units import Unit

WHOLE = Unit(0, 0, None)


@dataclass(frozen=True)
class Published:
    """What of a proxy is in the database already.

    Args:
        expected: the renditions that the first attempt planned; empty if none came so far.
        unit: the part of the picture that is looked at.
        mark_bands, largest_edge_px, lut: of the proxy that was begun, else what the production wants.
        segments, samples: by rendition, counted without a hole from the unit's first frame on; of sound from its start.
        numbers: by rendition, of every segment there is.
        sheets: the numbers of all tile sheets there are.
    """

    expected: tuple[str, ...] = ()
    planned_frames: int = 0
    mark_bands: int = DEFAULT_BANDS
    largest_edge_px: int = DEFAULT_LARGEST_EDGE_PX
    lut: Choice | None = None
    segments: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[str, int] = field(default_factory=dict)
    unit: Unit = WHOLE
    numbers: Mapping[str, Collection[int]] = field(default_factory=dict)
    sheets: Collection[int] = ()
    poster: bool = False
    peaks: bool = False
    times: bool = False
    complete: bool = False

    @property
    def place(self) -> tuple[tuple[str, int], ...]:
        """Return how far the film is published, to be compared with where it was before."""
        return (("unit", self.unit.number), *sorted(self.segments.items()))

    def job(self, size_bytes: int, sheet_frames: int = 0) -> Job:
        """Return what to ask of the codec.

        Args:
            sheet_frames: how many frames one tile sheet stands for; 0 if that is not known yet.
        """
        return Job(
            size_bytes=size_bytes,
            resume_frame=self.resume_frame,
            resume_audio_frame=self._resume_audio_frame(),
            resume_tile_sheet=self._sheet(sheet_frames),
            poster=not self.poster,
            peaks=not self.peaks,
            bands=self.mark_bands,
            largest_edge_px=self.largest_edge_px,
        )

    def _sheet(self, sheet_frames: int) -> int:
        """Return the first sheet that is missing among those of the unit and what follows it."""
        first = -(-self.unit.first_frame // sheet_frames) if sheet_frames else 0
        return next(number for number in itertools.count(first) if number not in self.sheets)

    def _resume_audio_frame(self) -> int:
        sounds = [name for name in self.expected if is_sound(name)]
        return _floor(min((self.samples.get(name, 0) for name in sounds), default=0), AUDIO_SEGMENT_AAC_FRAMES)

    @property
    def resume_frame(self) -> int:
        """Return the first frame to encode, a multiple of 48.

        The last segment of a picture that is published whole is encoded again: the codec tells the real length only
        by reaching it.
        """
        video = [name for name in self.expected if not is_sound(name)]
        frames = min((self.samples.get(name, 0) for name in video), default=0)
        first, end = self.unit.first_frame, self.unit.end_frame or self.planned_frames
        if frames and first + frames >= end:
            frames -= 1
        return first + _floor(frames, SEGMENT_FRAMES)


def _floor(frames: int, segment_frames: int) -> int:
    return frames // segment_frames * segment_frames


def run_from(start: int, numbered: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return how many segments follow each other without a hole from ``start`` on, and how many samples these have.

    Args:
        numbered: (number, samples), by number; those before ``start`` do not count.

    >>> run_from(0, [(0, 12), (1, 36), (3, 48)]), run_from(3, [(0, 12), (1, 36), (3, 48)])
    ((2, 48), (1, 48))
    """
    segments = samples = 0
    for number, count in numbered:
        if number < start:
            continue
        if number != start + segments:
            break
        segments, samples = segments + 1, samples + count
    return segments, samples
