from __future__ import annotations

import time
import uuid
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.media import FrameRate, TrackKind
from reelkeep.playback.manifest import SWITCHING_SCHEME, manifest, segment_count, segment_samples
from reelkeep.playback.proxies import Proxy, RenditionRow
from reelkeep.transcode.fields import MAX_AUDIO_SAMPLES, MAX_FRAMES

NAMES = {"mpd": "urn:mpeg:dash:schema:mpd:2011", "cenc": "urn:mpeg:cenc:2013", "dashif": "https://dashif.org/CPS"}
KID = bytes(range(16))
LICENCE = "http://acme-media.localhost:8000/p/token/licence"
RATES = [FrameRate(24000, 1001), FrameRate(24, 1), FrameRate(25, 1), FrameRate(30000, 1001), FrameRate(60, 1)]


def rendition(
    name: str, rate: FrameRate, *, is_step: bool = False, published: int = 0, key_id: bytes = KID
) -> RenditionRow:
    is_video = name.startswith("v")
    return RenditionRow(
        name, TrackKind.VIDEO if is_video else TrackKind.AUDIO, is_step, 640 if is_video else None,
        int(name[1:]) if is_video else None, "avc1.64001e" if is_video else "mp4a.40.2",
        rate.numerator if is_video else 48_000, 600_000, key_id, bytes(16), b"", published,
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


def sets_of(text: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(text).findall(".//mpd:AdaptationSet", NAMES)


def test_a_silent_film_has_no_audio_set() -> None:
    found = sets_of(manifest(proxy(FrameRate(24, 1), 48), LICENCE))
    assert {each.get("contentType") for each in found} == {"video"}


def test_every_sound_track_is_a_set_of_its_own_that_says_its_language() -> None:
    film = proxy(FrameRate(24, 1), 48, 96_000)
    spoken = [
        replace(film.renditions[-1], name="a1", language="eng"),
        replace(film.renditions[-1], name="a2", language="fra", label="Director & <crew>"),
        replace(film.renditions[-1], name="a3", label="Director & <crew>"),
    ]
    found = sets_of(manifest(replace(film, renditions=(*film.renditions[:-1], *spoken)), LICENCE))[2:]
    assert [each.find("mpd:Representation", NAMES).get("id") for each in found] == ["a1", "a2", "a3"]
    assert [each.get("lang") for each in found] == ["eng", "fra", None]
    assert [each.findtext("mpd:Label", None, NAMES) for each in found] == [
        "Track 1",
        "Director & <crew>",
        "Director & <crew> (3)",
    ]
    roles = [each.find("mpd:Role", NAMES).get("value") for each in found]
    assert roles == ["main", "alternate", "alternate"]
    assert [each.find("mpd:SupplementalProperty", NAMES) for each in found] == [None] * 3  # no player mixes tracks up


def ladder(rate: FrameRate, *classes: int) -> Proxy:
    """A film whose rungs from 360 lines up have the keys of these classes, and sound with a key of its own."""
    heights = (360, 576, 720, 1080, 2160)
    rungs = [
        rendition(f"v{height}", rate, is_step=height == 360, key_id=bytes([key]) * 16)
        for height, key in zip(heights, classes, strict=False)
    ]
    sound = rendition("a1", rate, key_id=bytes(16))
    return Proxy(480, None, rate, 960_000, None, (sound, *rungs))


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ((1, 1, 2, 2, 3), [["v360"], ["v576"], ["v720", "v1080"], ["v2160"], ["a1"]]),
        ((1, 2, 2), [["v360"], ["v576", "v720"], ["a1"]]),
        ((1,), [["v360"], ["a1"]]),
    ],
)
def test_a_set_holds_one_key_and_one_segment_grid(classes: tuple[int, ...], expected: list[list[str]]) -> None:
    text = manifest(ladder(FrameRate(24, 1), *classes), LICENCE)
    found = sets_of(text)
    assert [[track.get("id") for track in each.findall("mpd:Representation", NAMES)] for each in found] == expected
    for each in found:
        names = [track.get("id") for track in each.findall("mpd:Representation", NAMES)]
        assert len({tuple(segments_of(text, name)) for name in names}) == 1
        assert each.get("segmentAlignment") == ("true" if len(names) > 1 else None)
        assert not each.findall("mpd:Representation/mpd:ContentProtection", NAMES), "the set's key is every rung's"


def test_players_may_switch_between_all_sets_of_video_and_to_no_other() -> None:
    found = sets_of(manifest(ladder(FrameRate(24, 1), 1, 1, 2, 2, 3), LICENCE))
    assert [each.get("id") for each in found] == ["0", "1", "2", "3", "4"]
    switching = [each.findall("mpd:SupplementalProperty", NAMES) for each in found]
    assert {prop.get("schemeIdUri") for props in switching for prop in props} == {SWITCHING_SCHEME}
    assert [[prop.get("value") for prop in props] for props in switching] == [
        ["1,2,3"], ["0,2,3"], ["0,1,3"], ["0,1,2"], [],
    ]  # fmt: skip


def test_every_set_names_its_key_and_where_its_licence_is() -> None:
    found = sets_of(manifest(ladder(FrameRate(24, 1), 1, 1, 2), LICENCE + "?a&b"))
    assert len(found) == 4
    for each, key in zip(found, (1, 1, 2, 0), strict=True):
        common, clear_key = each.findall("mpd:ContentProtection", NAMES)
        assert common.get("value") == "cbcs"
        assert common.get(f"{{{NAMES['cenc']}}}default_KID") == str(uuid.UUID(bytes=bytes([key]) * 16))
        assert clear_key.get("schemeIdUri") == "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"
        assert clear_key.find("dashif:Laurl", NAMES).text == LICENCE + "?a&b"


def test_a_film_that_claims_the_greatest_length_holds_nobody_up() -> None:
    """The length is what the codec says it is, and every viewer's request makes the manifest on the one event loop."""
    rate = FrameRate(24, 1)
    began = time.process_time()
    manifest(proxy(rate, MAX_FRAMES, MAX_AUDIO_SAMPLES), "http://a/")
    assert time.process_time() - began < 0.05


def test_the_manifest_of_a_two_hour_film_is_made_in_less_than_50_ms() -> None:
    film = proxy(FrameRate(24000, 1001), 172_627, 345_600_000)
    begun = time.process_time()
    text = manifest(film, LICENCE)
    assert time.process_time() - begun < 0.05
    assert len(text) < 5_000
