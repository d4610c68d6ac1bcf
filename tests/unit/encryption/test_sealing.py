from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.encryption.sealing import (
    SEAL_OVERHEAD_BYTES,
    NonceReuse,
    SealBroken,
    SealContext,
    Sealer,
    SealKind,
    nonce_of,
    seal,
    unseal,
    unseal_into,
)
from reelkeep.ids import CompanyId, VersionId

KEY = bytes(range(32))
HERE = SealContext(CompanyId("acme"), VersionId("version"), 1, "v360")
PLAIN = b"a segment that is encrypted once already"


def test_what_was_sealed_comes_back() -> None:
    sealed = seal(KEY, SealKind.SEGMENT, 7, HERE, PLAIN)
    assert len(sealed) == len(PLAIN) + SEAL_OVERHEAD_BYTES
    assert PLAIN not in sealed
    assert unseal(KEY, SealKind.SEGMENT, 7, HERE, sealed) == PLAIN


@given(bit=st.integers(0, (len(PLAIN) + SEAL_OVERHEAD_BYTES) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    sealed = bytearray(seal(KEY, SealKind.SEGMENT, 7, HERE, PLAIN))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        unseal(KEY, SealKind.SEGMENT, 7, HERE, bytes(sealed))


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"company_id": CompanyId("borealis")},
        {"version_id": VersionId("another")},
        {"attempt_number": 2},
        {"rendition": "v720"},
        {"company_id": CompanyId("acmeversion"), "version_id": VersionId("")},
    ],
    ids=["company", "version", "attempt", "rendition", "a shifted border between two fields"],
)
def test_a_sealed_segment_opens_in_its_own_place_only(elsewhere: dict[str, object]) -> None:
    sealed = seal(KEY, SealKind.SEGMENT, 7, HERE, PLAIN)
    with pytest.raises(SealBroken):
        unseal(KEY, SealKind.SEGMENT, 7, dataclasses.replace(HERE, **elsewhere), sealed)


def test_a_swapped_segment_another_kind_and_another_key_are_refused() -> None:
    sealed = seal(KEY, SealKind.SEGMENT, 7, HERE, PLAIN)
    for key, kind, number in ((KEY, SealKind.SEGMENT, 8), (KEY, SealKind.INDEX, 7), (bytes(32), SealKind.SEGMENT, 7)):
        with pytest.raises(SealBroken):
            unseal(key, kind, number, HERE, sealed)


@pytest.mark.parametrize("length", [0, 1, SEAL_OVERHEAD_BYTES - 1, SEAL_OVERHEAD_BYTES, 40])
def test_a_cut_segment_is_refused(length: int) -> None:
    with pytest.raises(SealBroken):
        unseal(KEY, SealKind.SEGMENT, 7, HERE, seal(KEY, SealKind.SEGMENT, 7, HERE, PLAIN)[:length])


def test_the_place_is_authenticated_and_not_only_in_the_key() -> None:
    """Associated data alone must hold: here all places share one key."""
    places = [dataclasses.replace(HERE, rendition=name) for name in ("a1", "v360")]
    data = {place.associated_data(kind, number) for place in places for kind in SealKind for number in (0, 1, 10)}
    assert len(data) == len(places) * len(SealKind) * 3


def test_a_sealer_seals_each_number_of_a_kind_once() -> None:
    sealer = Sealer(KEY, HERE)
    sealer.seal(SealKind.POSTER, 0, PLAIN)
    sealer.seal(SealKind.TILES, 0, PLAIN)
    with pytest.raises(NonceReuse, match="poster 0 of v360"):
        sealer.seal(SealKind.POSTER, 0, b"something else")


def test_nonces_differ_by_kind_and_number_and_stay_in_range() -> None:
    assert len({nonce_of(kind, number) for kind in SealKind for number in range(300)}) == len(SealKind) * 300
    assert all(len(kind.value) == 4 for kind in SealKind)
    for number in (-1, 1 << 64):
        with pytest.raises(ValueError, match="64 bits"):
            nonce_of(SealKind.SEGMENT, number)


@pytest.mark.parametrize("missing", [1, 16, 400])
def test_what_is_shorter_than_the_memory_for_it_is_cut_off(missing: int) -> None:
    sealed = seal(KEY, SealKind.SEGMENT, 1, HERE, bytes(500))
    with pytest.raises(SealBroken, match="cut off"):
        unseal_into(KEY, SealKind.SEGMENT, 1, HERE, sealed[:-missing], bytearray(500))
