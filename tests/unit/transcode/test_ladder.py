"""The ladder's rules for every size of picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.media import LARGEST_EDGES_PX, SEGMENT_FRAMES
from reelkeep.transcode.ladder import plan_ladder


@given(st.integers(2, 8192), st.integers(2, 8192))
def test_no_rung_is_ever_larger_than_the_source_nor_odd(width: int, height: int) -> None:
    for rung in plan_ladder(width, height):
        assert rung.width_px <= max(2, width)
        assert rung.height_px <= max(2, height)
        assert rung.width_px % 2 == rung.height_px % 2 == 0


@given(st.integers(2, 8192), st.integers(2, 8192))
def test_the_first_rung_alone_is_the_step_rung_and_names_differ(width: int, height: int) -> None:
    rungs = plan_ladder(width, height)
    assert [rung.is_step for rung in rungs] == [True] + [False] * (len(rungs) - 1)
    assert len({rung.name for rung in rungs}) == len(rungs) <= 4
    assert all(SEGMENT_FRAMES % rung.gop_frames == 0 for rung in rungs)


@given(st.integers(64, 8192), st.integers(64, 8192))
def test_the_shape_of_the_picture_is_kept(width: int, height: int) -> None:
    for rung in plan_ladder(width, height):
        assert abs(rung.width_px / rung.height_px / (width / height) - 1) < 0.05


@pytest.mark.parametrize(
    ("size", "names"),
    [
        ((1920, 1080), ["v360", "v720", "v1080"]),
        ((3840, 2160), ["v360", "v720", "v1080", "v2160"]),
        ((4096, 1716), ["v360", "v720", "v1080", "v1716"]),
        ((2048, 1152), ["v360", "v720", "v1152"]),
        ((7680, 4320), ["v360", "v720", "v1080", "v2160"]),
        ((1280, 720), ["v360", "v720"]),
        ((2048, 858), ["v360", "v858"]),
        ((720, 576), ["v360", "v576"]),
        ((640, 272), ["v272"]),
        ((640, 400), ["v400"]),
        ((1080, 1920), ["v360", "v720", "v1080"]),
    ],
)
def test_known_sizes_get_the_rungs_people_expect(size: tuple[int, int], names: list[str]) -> None:
    assert [rung.name for rung in plan_ladder(*size)] == names


@given(st.integers(2, 8192), st.integers(2, 8192), st.sampled_from(LARGEST_EDGES_PX))
def test_a_production_may_want_no_larger_picture(width: int, height: int, largest: int) -> None:
    rungs = plan_ladder(width, height, largest_edge_px=largest)
    assert all(min(rung.width_px, rung.height_px) <= largest for rung in rungs)
    if min(width, height) >= largest:
        assert min(rungs[-1].width_px, rungs[-1].height_px) == largest


def test_a_picture_without_pixels_has_no_ladder() -> None:
    with pytest.raises(ValueError, match="no ladder"):
        plan_ladder(1, 100)
