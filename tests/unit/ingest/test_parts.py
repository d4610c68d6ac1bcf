import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.errors import MediaError, RequestError
from reelkeep.ingest.parts import MAX_FILE_BYTES, MAX_PARTS, MIN_PART_BYTES, plan_parts

S3_MAX_PART_BYTES = 5 << 30


@given(st.integers(1, MAX_FILE_BYTES))
def test_any_file_up_to_five_terabytes_is_cut_into_parts_that_s3_takes(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)
    assert 1 <= plan.count <= MAX_PARTS
    assert MIN_PART_BYTES <= plan.part_bytes <= S3_MAX_PART_BYTES
    assert plan.part_bytes % MIN_PART_BYTES == 0
    assert plan.offset(plan.count) + plan.length(plan.count) == size_bytes
    assert plan.length(plan.count) >= 1


@pytest.mark.parametrize(
    "size_bytes", [1, MIN_PART_BYTES, MIN_PART_BYTES + 1, MAX_PARTS * MIN_PART_BYTES + 1, MAX_FILE_BYTES]
)
def test_the_parts_of_a_file_are_its_bytes_in_order(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)
    assert sum(plan.length(number) for number in range(1, plan.count + 1)) == size_bytes


def test_an_empty_file_is_the_uploaders_matter() -> None:
    with pytest.raises(MediaError, match="empty"):
        plan_parts(0)


def test_a_file_beyond_the_limit_is_refused() -> None:
    with pytest.raises(RequestError):
        plan_parts(MAX_FILE_BYTES + 1)


@pytest.mark.parametrize("number", [0, -1, 3])
def test_a_part_that_is_not_planned_has_no_length(number: int) -> None:
    with pytest.raises(RequestError):
        plan_parts(MIN_PART_BYTES + 1).length(number)
