"""Sound of every kind through the real codec: each channel is a tone of its own, looked for in the stereo proxy."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.codec_runs import Run, run_codec
from tests.media.kinds import PCM, X264, ffmpeg, ffmpeg_says

from reelkeep.media import AUDIO_RATE_HZ, MAX_SOUNDS
from reelkeep.media import Loudness as LoudnessFacts
from reelkeep.transcode import protocol
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.sound import Timeline

LEVEL = 0.25
SECONDS = 0.5
HALF = 0.707  # three decibels less


def tone_hz(channel: int) -> int:
    return 400 + 200 * channel


def tones(channels: int) -> str:
    return "|".join(f"{LEVEL}*sin(2*PI*{tone_hz(n)}*t)" for n in range(channels))


def source(channels: int, layout: str, rate: int = AUDIO_RATE_HZ) -> tuple[str, ...]:
    return ("-f", "lavfi", "-t", str(SECONDS), "-i", f"aevalsrc={tones(channels)}:c={layout}:s={rate}")


def heard(run: Run, channels: int, track: int = 0) -> np.ndarray:
    """Return an array of shape (2, channels): how loud each channel's tone is on the left and on the right."""
    assert not run.all_of(protocol.Problem), run.said
    sound = run.sound(track)[:, 1024 + 4_800 : 1024 + 4_800 + 9_600]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(9_600), axis=1)) / 9_600 * 4 / LEVEL
    return spectrum[:, [tone_hz(n) * 9_600 // AUDIO_RATE_HZ for n in range(channels)]]


# ITU-R BS.775-3, table 2: centre and surrounds 3 dB less, the low-frequency channel left out, nothing attenuated for
# the sum; a single channel goes to both sides at equal power.
DOWNMIX = {
    "mono": ([HALF], [HALF]),
    "stereo": ([1, 0], [0, 1]),
    "2.1": ([1, 0, 0], [0, 1, 0]),
    "3.0": ([1, 0, HALF], [0, 1, HALF]),
    "quad": ([1, 0, HALF, 0], [0, 1, 0, HALF]),
    "5.0": ([1, 0, HALF, HALF, 0], [0, 1, HALF, 0, HALF]),
    "5.1": ([1, 0, HALF, 0, HALF, 0], [0, 1, HALF, 0, 0, HALF]),
    "6.1": ([1, 0, HALF, 0, 0.5, HALF, 0], [0, 1, HALF, 0, 0.5, 0, HALF]),
    "7.1": ([1, 0, HALF, 0, HALF, 0, HALF, 0], [0, 1, HALF, 0, 0, HALF, 0, HALF]),
}


@pytest.mark.parametrize("layout", DOWNMIX)
def test_every_layout_is_brought_to_stereo_by_one_rule(layout: str, tmp_path: Path) -> None:
    wanted = np.array(DOWNMIX[layout])
    ffmpeg(*source(wanted.shape[1], layout), str(tmp_path / "sound.wav"))
    run = run_codec(tmp_path / "sound.wav")
    assert run.facts.audio_channels == wanted.shape[1]
    assert np.abs(heard(run, wanted.shape[1]) - wanted).max() < 0.08


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 88_200, 96_000, 192_000, 384_000, 768_000])
def test_any_sample_rate_keeps_pitch_and_length(rate: int, tmp_path: Path) -> None:
    ffmpeg(*source(2, "stereo", rate), str(tmp_path / "sound.wav"))
    run = run_codec(tmp_path / "sound.wav")
    assert run.facts.audio_rate_hz == rate
    assert abs(run.only(protocol.Done).audio_samples - SECONDS * AUDIO_RATE_HZ) <= 16
    assert np.abs(heard(run, 2) - np.eye(2)).max() < 0.1


CODINGS = [
    *((f"{name}.wav", name) for name in ("pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_mulaw")),
    *((f"{name}.mov", name) for name in ("pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "alac", "pcm_s16le")),
    ("sound.aiff", "pcm_s24be"), ("sound.flac", "flac"), ("sound.mp3", "libmp3lame"), ("sound.ogg", "libvorbis"),
    ("sound.m4a", "aac"), ("sound.mka", "libopus"), ("sound.w64.wav", "pcm_s16le"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec"), CODINGS)
def test_every_coding_of_sound_is_heard_as_it_was(name: str, codec: str, tmp_path: Path) -> None:
    ffmpeg(*source(2, "stereo"), "-c:a", codec, str(tmp_path / name))
    run = run_codec(tmp_path / name)
    assert not run.facts.has_video
    assert np.abs(heard(run, 2) - np.eye(2)).max() < 0.15


def film_with_tracks(path: Path, tracks: int, *options: str) -> Path:
    sounds = [word for n in range(tracks) for word in _one_tone(n)]
    maps = [word for n in range(tracks + 1) for word in ("-map", f"{n}:0")]
    picture = ("-f", "lavfi", "-i", f"testsrc=s=320x180:r=25:d={SECONDS}")
    ffmpeg(*picture, *sounds, *maps, *X264.split(), *PCM.split(), *options, "-shortest", str(path))
    return path


def _one_tone(channel: int) -> tuple[str, ...]:
    expression = f"{LEVEL}*sin(2*PI*{tone_hz(channel)}*t)"
    return ("-f", "lavfi", "-t", str(SECONDS), "-i", f"aevalsrc={expression}:c=mono:s={AUDIO_RATE_HZ}")


PAIR = ([1, 0], [0, 1])
ALONE = ([HALF], [HALF])
FIVE_ONE = ([1, 0, HALF, 0, HALF, 0], [0, 1, HALF, 0, 0, HALF])


@pytest.mark.parametrize(
    ("name", "tracks"),
    [
        ("pair.mov", [PAIR]),
        ("three.mkv", [PAIR, ALONE]),
        ("four.mkv", [PAIR, PAIR]),
        ("six.mov", [FIVE_ONE]),
        ("eight.mxf", [PAIR, PAIR, PAIR, PAIR]),
    ],
)
def test_streams_of_one_channel_that_belong_together_are_one_track(
    name: str, tracks: list[Any], tmp_path: Path
) -> None:
    streams = sum(len(left) for left, _ in tracks)
    run = run_codec(film_with_tracks(tmp_path / name, streams))
    assert [sound.streams for sound in run.facts.sounds] == [len(left) for left, _ in tracks]
    first = 0
    for number, (left, right) in enumerate(tracks):
        wanted = np.zeros((2, streams))
        wanted[:, first : first + len(left)] = left, right
        assert np.abs(heard(run, streams, number) - wanted).max() < 0.08
        first += len(left)
    assert run.only(protocol.Done).audio_samples == pytest.approx(SECONDS * AUDIO_RATE_HZ, abs=1_100)


def test_streams_that_say_their_places_are_put_there(tmp_path: Path) -> None:
    """Centre, right, left, and then a second left and right."""
    places = ("FC", "FR", "FL", "FL", "FR")
    options = [word for n, place in enumerate(places) for word in (f"-filter:a:{n}", f"channelmap=0:{place}")]
    run = run_codec(film_with_tracks(tmp_path / "placed.mov", 5, *options))
    assert [(sound.channels, sound.layout) for sound in run.facts.sounds] == [(3, "3.0"), (2, "stereo")]
    assert np.abs(heard(run, 5) - np.array([[HALF, 0, 1, 0, 0], [HALF, 1, 0, 0, 0]])).max() < 0.08
    assert np.abs(heard(run, 5, 1) - np.array([[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]])).max() < 0.08


def test_every_language_is_a_track_with_its_name_and_none_is_mixed_in(tmp_path: Path) -> None:
    names = ("language=eng", "language=fra", "language=fra")
    titles = ("title=", "title=Version originale", "title=Commentaire\nI")
    tags = [w for n in range(3) for tag in (names[n], titles[n]) for w in (f"-metadata:s:a:{n}", tag)]
    surround = ("-filter:a:1", "pan=5.1|FC=c0", "-filter:a:2", "pan=stereo|FL=c0")
    run = run_codec(film_with_tracks(tmp_path / "languages.mkv", 3, *tags, *surround))
    assert [(sound.language, sound.title, sound.layout) for sound in run.facts.sounds] == [
        ("eng", "", "mono"), ("fra", "Version originale", "5.1"), ("fra", "CommentaireI", "stereo"),
    ]  # fmt: skip
    wanted = [[[HALF, 0, 0], [HALF, 0, 0]], [[0, HALF, 0], [0, HALF, 0]], [[0, 0, 1], [0, 0, 0]]]
    for number, levels in enumerate(wanted):
        assert np.abs(heard(run, 3, number) - np.array(levels)).max() < 0.08


def test_a_track_that_ends_early_is_silent_up_to_the_length_of_the_longest(tmp_path: Path) -> None:
    short = ("-filter:a:1", "atrim=end=0.2,pan=stereo|c0=c0")
    ffmpeg(*_one_tone(0), *_one_tone(1), "-map", "0", "-map", "1", *short, *PCM.split(), str(tmp_path / "two.mka"))
    run = run_codec(tmp_path / "two.mka")
    assert run.only(protocol.Done) == protocol.Done(0, 25, int(SECONDS * AUDIO_RATE_HZ))
    assert [len(run.sound(number)[0]) for number in (0, 1)] == [25 * 1_024] * 2
    assert np.abs(run.sound(1)[:, -9_000:]).max() < 0.01


def test_of_more_tracks_than_can_be_chosen_among_the_first_are_kept(tmp_path: Path) -> None:
    tags = [w for n in range(MAX_SOUNDS + 2) for w in (f"-metadata:s:a:{n}", f"language=q{chr(97 + n)}x")]
    run = run_codec(film_with_tracks(tmp_path / "many.mkv", MAX_SOUNDS + 2, *tags))
    assert [sound.language for sound in run.facts.sounds] == [f"q{chr(97 + n)}x" for n in range(MAX_SOUNDS)]
    assert len(run.all_of(protocol.Track)) == MAX_SOUNDS + 1


def test_a_further_track_that_cannot_be_decoded_is_left_out(tmp_path: Path) -> None:
    foreign = ("-c:a:1", "g726", "-ar:a:1", "8000", "-strict", "-2")
    run = run_codec(film_with_tracks(tmp_path / "foreign.mkv", 3, *foreign))
    assert [(sound.codec, sound.streams) for sound in run.facts.sounds] == [("pcm_s16le", 2)]


def measured(run: Run) -> list[LoudnessFacts]:
    assert not run.all_of(protocol.Problem), run.said
    return [said.facts for said in run.all_of(protocol.Loudness)]


# EBU Tech 3341, table 1: a sine of 1 kHz at -23 dBFS on both sides is -23 LUFS; one side alone is 3 LU less. Surrounds
# count 1.41 times, the low-frequency channel not at all (ITU-R BS.1770-4).
TONES = {
    "stereo": ("pan=stereo|FL=c0|FR=c0", -23.0),
    "mono": ("anull", -26.0),
    "centre": ("pan=5.1|FC=c0", -26.0),
    "surround": ("pan=5.1|BL=c0", -24.5),
    "low": ("pan=5.1|LFE=c0", None),
}
NAMELESS = {"surround.mka": -24.5, "low.mka": None}  # Matroska does not name the channels of PCM


@pytest.mark.parametrize("name", TONES)
def test_a_tone_of_known_level_has_the_loudness_that_the_standard_says(name: str, tmp_path: Path) -> None:
    filters, wanted = TONES[name]
    source = ("-f", "lavfi", "-t", "4", "-i", f"aevalsrc={10 ** (-23 / 20)}*sin(2*PI*1000*t):s=48000")
    ffmpeg(*source, "-af", filters, "-c:a", "pcm_f32le", str(tmp_path / "tone.wav"))
    (found,) = measured(run_codec(tmp_path / "tone.wav"))
    assert found.integrated_lufs == (None if wanted is None else pytest.approx(wanted, abs=0.1))
    assert found.true_peak_dbtp == pytest.approx(-23, abs=0.3)


@pytest.mark.parametrize("name", NAMELESS)
def test_channels_without_names_count_as_what_they_are_taken_for(name: str, tmp_path: Path) -> None:
    filters, wanted = TONES[name.partition(".")[0]][0], NAMELESS[name]
    source = ("-f", "lavfi", "-t", "4", "-i", f"aevalsrc={10 ** (-23 / 20)}*sin(2*PI*1000*t):s=48000")
    ffmpeg(*source, "-af", filters, "-c:a", "pcm_f32le", str(tmp_path / name))
    (found,) = measured(run_codec(tmp_path / name))
    assert found.integrated_lufs == (None if wanted is None else pytest.approx(wanted, abs=0.1))


def test_loudness_is_what_another_release_of_the_program_measures(tmp_path: Path) -> None:
    """Pink noise that gets louder, 44,100 samples a second; each of two streams of one channel is one side."""
    noise = "anoisesrc=c=pink:r=44100:d=12:seed=2026:a=0.5,volume='0.1+t/20':eval=frame"
    ffmpeg("-f", "lavfi", "-i", noise, "-c:a", "pcm_s24le", str(tmp_path / "noise.wav"))
    source = ("-i", str(tmp_path / "noise.wav"))
    ffmpeg(*source, *source, "-map", "0", "-map", "1", "-c:a", "pcm_s24le", str(tmp_path / "two.mov"))
    ffmpeg(*source, "-ac", "2", "-af", "pan=stereo|FL=c0|FR=c0", "-c:a", "pcm_s24le", str(tmp_path / "one.wav"))
    said = ffmpeg_says("-i", str(tmp_path / "one.wav"), "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-")
    integrated, spread, peak = (float(re.findall(rf"{name}:\s+(-?[0-9.]+)", said)[-1]) for name in ("I", "LRA", "Peak"))
    for file in ("one.wav", "two.mov"):
        (found,) = measured(run_codec(tmp_path / file))
        assert found.integrated_lufs == pytest.approx(integrated, abs=0.15)
        assert found.range_lu == pytest.approx(spread, abs=0.3)
        assert found.true_peak_dbtp == pytest.approx(peak, abs=0.3)


def test_a_job_that_goes_on_measures_the_whole_sound_again(tmp_path: Path) -> None:
    ffmpeg(*source(2, "stereo"), "-af", "aloop=loop=8:size=24000", str(tmp_path / "sound.wav"))
    whole, resumed = run_codec(tmp_path / "sound.wav"), run_codec(tmp_path / "sound.wav", resume_audio_frame=94)
    assert measured(resumed) == measured(whole) != []
    assert len(resumed.fragments("a1")) == len(whole.fragments("a1")) - 1


@pytest.mark.parametrize("rate", [1, 100, 900])
def test_sound_of_a_few_samples_a_second_is_refused(rate: int, tmp_path: Path) -> None:
    ffmpeg(*source(2, "stereo", rate), str(tmp_path / "sound.wav"))
    problem = run_codec(tmp_path / "sound.wav").only(protocol.Problem)
    assert problem == protocol.Problem("unsupported", f"sound with {rate} samples a second")


def test_a_film_whose_sound_ended_before_its_picture_began_has_silent_sound(tmp_path: Path) -> None:
    picture = ("-itsoffset", "2", "-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=0.4")
    ffmpeg(*picture, *source(1, "mono"), *X264.split(), *PCM.split(), str(tmp_path / "film.mkv"))
    run = run_codec(tmp_path / "film.mkv")
    assert run.only(protocol.Done) == protocol.Done(10, 2, 0)  # the priming frame and one of silence
    assert np.abs(run.sound()).max() < 0.01


def decoded(value: float, samples: int, sample_format: str, layout: str, rate: int, start: Fraction) -> Any:
    """Return a frame of sound as a decoder gives it, every sample the same."""
    planar, channels = sample_format.endswith("p"), len(av.AudioLayout(layout).channels)
    shape = (channels, samples) if planar else (1, samples * channels)
    scaled = np.full(shape, value if sample_format.startswith("flt") else value * 32_768)
    frame = av.AudioFrame.from_ndarray(
        scaled.astype(np.float32 if sample_format.startswith("flt") else np.int16), format=sample_format, layout=layout
    )
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start * rate)
    return frame


OTHER_SOUND = {
    "another layout": ("s16", "mono", AUDIO_RATE_HZ),
    "another rate": ("s16", "stereo", 44_100),
    "another format": ("fltp", "stereo", AUDIO_RATE_HZ),
    "all of them": ("fltp", "5.1", 96_000),
}


@pytest.mark.parametrize(
    "first", [("s16", "stereo", AUDIO_RATE_HZ), ("fltp", "stereo", AUDIO_RATE_HZ), ("s16", "stereo", 44_100)]
)
@pytest.mark.parametrize("second", OTHER_SOUND.values(), ids=OTHER_SOUND.keys())
def test_sound_that_changes_in_the_middle_goes_on_where_it_was(
    first: tuple[str, str, int], second: tuple[str, str, int]
) -> None:
    timeline, half = Timeline(Fraction(0)), Fraction(1, 2)
    blocks = [
        *timeline.add(decoded(0.25, round(half * first[2]), *first, Fraction(0))),
        *timeline.add(decoded(0.25, round(half * second[2]), *second, half)),
        *timeline.end(),
    ]
    assert {block.shape[0] for block in blocks} == {2}
    whole = np.concatenate(blocks, axis=1)
    assert abs(whole.shape[1] - AUDIO_RATE_HZ) <= 2  # a resampler's rounding
    assert whole[:, :23_900] == pytest.approx(0.25, abs=0.01)
    assert whole[:, 23_900:47_900].min() > 0.1


@pytest.mark.parametrize("rate", [1, 1_999, 768_001])
def test_sound_that_goes_on_at_no_rate_of_sound_is_refused(rate: int) -> None:
    timeline = Timeline(Fraction(0))
    list(timeline.add(decoded(0.25, 480, "s16", "stereo", AUDIO_RATE_HZ, Fraction(0))))
    with pytest.raises(Refused, match="unsupported"):
        list(timeline.add(decoded(0.25, 480, "s16", "stereo", rate, Fraction(1, 100))))
