from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.packaging.proxy import COMPANY, SALT, VERSION, VERSION_KEY

from reelkeep.encryption.sealing import NonceReuse, SealBroken
from reelkeep.ids import CompanyId, VersionId
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.stills import MAX_STILL_BYTES, StillKind, StillWriter, TileLayout, unseal_still

LAYOUT = TileLayout(160, 90, 10, 5, 24)


def stills(attempt_number: int = 1) -> StillWriter:
    return StillWriter(VERSION_KEY, SALT, COMPANY, VERSION, attempt_number)


@pytest.mark.parametrize("kind", StillKind)
def test_a_still_comes_back(kind: StillKind) -> None:
    still = stills().seal(kind, 3, b"picture")
    assert still.object_key == f"proxies/{VERSION}/1/stills/{kind.value}-3"
    assert b"picture" not in still.body
    sealed = still.body[: still.length]
    assert unseal_still(VERSION_KEY, SALT, COMPANY, VERSION, 1, kind, 3, sealed) == b"picture"


def test_a_still_opens_in_its_own_place_only() -> None:
    still = stills().seal(StillKind.TILES, 3, b"picture")
    here = (COMPANY, VERSION, 1, StillKind.TILES, 3)
    elsewhere = (CompanyId("x"), VersionId("x"), 2, StillKind.POSTER, 4)
    for at, other in enumerate(elsewhere):
        place = (*here[:at], other, *here[at + 1 :])
        with pytest.raises(SealBroken):
            unseal_still(VERSION_KEY, SALT, *place, still.body[: still.length])
    for broken in (b"", still.body[:16], still.body, still.body[: still.length - 1]):
        with pytest.raises(SealBroken):
            unseal_still(VERSION_KEY, SALT, *here, broken)


def test_a_still_is_sealed_once_and_bounded() -> None:
    writer = stills()
    writer.seal(StillKind.POSTER, 0, b"x")
    with pytest.raises(NonceReuse):
        writer.seal(StillKind.POSTER, 0, b"y")
    for number, plain in ((1, b""), (1, bytes(MAX_STILL_BYTES + 1)), (-1, b"x"), (1_000_000_000, b"x")):
        with pytest.raises(BadBitstream):
            writer.seal(StillKind.POSTER, number, plain)


@given(st.integers(0, 100_000))
def test_every_frame_lies_on_one_tile(frame: int) -> None:
    sheet, x_px, y_px = LAYOUT.place(frame)
    tile = sheet * 50 + y_px // 90 * 10 + x_px // 160
    assert tile == frame // 24
    assert x_px % 160 == y_px % 90 == 0
    assert (x_px < 1600, y_px < 450) == (True, True)


def test_a_layout_survives_the_database() -> None:
    assert TileLayout.from_json(LAYOUT.to_json()) == LAYOUT


@pytest.mark.parametrize(
    "change",
    [{"columns": 0}, {"rows": -1}, {"interval_frames": 0}, {"tile_width_px": 5000}, {"rows": "5"}, {"rows": True},
     {"rows": 2.0}, {"more": 1}],
)  # fmt: skip
def test_hostile_layouts_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadBitstream):
        TileLayout.from_json({**LAYOUT.to_json(), **change})
    with pytest.raises(BadBitstream):
        TileLayout.from_json({"rows": 1})
