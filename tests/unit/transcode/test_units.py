"""Units: whoever begins at a cut makes the same as who comes from the start; what is not cut stays whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.media.clips import strip_clip
from tests.media.codec_runs import Run, run_codec

from reelkeep.transcode.protocol import Boundary, Cuts, Still

FRAMES = 150
UNIT_SECONDS = 2  # 48 frames
LONG_GOPS = {"preset": "ultrafast", "crf": "20", "g": "12", "bf": "3"}
INTERLACED = {**LONG_GOPS, "x264-params": "tff=1"}

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "long GOPs": ("mp4", {"options": LONG_GOPS, "sound": "aac"}),
    "interlaced": ("mp4", {"options": INTERLACED}),
    "ProRes": ("mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {"profile": "0"}}),
    "DNxHR in MXF": ("mxf", {"codec": "dnxhd", "pixel_format": "yuv422p", "options": {"profile": "dnxhr_lb"}}),
}


def encoded(run: Run, first: int) -> list[tuple[Any, ...]]:
    return [(each.first, each.samples, each.body) for each in run.fragments("v180") if each.first >= first]


@pytest.mark.parametrize("kind", KINDS)
def test_who_begins_at_a_cut_makes_the_same_as_who_comes_from_the_start(kind: str, tmp_path: Path) -> None:
    suffix, how = KINDS[kind]
    clip = strip_clip(tmp_path / f"clip.{suffix}", FRAMES, width=320, height=180, **how)
    whole = run_codec(clip, unit_seconds=UNIT_SECONDS, find_cuts=True)
    cuts = whole.only(Cuts).frames
    assert cuts == (48, 96)
    assert [each.frame for each in whole.all_of(Boundary)] == list(cuts)
    rest = {"sound": False, "poster": False, "peaks": False, "resume_tile_sheet": 2}
    part = run_codec(clip, unit_seconds=UNIT_SECONDS, cuts=cuts, resume_frame=cuts[1], **rest)
    assert encoded(part, 0) == encoded(whole, cuts[1])
    assert [each.number for each in part.all_of(Still)] == [2, 3]
    assert not part.fragments("a1")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mkv", LONG_GOPS),
        ("clip.mp4", {**LONG_GOPS, "g": "250", "sc_threshold": "0"}),  # one keyframe: nowhere to begin
    ],
)
def test_what_cannot_be_cut_stays_one_unit(name: str, options: dict[str, str], tmp_path: Path) -> None:
    clip = strip_clip(tmp_path / name, FRAMES, width=320, height=180, options=options)
    whole = run_codec(clip, unit_seconds=UNIT_SECONDS, find_cuts=True)
    assert not whole.all_of(Cuts)
    assert len(whole.pictures("v180")) == FRAMES
