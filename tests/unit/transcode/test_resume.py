"""Where a job goes on: never behind a hole, never inside a segment."""

from __future__ import annotations

import pytest

from reelkeep.transcode.resume import Published, run_from
from reelkeep.transcode.units import Unit


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
    job = Published(sheets={0, 1, 3}, poster=True, peaks=False).job(1_000)
    assert (job.resume_tile_sheet, job.poster, job.peaks) == (2, False, True)


def test_nothing_behind_a_hole_counts() -> None:
    assert run_from(0, [(0, 12), (1, 36), (3, 48)]) == (2, 48)
    assert run_from(0, [(1, 36)]) == (0, 0)


@pytest.mark.parametrize(
    ("samples", "frame", "sheet"),
    [({}, 2_880, 1), ({"v360": 960, "v720": 480}, 3_360, 1), ({"v360": 2_880, "v720": 2_880}, 5_712, 1)],
)
def test_in_a_unit_it_goes_on_between_the_unit_s_ends(samples: dict[str, int], frame: int, sheet: int) -> None:
    unit = Unit(1, 2_880, 5_760)
    part = Published(expected=("v360", "v720"), planned_frames=9_000, samples=samples, unit=unit, sheets={0})
    assert (part.job(1_000, 2_880).resume_frame, part.job(1_000, 2_880).resume_tile_sheet) == (frame, sheet)
