from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.media import FrameRate, TrackKind
from reelkeep.playback.manifest import manifest, segment_count, segment_samples
from reelkeep.playback.proxies import Proxy, RenditionRow

NAMES = {"mpd": "urn:mpeg:dash:schema:mpd:2011", "cenc": "urn:mpeg:cenc:2013", "dashif": "https://dashif.org/CPS"}
KID = bytes(range(16))
LICENCE = "http://acme-media.localhost:8000/p/token/licence"
RATES = [FrameRate(24000, 1001), FrameRate(24, 1), FrameRate(25, 1), FrameRate(30000, 1001), FrameRate(60, 1)]


def rendition(name: str, rate: FrameRate, *, is_step: bool = False, published: int = 0) -> RenditionRow:
    is_video = name.startswith("v")
    return RenditionRow(
        name, TrackKind.VIDEO if is_video else TrackKind.AUDIO, is_step, 640 if is_video else None,
        360 if is_video else None, "avc1.64001e" if is_video else "mp4a.40.2",
        rate.numerator if is_video else 48_000, 600_000, KID, bytes(16), b"", published,
    )  # fmt: skip


def proxy(rate: FrameRate, planned: int, audio_samples: int = 0, frames: int | None = None) -> Proxy:
    aac = -(-audio_samples // 1_024) + 1 if audio_samples else 0
    tracks = [
        rendition("v360", rate, is_step=True, published=frames or 0),
        rendition("v720", rate, published=frames or 0),
    ]
    if audio_samples:
        tracks.append(rendition("a1", rate, published=aac if frames is not None else 0))
    return Proxy(planned, frames, rate, audio_samples, None, tuple(tracks))


def segments_of(text: str, name: str) -> list[tuple[Fraction, Fraction]]:
    """Read a manifest as a player does: start and duration of each segment, in seconds."""
    root = ElementTree.fromstring(text)
    (track,) = root.findall(f".//mpd:Representation[@id='{name}']", NAMES)
    template = track.find("mpd:SegmentTemplate", NAMES)
    timescale, found, at = int(template.get("timescale")), [], 0
    for run in template.findall("mpd:SegmentTimeline/mpd:S", NAMES):
        at = int(run.get("t", at))
        for _ in range(int(run.get("r", 0)) + 1):
            found.append((Fraction(at, timescale), Fraction(int(run.get("d")), timescale)))
            at += int(run.get("d"))
    return found


def duration_of(text: str) -> Fraction:
    root = ElementTree.fromstring(text)
    duration = root.get("mediaPresentationDuration")
    assert root.find("mpd:Period", NAMES).get("duration") == duration
    return Fraction(duration.removeprefix("PT").removesuffix("S"))


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{rate.numerator}-{rate.denominator}")
@pytest.mark.parametrize("frames", [1, 12, 13, 48, 49, 96, 1_000])
def test_every_rungs_segments_are_the_grid_exactly_without_gap_or_overlap(rate: FrameRate, frames: int) -> None:
    text = manifest(proxy(rate, frames), LICENCE)
    for name, first in (("v360", 12), ("v720", 48)):
        found = segments_of(text, name)
        assert found[0] == (0, min(first, frames) / rate.fraction)
        assert all(start + length == next_start for (start, length), (next_start, _) in pairwise(found))
        assert sum(length for _, length in found) == frames / rate.fraction
        assert all(start * rate.fraction % 48 == 0 for start, _ in found if start and start * rate.fraction != 12)


@given(st.integers(1, 200_000), st.sampled_from(RATES))
def test_the_step_rung_meets_the_other_rungs_at_every_48th_frame(frames: int, rate: FrameRate) -> None:
    step = list(segment_samples(frames, kind=TrackKind.VIDEO, is_step=True))
    large = list(segment_samples(frames, kind=TrackKind.VIDEO, is_step=False))
    assert sum(step) == sum(large) == frames
    assert step[2:] == large[1:]
    assert sum(step[:2]) == large[0]
    assert segment_count(frames, kind=TrackKind.VIDEO, is_step=True) == len(step)
    assert segment_count(frames, kind=TrackKind.VIDEO, is_step=False) == len(large)


@given(st.integers(1, 10_000_000))
def test_audio_is_presented_one_aac_frame_before_its_decode_time(samples: int) -> None:
    found = segments_of(manifest(proxy(FrameRate(24, 1), 240, samples), LICENCE), "a1")
    aac = -(-samples // 1_024) + 1
    assert found[0][0] == 0
    assert len(found) == segment_count(aac, kind=TrackKind.AUDIO, is_step=False)
    for number, (start, length) in enumerate(found[:-1]):
        decode = Fraction(number * 94 * 1_024, 48_000)
        assert start == max(Fraction(0), decode - Fraction(1_024, 48_000))
        assert length == Fraction(94 * 1_024 - (0 if number else 1_024), 48_000)
    assert sum(length for _, length in found) == Fraction((aac - 1) * 1_024, 48_000) >= Fraction(samples, 48_000)


@given(st.integers(1, 500_000), st.sampled_from(RATES))
def test_the_presentation_never_ends_before_its_last_frame_does(frames: int, rate: FrameRate) -> None:
    excess = duration_of(manifest(proxy(rate, frames), LICENCE)) - frames / rate.fraction
    assert 0 <= excess < Fraction(1, 1_000_000)


def test_the_real_length_replaces_the_planned_one_once_it_is_known() -> None:
    rate = FrameRate(24, 1)
    text = manifest(proxy(rate, 240, 480_000, frames=233), LICENCE)
    assert duration_of(text) == Fraction("9.708334")
    assert sum(length for _, length in segments_of(text, "v360")) == 233 / rate.fraction


def test_a_silent_film_has_no_audio_set() -> None:
    root = ElementTree.fromstring(manifest(proxy(FrameRate(24, 1), 48), LICENCE))
    assert [each.get("contentType") for each in root.findall(".//mpd:AdaptationSet", NAMES)] == ["video"]


def test_every_rendition_names_its_key_and_where_its_licence_is() -> None:
    root = ElementTree.fromstring(manifest(proxy(FrameRate(24, 1), 48, 96_000), LICENCE + "?a&b"))
    tracks = root.findall(".//mpd:Representation", NAMES)
    assert [track.get("id") for track in tracks] == ["v360", "v720", "a1"]
    for track in tracks:
        common, clear_key = track.findall("mpd:ContentProtection", NAMES)
        assert common.get("value") == "cbcs"
        assert common.get(f"{{{NAMES['cenc']}}}default_KID") == "00010203-0405-0607-0809-0a0b0c0d0e0f"
        assert clear_key.get("schemeIdUri") == "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
        assert clear_key.find("dashif:Laurl", NAMES).text == LICENCE + "?a&b"


def test_the_manifest_of_a_two_hour_film_is_made_in_less_than_50_ms() -> None:
    film = proxy(FrameRate(24000, 1001), 172_627, 345_600_000)
    begun = time.process_time()
    text = manifest(film, LICENCE)
    assert time.process_time() - begun < 0.05
    assert len(text) < 5_000
