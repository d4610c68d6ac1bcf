"""The codec's memory has an end, whatever the length of the film."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from tests.media.codec_memory import a_test_picture, peak_bytes

from reelkeep.isolation.sandbox import Limits, start_codec
from reelkeep.media import MediaLimits


def test_the_limit_of_the_settings_holds_for_the_running_codec() -> None:
    wanted = MediaLimits().max_codec_bytes
    with start_codec(limits=Limits(data_bytes=wanted)) as codec:
        assert resource.prlimit(codec.program_pid(), resource.RLIMIT_DATA) == (wanted, wanted)


@pytest.mark.slow
def test_ten_minutes_take_no_more_than_one(tmp_path: Path) -> None:
    one, ten = (peak_bytes(a_test_picture(tmp_path, "h264", "128x72", minutes * 60)) for minutes in (1, 10))
    assert ten < one * 1.15
