"""Where a job goes on: never behind a hole, never inside a segment."""

from __future__ import annotations

import pytest

from reelkeep.transcode.resume import Published, run_from_zero


@pytest.mark.parametrize(
    ("expected", "samples", "planned", "frame", "audio_frame"),
    [
        ((), {}, 0, 0, 0),
        (("v360", "v720", "a1"), {"v360": 12}, 500, 0, 0),
        (("v360", "v720", "a1"), {"v360": 480, "v720": 96, "a1": 188}, 500, 96, 188),
        (("v360", "v720"), {"v360": 480}, 500, 0, 0),
        (("v360",), {"v360": 500}, 500, 480, 0),
        (("v360",), {"v360": 480}, 480, 432, 0),
        (("v360", "a1"), {"v360": 500, "a1": 100}, 500, 480, 94),
        (("a1",), {"a1": 940}, 0, 0, 940),
    ],
)
def test_it_goes_on_at_the_first_segment_that_some_rendition_lacks(
    expected: tuple[str, ...], samples: dict[str, int], planned: int, frame: int, audio_frame: int
) -> None:
    job = Published(expected=expected, planned_frames=planned, samples=samples).job(1_000)
    assert (job.resume_frame, job.resume_audio_frame) == (frame, audio_frame)


def test_stills_that_are_published_are_not_asked_for_again() -> None:
    job = Published(tile_sheets=2, poster=True, peaks=False).job(1_000)
    assert (job.resume_tile_sheet, job.poster, job.peaks) == (2, False, True)


def test_nothing_behind_a_hole_counts() -> None:
    assert run_from_zero([(0, 12), (1, 36), (3, 48)]) == (2, 48)
    assert run_from_zero([(1, 36)]) == (0, 0)
