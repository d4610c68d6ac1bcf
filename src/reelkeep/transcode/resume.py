"""Where a proxy that was begun goes on: at the first segment that some rendition lacks. Pure; no I/O.

A job taken up again encodes from there for every rendition. What a rendition has beyond that point is encoded again
and dropped: a published segment is never replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reelkeep.media import AUDIO_SEGMENT_AAC_FRAMES, SEGMENT_FRAMES, is_sound
from reelkeep.transcode.protocol import Job


@dataclass(frozen=True)
class Published:
    """What of a proxy is in the database already.

    Args:
        expected: the renditions that the first attempt planned; empty if none came so far.
        segments, samples: by rendition, counted from segment 0 without a hole.
    """

    expected: tuple[str, ...] = ()
    planned_frames: int = 0
    segments: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[str, int] = field(default_factory=dict)
    tile_sheets: int = 0  # from sheet 0 without a hole
    poster: bool = False
    peaks: bool = False
    times: bool = False
    complete: bool = False

    @property
    def place(self) -> tuple[tuple[str, int], ...]:
        """Return how far the film is published, to be compared with where it was before."""
        return tuple(sorted(self.segments.items()))

    def job(self, size_bytes: int) -> Job:
        """Return what to ask of the codec."""
        return Job(
            size_bytes=size_bytes,
            resume_frame=self._resume_frame(),
            resume_audio_frame=self._resume_audio_frame(),
            resume_tile_sheet=self.tile_sheets,
            poster=not self.poster,
            peaks=not self.peaks,
        )

    def _resume_audio_frame(self) -> int:
        sounds = [name for name in self.expected if is_sound(name)]
        return _floor(min((self.samples.get(name, 0) for name in sounds), default=0), AUDIO_SEGMENT_AAC_FRAMES)

    def _resume_frame(self) -> int:
        """Return the first frame to encode, a multiple of 48.

        The last segment of a picture that is published whole is encoded again: the codec tells the real length only
        by reaching it.
        """
        video = [name for name in self.expected if not is_sound(name)]
        frames = min((self.samples.get(name, 0) for name in video), default=0)
        if frames and frames >= self.planned_frames:
            frames -= 1
        return _floor(frames, SEGMENT_FRAMES)


def _floor(frames: int, segment_frames: int) -> int:
    return frames // segment_frames * segment_frames


def run_from_zero(numbered: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return how many segments lie at the beginning without a hole, and how many samples these have.

    Args:
        numbered: (number, samples), by number.

    >>> run_from_zero([(0, 12), (1, 36), (3, 48)])
    (2, 48)
    """
    segments = samples = 0
    for number, count in numbered:
        if number != segments:
            break
        segments, samples = segments + 1, samples + count
    return segments, samples
