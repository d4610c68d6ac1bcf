"""The protocol's readers: what was sent comes back, and anything else is BadFrame, never another error."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.isolation.channel import BadFrame, Message, decode_header, encode
from reelkeep.media import Band, FrameRate, Light, Rung, Sound, Timecode, TrackKind
from reelkeep.media import Loudness as LoudnessFacts
from reelkeep.media import Probe as ProbeFacts
from reelkeep.transcode import protocol

RATE = FrameRate(30000, 1001)
SAMPLES = (
    protocol.SampleEntry(5, 1001, 0, True),
    protocol.SampleEntry(3, 1001, 1001, False),
    protocol.SampleEntry(2, 1001, -1001, False),
)
FACTS = ProbeFacts(
    "MOV or MP4",
    True,
    True,
    1920,
    1080,
    RATE,
    100,
    Timecode(107892, RATE, True),
    "prores",
    "pcm_s24le",
    2,
    48000,
    160160,
    sounds=(
        Sound("pcm_s24le", 6, "5.1(side)", 48_000, "en-gb", "Mix, für alle", 6),
        Sound("aac", 2, "stereo", 44_100, "fra"),
    ),
)
MESSAGES = [
    protocol.Read(0, 1 << 20),
    protocol.Probe(FACTS),
    protocol.Probe(
        ProbeFacts("WAV", False, True, audio_samples=5, sounds=(Sound("flac", 1, "mono", 96_000),), light=Light.LINEAR)
    ),
    protocol.Plan(
        (Rung("v360", 640, 360, 12, 23.0, 2_000_000, True, (Band(4, 2), Band(18, 2))),),
        2,
        48,
        94,
        protocol.TileLayout(160, 90, 10, 10, 24),
    ),
    protocol.Track("v360", TrackKind.VIDEO, b"\x01d\x00\x1e", 30000, 1001, 640, 360),
    protocol.Track("a1", TrackKind.AUDIO, b"\x11\x90", 48000, 1024, channels=2, priming_samples=1024),
    protocol.Fragment("v360", 12, SAMPLES, b"aaaaabbbcc"),
    protocol.Still("poster", 0, 640, 360, "image/jpeg", 0, b"\xff\xd8\xff\xe0"),
    protocol.Peaks(512, 2, b"\x80\x7f\x00\x01"),
    protocol.Loudness(1, LoudnessFacts(-23.0, 6.5, -1.2)),
    protocol.Loudness(0, LoudnessFacts(None, None, None)),
    protocol.Times(1, 90_000, 4, 3_000, 6_000, bytes(8) * 2),
    protocol.Progress(48),
    protocol.Done(100, 158, 160160),
    protocol.Problem("cut_off", "its index is not there"),
]


def through_the_wire(message: Message) -> Message:
    framed = encode(message)
    header_length = int.from_bytes(framed[:4], "big")
    return decode_header(framed[8 : 8 + header_length], framed[8 + header_length :])


@pytest.mark.parametrize("sent", MESSAGES, ids=lambda sent: type(sent).__name__)
def test_what_a_codec_sends_is_what_the_carrier_reads(sent: Any) -> None:
    assert protocol.parse_from_codec(through_the_wire(sent.message())) == sent


def test_a_job_and_its_bytes_come_back_too() -> None:
    for sent in (
        protocol.Job(5 << 40, 96, 188, 2, False, True, False, False, 120, True, (2_880, 5_760), 4),
        protocol.Bytes(7, b"abc"),
        protocol.GoOn(True),
    ):
        assert protocol.parse_from_carrier(through_the_wire(sent.message())) == sent


def test_a_job_goes_on_at_segments_only() -> None:
    for job in (protocol.Job(1, resume_frame=12), protocol.Job(1, resume_audio_frame=93)):
        with pytest.raises(BadFrame):
            protocol.parse_from_carrier(job.message())


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=20),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@given(st.sampled_from(MESSAGES), st.data())
def test_a_field_that_is_twisted_is_refused_or_bounded_and_never_crashes(sent: Any, data: st.DataObject) -> None:
    message = sent.message()
    name = data.draw(st.sampled_from(sorted(message.fields)))
    twisted = Message(message.kind, {**message.fields, name: data.draw(VALUES)}, message.body)
    try:
        protocol.parse_from_codec(twisted)
    except BadFrame:
        return


@pytest.mark.parametrize("sent", MESSAGES, ids=lambda sent: type(sent).__name__)
def test_a_missing_or_unknown_field_is_refused(sent: Any) -> None:
    message = sent.message()
    with pytest.raises(BadFrame):
        protocol.parse_from_codec(Message(message.kind, {**message.fields, "extra": 1}, message.body))
    for name in message.fields:
        rest = {other: value for other, value in message.fields.items() if other != name}
        with pytest.raises(BadFrame):
            protocol.parse_from_codec(Message(message.kind, rest, message.body))


@pytest.mark.parametrize(
    "samples",
    [
        (replace(SAMPLES[0], sync=False), *SAMPLES[1:]),
        (replace(SAMPLES[0], cts_offset=1001), *SAMPLES[1:]),
        (SAMPLES[0], replace(SAMPLES[1], duration=1000), SAMPLES[2]),
        (replace(SAMPLES[0], size=6), *SAMPLES[1:]),
        (),
        SAMPLES * 40,
    ],
    ids=["no sync", "hole in time", "uneven", "bytes do not add up", "empty", "too many"],
)
def test_a_fragment_that_contradicts_itself_is_refused(samples: tuple[protocol.SampleEntry, ...]) -> None:
    with pytest.raises(BadFrame):
        protocol.parse_from_codec(protocol.Fragment("v360", 0, samples, b"aaaaabbbcc").message())


@pytest.mark.parametrize("detail", ["\x1b[2J", "bell\x07", "ä", "<b>", "x" * 65, 5])
def test_a_problems_detail_is_a_few_plain_characters_only(detail: Any) -> None:
    with pytest.raises(BadFrame):
        protocol.parse_from_codec(Message("problem", {"code": "damaged", "detail": detail}))


def test_a_number_is_never_a_truth_value() -> None:
    with pytest.raises(BadFrame):
        protocol.parse_from_codec(Message("progress", {"frames": True}))


def test_a_still_that_is_no_jpeg_is_refused() -> None:
    with pytest.raises(BadFrame):
        protocol.parse_from_codec(replace(MESSAGES[7], body=b"<svg onload=alert(1)>").message())
