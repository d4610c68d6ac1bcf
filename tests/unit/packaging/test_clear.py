from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest
from tests.media.encoded import RATE, Encoded, aac, h264

from reelkeep.encryption.keys import ContentKey
from reelkeep.media import TrackKind
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.clear import clear_fragment
from reelkeep.packaging.cmaf import clear_movie
from reelkeep.packaging.segmenter import RenditionPackager

KEY, IV = ContentKey(b"k" * 16, b"K" * 16), b"i" * 16


def sealed(encoded: Encoded, size: int) -> list[bytes]:
    packager = RenditionPackager(encoded.track, KEY, IV)
    return [packager.segment(number, *group).body for number, group in enumerate(encoded.groups(size))]


def test_pictures_and_sound_come_back_byte_for_byte_in_one_file() -> None:
    picture, sound = h264(48, slices=3), aac(2.0)
    parts = [(TrackKind.VIDEO, 1, each) for each in sealed(picture, 24)]
    parts += [(TrackKind.AUDIO, 2, each) for each in sealed(sound, 30)]
    file = clear_movie([picture.track, sound.track], Fraction(48) / RATE)
    for number, (kind, track_id, segment) in enumerate(parts):
        file += clear_fragment(segment, kind, KEY, IV, number=number, track_id=track_id)
    with av.open(io.BytesIO(file)) as opened:
        assert opened.duration is not None
        assert abs(opened.duration / 1e6 - 2.0) < 0.1
        packets = [packet for packet in opened.demux() if packet.size]
        bodies = {0: [], 1: []}
        for packet in packets:
            bodies[packet.stream.index].append(bytes(packet))
    assert bodies[0] == picture.bodies
    assert bodies[1] == sound.bodies
    with av.open(io.BytesIO(file)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 48
        assert opened.streams.video[0].average_rate == RATE


def test_another_key_gives_no_picture() -> None:
    picture = h264(24)
    (segment,) = sealed(picture, 24)
    clear = clear_fragment(segment, TrackKind.VIDEO, KEY, IV, number=0, track_id=1)
    other = clear_fragment(segment, TrackKind.VIDEO, ContentKey(b"k" * 16, b"L" * 16), IV, number=0, track_id=1)
    assert len(clear) == len(other)
    assert clear != other


@pytest.mark.parametrize(
    "change",
    [
        lambda segment: segment[:-1],
        lambda segment: segment + b"\0\0\0\x08free",
        lambda segment: b"\xff" + segment[1:],
        lambda segment: segment.replace(b"trun", b"tron"),
        lambda segment: segment.replace(b"tfdt", b"tfxt"),
        lambda segment: segment.replace(b"senc", b"sexc"),
        lambda segment: b"",
    ],
)
def test_what_was_not_packaged_here_is_refused(change) -> None:
    (segment,) = sealed(h264(24), 24)
    with pytest.raises(BadBitstream):
        clear_fragment(change(segment), TrackKind.VIDEO, KEY, IV, number=0, track_id=1)
