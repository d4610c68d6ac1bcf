from __future__ import annotations

import struct
from functools import cache

import pytest
from tests.media import boxes
from tests.media.encoded import Encoded, aac, h264

from reelkeep.encryption.keys import ContentKey
from reelkeep.packaging.cmaf import Protection, init_segment
from reelkeep.packaging.segmenter import RenditionPackager

KEY, IV = ContentKey(b"k" * 16, b"K" * 16), b"i" * 16


@cache
def video() -> Encoded:
    return h264(48, gop_frames=12, slices=4)


@cache
def sound() -> Encoded:
    return aac(4.1)


def segments(encoded: Encoded, size: int) -> list[bytes]:
    packager = RenditionPackager(encoded.track, KEY, IV)
    return [packager.segment(number, *group).body for number, group in enumerate(encoded.groups(size))]


def run(segment: bytes) -> list[tuple[int, int, int, int]]:
    """Return duration, size, flags and composition offset of each sample."""
    data = boxes.one(segment, "trun")
    version_and_flags, count, _ = struct.unpack_from(">IIi", data)
    assert version_and_flags == 1 << 24 | 0xF01
    return list(struct.iter_unpack(">IIIi", data[12 : 12 + 16 * count]))


def decode_time(segment: bytes) -> int:
    return struct.unpack(">IQ", boxes.one(segment, "tfdt"))[1]


def test_the_first_picture_is_shown_at_exactly_zero_and_none_is_missing() -> None:
    shown, at = [], 0
    for segment in segments(video(), 12):
        assert decode_time(segment) == at
        for duration, _, _, offset in run(segment):
            shown.append(at + offset)
            at += duration
    assert any(offset < 0 for _, _, _, offset in run(segments(video(), 12)[0]))
    assert sorted(shown) == [1001 * frame for frame in range(48)]
    assert boxes.find(init_segment(video().track, None), "elst") == []


def test_the_edit_list_takes_the_priming_of_the_sound_away() -> None:
    init = init_segment(sound().track, None)
    assert boxes.one(init, "elst") == struct.pack(">IIIiHH", 0, 1, 0, 1024, 1, 0)
    assert [decode_time(segment) for segment in segments(sound(), 94)] == [0, 94 * 1024, 2 * 94 * 1024]


def test_only_pictures_that_depend_on_no_other_are_sync_samples() -> None:
    flags = [flags for segment in segments(video(), 48) for _, _, flags, _ in run(segment)]
    assert [frame for frame, each in enumerate(flags) if each == 0x02000000] == [0, 12, 24, 36]
    assert set(flags) == {0x02000000, 0x01010000}


@pytest.mark.parametrize(("encoded", "size"), [(video, 12), (sound, 94)])
def test_offsets_point_where_they_should(encoded: object, size: int) -> None:
    for number, segment in enumerate(segments(encoded(), size)):  # type: ignore[operator]
        assert [each.path for each in boxes.walk(segment) if each.path.count("/") == 1] == ["/moof", "/mdat"]
        (data_offset,) = struct.unpack_from(">i", boxes.one(segment, "trun"), 8)
        (mdat,) = boxes.find(segment, "mdat")
        assert data_offset == mdat.start + 8
        assert sum(size for _, size, _, _ in run(segment)) == len(mdat.data) - 8
        assert boxes.one(segment, "mfhd") == struct.pack(">II", 0, number + 1)


def test_the_auxiliary_information_lies_where_saio_and_saiz_say() -> None:
    for segment in segments(video(), 12):
        (senc,) = boxes.find(segment, "senc")
        version_and_flags, entries, offset = struct.unpack(">III", boxes.one(segment, "saio"))
        assert (version_and_flags, entries, offset) == (0, 1, senc.start + 16)
        default, count = struct.unpack_from(">BI", boxes.one(segment, "saiz"), 4)
        assert count == 12
        sizes = [default] * count if default else list(boxes.one(segment, "saiz")[9:])
        assert sizes == [2 + 6 * len(each) for each in boxes.subsamples(segment)]
        assert sum(sizes) == len(senc.data) - 16


def test_subsamples_of_different_counts_have_sizes_of_their_own() -> None:
    encoded = h264(12, gop_frames=12)  # the first picture has the encoder's SEI before it, the others none
    more_slices = h264(12, gop_frames=12, slices=4)
    samples, payload = (
        encoded.samples[:1] + more_slices.samples[1:],
        encoded.bodies[0] + b"".join(more_slices.bodies[1:]),
    )
    segment = RenditionPackager(more_slices.track, KEY, IV).segment(0, 0, samples, payload).body
    saiz = boxes.one(segment, "saiz")
    assert saiz[4] == 0
    assert list(saiz[9:]) == [2 + 6 * len(each) for each in boxes.subsamples(segment)]
    assert len(set(saiz[9:])) > 1


@pytest.mark.parametrize(("encoded", "pattern"), [(video, 0x19), (sound, 0)])
def test_the_protection_is_cbcs_with_a_constant_iv(encoded: object, pattern: int) -> None:
    track = encoded().track  # type: ignore[operator]
    init = init_segment(track, Protection(KEY.key_id, IV))
    assert boxes.one(init, "tenc") == struct.pack(">IBBBB", 1 << 24, 0, pattern, 1, 0) + KEY.key_id + b"\x10" + IV
    assert boxes.one(init, "schm") == struct.pack(">I4sI", 0, b"cbcs", 0x10000)
    assert boxes.one(init, "frma") in (b"avc1", b"mp4a")
    names = {each.path.rsplit("/", 1)[1] for each in boxes.walk(init)}
    assert names & {"encv", "enca"}
    assert not names & {"avc1", "mp4a", "pssh"}
    assert not {"sinf", "tenc"} & {each.path.rsplit("/", 1)[1] for each in boxes.walk(init_segment(track, None))}


def test_the_init_segment_says_size_rate_colour_and_configuration() -> None:
    init = init_segment(video().track, None)
    assert boxes.one(init, "avcC") == video().track.codec_config
    assert boxes.one(init, "colr") == b"nclx" + struct.pack(">HHHB", 1, 1, 1, 0)
    assert struct.unpack_from(">HH", boxes.one(init, "avc1"), 24) == (640, 272)
    for header, offset in (("mvhd", 12), ("mdhd", 12)):
        assert struct.unpack_from(">I", boxes.one(init, header), offset) == (24_000,)
    assert struct.unpack(">II", boxes.one(init, "tkhd")[-8:]) == (640 << 16, 272 << 16)


def test_packaging_twice_gives_the_same_bytes() -> None:
    assert segments(video(), 12) == segments(video(), 12)
