"""Sound of every kind through the real codec: each channel is a tone of its own, looked for in the stereo proxy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.media.codec_runs import Run, run_codec
from tests.media.kinds import PCM, X264, ffmpeg

from reelkeep.media import AUDIO_RATE_HZ
from reelkeep.transcode import protocol

LEVEL = 0.25
SECONDS = 0.5
HALF = 0.707  # three decibels less


def tone_hz(channel: int) -> int:
    return 400 + 200 * channel


def tones(channels: int) -> str:
    return "|".join(f"{LEVEL}*sin(2*PI*{tone_hz(n)}*t)" for n in range(channels))


def source(channels: int, layout: str, rate: int = AUDIO_RATE_HZ) -> tuple[str, ...]:
    return ("-f", "lavfi", "-t", str(SECONDS), "-i", f"aevalsrc={tones(channels)}:c={layout}:s={rate}")


def heard(run: Run, channels: int) -> np.ndarray:
    """Return an array of shape (2, channels): how loud each channel's tone is on the left and on the right."""
    assert not run.all_of(protocol.Problem), run.said
    sound = run.sound()[:, 1024 + 4_800 : 1024 + 4_800 + 9_600]
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


@pytest.mark.parametrize(("name", "tracks"), [("pair.mov", 2), ("eight.mxf", 8), ("four.mkv", 4)])
def test_of_many_tracks_of_one_channel_the_first_two_are_left_and_right(name: str, tracks: int, tmp_path: Path) -> None:
    run = run_codec(film_with_tracks(tmp_path / name, tracks))
    assert run.facts.audio_channels == tracks
    wanted = np.zeros((2, tracks))
    wanted[0, 0] = wanted[1, 1] = 1
    assert np.abs(heard(run, tracks) - wanted).max() < 0.08
    assert run.only(protocol.Done).audio_samples == pytest.approx(SECONDS * AUDIO_RATE_HZ, abs=1_100)


def test_a_second_language_is_not_mixed_in(tmp_path: Path) -> None:
    languages = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra")
    run = run_codec(film_with_tracks(tmp_path / "languages.mkv", 2, *languages))
    assert np.abs(heard(run, 2) - np.array([[HALF, 0], [HALF, 0]])).max() < 0.08


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
