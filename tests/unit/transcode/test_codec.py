"""The codec in its sandbox on real files: frames, times, sound, stills, resumption."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.codec_runs import Run, run_codec
from tests.media.originals import make_original, make_sound, read_number

from reelkeep.media import FrameRate
from reelkeep.transcode import protocol

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("originals")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    return make_original(folder / "film.mp4", frames=110, rate=Fraction(24000, 1001), size=(960, 540))


@pytest.fixture(scope="module")
def made(film: Path) -> Run:
    return run_codec(film)


@pytest.fixture(scope="module")
def resumed(film: Path) -> Run:
    return run_codec(film, resume_frame=48, resume_audio_frame=94, poster=False, peaks=True)


@pytest.fixture(scope="module")
def master(folder: Path) -> Run:
    path = make_original(
        folder / "master.mov", codec="prores_ks", pixels="yuv422p10le", sound="pcm_s24le", rate=NTSC,
        timecode="01:00:00;00", frames=50,
    )  # fmt: skip
    return run_codec(path)


def numbers(run: Run, rendition: str) -> list[tuple[int, int]]:
    return [(int(time), read_number(luma)) for time, luma in run.pictures(rendition)]


def test_every_frame_of_every_rung_shows_its_own_number_at_its_own_time(made: Run) -> None:
    for rung in made.only(protocol.Plan).rungs:
        assert numbers(made, rung.name) == [(n, n) for n in range(110)]


def test_the_first_fragment_of_all_is_the_step_rungs_twelve_frames(made: Run) -> None:
    outputs = [m for m in made.said if isinstance(m, protocol.Fragment | protocol.Still | protocol.Peaks)]
    assert (outputs[0].rendition, outputs[0].first, len(outputs[0].samples)) == ("v360", 0, 12)


def test_fragments_are_gops_of_one_grid_and_the_last_is_shorter(made: Run) -> None:
    step = [(f.first, len(f.samples)) for f in made.fragments("v360")]
    assert step == [(first, min(12, 110 - first)) for first in range(0, 110, 12)]
    assert [(f.first, len(f.samples)) for f in made.fragments("v540")] == [
        (0, 24),
        (24, 24),
        (48, 24),
        (72, 24),
        (96, 14),
    ]


def test_a_track_comes_once_and_before_its_first_fragment(made: Run) -> None:
    seen: set[str] = set()
    for message in made.said:
        if isinstance(message, protocol.Track):
            assert message.rendition not in seen
            seen.add(message.rendition)
        elif isinstance(message, protocol.Fragment):
            assert message.rendition in seen


def test_the_rate_and_the_length_are_exact(made: Run) -> None:
    assert made.facts.rate == FrameRate(24000, 1001)
    assert made.facts.frames == made.only(protocol.Done).frames == 110
    assert (made.track("v540").timescale, made.track("v540").sample_ticks) == (24000, 1001)


def test_a_samples_bytes_are_slices_with_lengths_and_nothing_else(made: Run) -> None:
    for fragment in made.fragments("v360") + made.fragments("v540"):
        place, kinds = 0, set()
        while place < len(fragment.body):
            length = int.from_bytes(fragment.body[place : place + 4], "big")
            kinds.add(fragment.body[place + 4] & 0x1F)
            place += 4 + length
        assert place == len(fragment.body)
        assert kinds <= {1, 5}


def test_the_sound_comes_back_after_its_priming_at_the_right_time(made: Run) -> None:
    left = made.sound()[0, 1024 : 1024 + 48_000]
    clock = np.arange(48_000) / 48_000
    wanted = np.sin(2 * np.pi * 440 * clock) / 2
    assert np.corrcoef(left[2_000:], wanted[2_000:])[0, 1] > 0.99
    assert [f.first for f in made.fragments("a1")] == list(range(0, made.only(protocol.Done).audio_frames, 94))


def test_a_resumed_job_makes_the_same_tracks_and_the_rest_of_the_frames(made: Run, resumed: Run) -> None:
    assert numbers(resumed, "v540") == [(n, n) for n in range(48, 110)]
    assert numbers(resumed, "v360") == [(n, n) for n in range(48, 110)]
    assert [resumed.track(name) for name in ("v360", "v540", "a1")] == [made.track(n) for n in ("v360", "v540", "a1")]
    assert [f.first for f in resumed.fragments("a1")] == [94, 188]
    assert resumed.only(protocol.Done) == made.only(protocol.Done)


def test_the_seam_of_resumed_sound_cannot_be_heard(made: Run, resumed: Run) -> None:
    whole, rest = made.sound()[0], resumed.sound()[0]
    start = 94 * 1024 + 1024  # the decoder itself needs one frame to come in
    difference = np.abs(whole[start : start + 20_000] - rest[1024 : 1024 + 20_000])
    assert difference.mean() < 0.004  # one sample of shift would be 0.018
    assert difference.max() < 0.15


def test_peaks_of_a_resumed_job_cover_the_whole_sound(made: Run, resumed: Run) -> None:
    assert resumed.all_of(protocol.Peaks) == made.all_of(protocol.Peaks)


def test_peaks_show_the_level_of_the_louder_channel(made: Run) -> None:
    fine, coarse = made.all_of(protocol.Peaks)
    values = np.frombuffer(fine.body, dtype=np.int8).reshape(-1, 2)[4:-4]
    assert np.median(values[:, 1]) == pytest.approx(64, abs=3)
    assert np.median(values[:, 0]) == pytest.approx(-64, abs=3)
    assert coarse.points < fine.points


def test_tiles_and_poster_are_pictures_of_the_planned_size(made: Run) -> None:
    layout = made.only(protocol.Plan).tiles
    poster, sheet = sorted(made.all_of(protocol.Still), key=lambda still: still.kind)
    assert (layout.width_px, layout.height_px, layout.step_frames) == (160, 90, 24)
    assert (sheet.width_px, sheet.height_px, sheet.tiles) == (1600, 90, 5)
    assert (poster.width_px, poster.height_px) == (640, 360)


def test_drop_frame_timecode_is_kept_from_a_prores_master(master: Run) -> None:
    assert master.timecode.text() == "01:00:00;00"
    assert master.facts.rate == FrameRate(30000, 1001)
    assert master.facts.video_codec == "prores"
    assert numbers(master, "v180") == [(n, n) for n in range(50)]


def test_a_silent_clip_has_no_sound_track(folder: Path) -> None:
    run = run_codec(make_original(folder / "silent.mp4", sound=None, frames=30))
    assert not run.facts.has_audio
    assert not run.fragments("a1")
    assert run.only(protocol.Done) == protocol.Done(30, 0, 0)


def test_a_single_frame_is_a_film_of_one_frame(folder: Path) -> None:
    run = run_codec(make_original(folder / "one.mp4", sound=None, frames=1))
    assert numbers(run, "v180") == [(0, 0)]
    assert {still.kind for still in run.all_of(protocol.Still)} == {"poster", "tiles"}


def test_sound_alone_needs_no_picture(folder: Path) -> None:
    run = run_codec(make_sound(folder / "sound.wav"))
    assert (run.facts.has_video, run.facts.audio_samples) == (False, 144_000)
    assert run.only(protocol.Done).audio_samples == 144_000


def test_a_varying_rate_becomes_a_constant_grid_that_shows_the_nearest_frame(folder: Path) -> None:
    times = [0, 40, 80, 200, 240, 242, 280]  # a hole after the third, and one that nearly falls on another
    path = make_original(folder / "vfr.mp4", sound=None, frames=7, times=times, rate=Fraction(25))
    shown = numbers(run_codec(path), "v180")
    assert [time for time, _ in shown] == list(range(8))
    assert [number for _, number in shown] == [0, 1, 2, 2, 2, 3, 4, 6]


@pytest.mark.parametrize("gop", [7, 50])
def test_a_resumed_job_misses_no_frame_wherever_the_keyframes_lie(gop: int, folder: Path) -> None:
    path = make_original(folder / f"gop{gop}.mp4", frames=150, sound=None, gop_frames=gop, size=(160, 90))
    run = run_codec(path, resume_frame=144, resume_tile_sheet=1, poster=False)
    assert numbers(run, "v90") == [(n, n) for n in range(144, 150)]
    assert sum(read.length for read in run.reads) > 0


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "sound"),
    [
        ("dnx.mxf", "dnxhd", "yuv422p", "pcm_s16le"),
        ("film.mkv", "libx265", "yuv420p10le", "libopus"),
        ("film.ts", "mpeg2video", "yuv420p", "mp2"),
    ],
)
def test_other_containers_come_out_frame_by_frame_too(
    name: str, codec: str, pixels: str, sound: str, folder: Path
) -> None:
    size = (1280, 720) if codec == "dnxhd" else (320, 180)
    path = make_original(folder / name, frames=14, codec=codec, pixels=pixels, sound=sound, size=size)
    run = run_codec(path)
    assert numbers(run, run.only(protocol.Plan).rungs[0].name) == [(n, n) for n in range(14)]
    assert run.fragments("a1")


def test_an_interlaced_source_loses_its_comb_and_none_of_its_frames(folder: Path) -> None:
    path = make_original(folder / "interlaced.mov", frames=14, codec="prores_ks", pixels="yuv422p10le", interlaced=True)
    assert numbers(run_codec(path), "v180") == [(n, n) for n in range(14)]


def test_a_turned_picture_stands_upright(folder: Path) -> None:
    run = run_codec(make_original(folder / "turned.mp4", sound=None, frames=3, turn=90))
    assert (run.facts.width_px, run.facts.height_px) == (180, 320)
    assert run.pictures("v180")[0][1].shape == (320, 180)


def test_the_original_is_read_in_bounded_pieces(made: Run, film: Path) -> None:
    assert all(read.length <= 1 << 20 for read in made.reads)
    assert sum(read.length for read in made.reads) < 3 * film.stat().st_size + (4 << 20)
