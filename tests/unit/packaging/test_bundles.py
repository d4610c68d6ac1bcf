from __future__ import annotations

import dataclasses
import hashlib
import io
from itertools import combinations

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.encoded import h264
from tests.unit.packaging.proxy import COMPANY, DESCRIPTION, PLAN, SALT, VERSION, VERSION_KEY, context, writer

from reelkeep.encryption.keys import ContentKey, VersionKey
from reelkeep.encryption.sealing import NonceReuse, SealBroken, SealKind, unseal
from reelkeep.ids import CompanyId, VersionId
from reelkeep.media import Band
from reelkeep.packaging.band_ranges import BandRange, pack_ranges, unpack_ranges
from reelkeep.packaging.bundle_index import BundleIndex, decode_index, encode_index
from reelkeep.packaging.bundles import TAIL_BYTES, Bundle, BundleWriter, read_index, read_salt
from reelkeep.packaging.segmenter import RenditionPackager

SECOND = 24_000


def fill(bundles: BundleWriter, count: int, *, start: int = 0, seconds: int = 2) -> list[Bundle]:
    """Add segments and close whenever it is due; return the bundles, with the last one."""
    made = []
    for number in range(start, start + count):
        duration = seconds * SECOND
        bundles.add(number, number * duration, duration, 48, b"segment %d" % number, now=0.0)
        if bundles.due(0.0) and (bundle := bundles.close()):
            made.append(bundle)
    return [*made, bundles.finish(count * 48)]


def test_bundles_grow_from_one_segment_to_four() -> None:
    made = fill(writer(), 13)
    assert [len(bundle.segments) for bundle in made] == [1, 1, 2, 4, 4, 1]
    assert [facts.number for bundle in made for facts in bundle.segments] == list(range(13))
    assert [bundle.object_key for bundle in made] == [f"proxies/{VERSION}/1/v360/{number}" for number in range(6)]


def test_a_bundle_is_due_at_eight_seconds_sixteen_megabytes_or_four_seconds_of_waiting() -> None:
    bundles = writer()
    fill(bundles, 8)  # groups of four from here on
    assert not bundles.due(1e9)
    bundles.add(8, 0, 2 * SECOND, 48, b"x", now=100.0)
    bundles.add(9, 0, 2 * SECOND, 48, b"x", now=103.0)
    assert not bundles.due(103.9)
    assert bundles.due(104.0)
    bundles.add(10, 0, 4 * SECOND, 48, b"x", now=103.0)
    assert bundles.due(103.0)
    assert bundles.close() is not None
    bundles.add(11, 0, SECOND, 48, bytes(15_999_983), now=0.0)
    assert not bundles.due(0.0)
    assert bundles.close() is not None
    bundles.add(12, 0, SECOND, 48, bytes(15_999_984), now=0.0)
    assert bundles.due(0.0)


def test_a_segment_comes_out_of_its_bundle_as_it_went_in() -> None:
    for bundle in fill(writer(), 8):
        for facts in bundle.segments:
            sealed = bundle.body[facts.offset : facts.offset + facts.length]
            key = VERSION_KEY.seal_key(SALT, "v360")
            plain = unseal(key, SealKind.SEGMENT, facts.number, context(), sealed)
            assert plain == b"segment %d" % facts.number
            assert facts.plain_sha256 == hashlib.sha256(plain).digest()


def test_the_index_at_the_end_says_what_was_written() -> None:
    for bundle in fill(writer(), 8):
        index = read_index(bundle.body[-TAIL_BYTES:], VERSION_KEY, context(), bundle.number)
        assert index == BundleIndex(PLAN, DESCRIPTION, bundle.segments, index.total_frames)
        assert read_salt(bundle.body) == SALT


def test_the_last_bundle_says_the_real_length_even_if_nothing_waits() -> None:
    bundles = writer()
    bundles.add(0, 0, SECOND, 48, b"x", now=0.0)
    first, last = bundles.close(), bundles.finish(47)
    assert first is not None
    assert bundles.close() is None
    assert last.segments == ()
    totals = [read_index(each.body, VERSION_KEY, context(), each.number).total_frames for each in (first, last)]
    assert totals == [None, 47]


@pytest.mark.parametrize(
    "place",
    [
        {"company_id": CompanyId("borealis")},
        {"version_id": VersionId("z" * 20)},
        {"attempt_number": 2},
        {"rendition": "v720"},
    ],
    ids=lambda place: next(iter(place)),
)
def test_a_bundle_in_another_place_is_refused(place: dict[str, object]) -> None:
    bundle = fill(writer(), 1)[0]
    with pytest.raises(SealBroken):
        read_index(bundle.body, VERSION_KEY, dataclasses.replace(context(), **place), 0)
    facts = bundle.segments[0]
    elsewhere = dataclasses.replace(context(), **place)
    key = VERSION_KEY.seal_key(SALT, elsewhere.rendition)
    with pytest.raises(SealBroken):
        unseal(key, SealKind.SEGMENT, 0, elsewhere, bundle.body[: facts.length])


def test_a_bundle_under_another_number_and_another_version_s_key_are_refused() -> None:
    first, second = fill(writer(), 2)[:2]
    with pytest.raises(SealBroken):
        read_index(first.body, VERSION_KEY, context(), 1)
    renumbered = first.body[:-12] + second.body[-12:]
    with pytest.raises(SealBroken):
        read_index(renumbered, VERSION_KEY, context(), 1)
    with pytest.raises(SealBroken):
        read_index(first.body, VersionKey(VERSION, bytes(32)), context(), 0)


def test_two_segments_cannot_change_places() -> None:
    bundle = fill(writer(), 4)[2]
    one, two = bundle.segments
    assert one.length == two.length
    swapped = bundle.body[two.offset : two.offset + two.length]
    with pytest.raises(SealBroken):
        unseal(VERSION_KEY.seal_key(SALT, "v360"), SealKind.SEGMENT, one.number, context(), swapped)


INDEX_END = fill(writer(), 2)[1]


@settings(deadline=None, max_examples=300)
@given(st.integers(0, (len(INDEX_END.body) - INDEX_END.segments[0].length) * 8 - 1))
def test_any_flipped_bit_of_index_or_footer_is_refused(bit: int) -> None:
    body = bytearray(INDEX_END.body)
    body[INDEX_END.segments[0].length + bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        read_index(bytes(body), VERSION_KEY, context(), INDEX_END.number)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_hostile_tails_are_refused_cleanly(tail: bytes) -> None:
    for data in (tail, tail + b"RKB1", tail + bytes(40) + b"\xff\xff\xff\xffRKB1"):
        with pytest.raises(SealBroken):
            read_index(data, VERSION_KEY, context(), 0)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"plan":{},"rendition":{},"segments":[],"total_frames":null}'],
)
def test_an_index_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(SealBroken):
        decode_index(data)


def test_an_index_of_another_format_version_or_field_is_refused() -> None:
    good = encode_index(BundleIndex(PLAN, DESCRIPTION, (), None))
    assert decode_index(good).plan == PLAN
    for old, new in (
        (b'"format_version":1', b'"format_version":0'),
        (b'"format_version":1', b'"format_version":2'),
        (b'"rate":[24000,1001]', b'"rate":[24000,0]'),
        (b'"kind":"video"', b'"kind":"film"'),
        (b'"name":', b'"title":'),
        (b'"is_step":', b'"also":1,"is_step":'),
        (DESCRIPTION.iv.hex().encode(), b"00"),
    ):
        assert old in good
        with pytest.raises(SealBroken):
            decode_index(good.replace(old, new))


def test_the_index_says_where_the_bands_of_every_picture_lie() -> None:
    banded = dataclasses.replace(DESCRIPTION, bands=(Band(4, 2), Band(18, 2)))
    ranges = [[BandRange(100 * number, 40), BandRange(500 + number, 60)] for number in range(48)]
    bundles = writer(description=banded)
    bundles.add(0, 0, SECOND, 48, b"x", 0.0, pack_ranges(ranges))
    index = read_index(bundles.finish(48).body, VERSION_KEY, context(), 0)
    assert index.description.bands == banded.bands
    (facts,) = index.segments
    assert [list(each) for each in unpack_ranges(facts.band_ranges, facts.samples, 2)] == ranges


def test_the_largest_index_fits_where_its_readers_look() -> None:
    banded = dataclasses.replace(DESCRIPTION, bands=(Band(4, 2), Band(10, 2), Band(18, 2)), codec_config=bytes(400))
    bundles = writer(description=banded)
    for number in range(4):
        bundles.add(number, number << 40, SECOND, 48, b"x", 0.0, b"\xff" * (48 * 3 * 8))
    assert len(read_index(bundles.finish(1 << 30).body[-TAIL_BYTES:], VERSION_KEY, context(), 0).segments) == 4


@pytest.mark.parametrize("ranges", [b"", bytes(48 * 8), bytes(48 * 16 + 1)])
def test_an_index_with_ranges_for_other_bands_than_its_own_is_refused(ranges: bytes) -> None:
    bundles = writer(description=dataclasses.replace(DESCRIPTION, bands=(Band(4, 2), Band(18, 2))))
    bundles.add(0, 0, SECOND, 48, b"x", 0.0, ranges)
    with pytest.raises(SealBroken):
        read_index(bundles.finish(48).body, VERSION_KEY, context(), 0)


def test_no_two_seals_share_key_and_nonce_over_two_attempts() -> None:
    """A repeated attempt seals other bytes under the same numbers: equal keystreams would show as equal prefixes."""
    sealed = []
    for attempt, salt in ((1, SALT), (2, bytes(32))):
        bundles = writer(attempt, salt)
        for number in range(8):
            bundles.add(number, 0, SECOND, 48, bytes(64), now=0.0)
        bundle = bundles.finish(8)
        sealed += [bundle.body[each.offset : each.offset + 64] for each in bundle.segments]
        sealed.append(bundle.body[bundle.segments[-1].offset + bundle.segments[-1].length :][:64])
    assert all(one != other for one, other in combinations(sealed, 2))
    assert len({each[at : at + 16] for each in sealed for at in (0, 16, 32, 48)}) == len(sealed) * 4


def test_a_segment_number_cannot_be_sealed_twice_in_one_attempt() -> None:
    bundles = writer()
    bundles.add(0, 0, SECOND, 48, b"x", now=0.0)
    bundles.close()
    with pytest.raises(NonceReuse):
        bundles.add(0, 0, SECOND, 48, b"y", now=0.0)


def test_a_description_and_a_context_of_different_renditions_are_refused() -> None:
    with pytest.raises(ValueError, match="rendition"):
        BundleWriter(DESCRIPTION, PLAN, VERSION_KEY, SALT, dataclasses.replace(context(), rendition="v720"))


def test_no_media_parser_opens_a_bundle_and_no_name_stands_in_it() -> None:
    encoded = h264(48, gop_frames=12)
    packager = RenditionPackager(encoded.track, ContentKey(DESCRIPTION.key_id, b"K" * 16), DESCRIPTION.iv)
    bundles = writer()
    for number, group in enumerate(encoded.groups(12)):
        segment = packager.segment(number, *group).body
        with av.open(io.BytesIO(packager.init() + segment)) as opened:
            assert opened.streams.video[0].width == 640  # inside the seal it is a film
        bundles.add(number, group[0], 12 * 1001, 12, segment, now=0.0)
    body = bundles.finish(48).body
    for name in (b"moof", b"mdat", b"cbcs", b"v360", b"avc1", COMPANY.encode(), VERSION.encode(), DESCRIPTION.key_id):
        assert name not in body
    for part in (body, packager.init() + body):
        with pytest.raises(av.error.FFmpegError):
            _decode_one(part)


def _decode_one(data: bytes) -> None:
    with av.open(io.BytesIO(data)) as opened:
        for packet in opened.demux():
            if packet.size:
                return
    raise av.error.InvalidDataError(0, "no packet")
