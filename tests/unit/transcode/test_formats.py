"""Every kind of original in the real codec: what it says of the file, and every frame of the proxy by its number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.codec_runs import Run, run_codec
from tests.media.kinds import KINDS, Kind, make
from tests.media.originals import read_number

from reelkeep.transcode import protocol


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


def numbers(run: Run) -> list[tuple[Fraction, int]]:
    """Return place and shown number of each frame of the largest rung."""
    name = run.only(protocol.Plan).rungs[-1].name
    return [(time, read_number(luma)) for time, luma in run.pictures(name)]


def found_facts(run: Run) -> dict[str, object]:
    facts = run.facts
    return {
        **{name: getattr(facts, name) for name in vars(facts)},
        "rate": facts.rate and facts.rate.fraction,
        "timecode": facts.start_timecode and facts.start_timecode.text(),
    }


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_fact_is_right_and_every_frame_shows_its_number(kind: Kind, folder: Path) -> None:
    path = make(kind, folder)
    run = run_codec(path)
    path.unlink()
    assert not run.all_of(protocol.Problem), run.said
    shows = list(kind.shows if kind.shows is not None else kind.order or range(kind.count))
    width, height = kind.shown_as or kind.size
    rate = Fraction(25) if kind.shows and kind.order else kind.rate
    wanted = {
        "rate": rate,
        "frames": len(shows),
        "width_px": width,
        "height_px": height,
        "has_video": True,
        **kind.facts,
    }
    wanted |= {"has_audio": kind.sound is not None}
    if kind.sound is not None:
        wanted |= {"audio_rate_hz": 48_000}
    found = found_facts(run)
    assert {name: found[name] for name in wanted} == wanted
    assert run.only(protocol.Done).frames == len(shows)
    assert numbers(run) == list(enumerate(shows))
