"""The codec's memory has an end, whatever the length of the film."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.media.codec_memory import a_test_picture, peak_bytes
from tests.services.installation import wait_until

from reelkeep.isolation.sandbox import Limits, start_codec
from reelkeep.media import MediaLimits


def test_the_limit_of_the_settings_holds_for_the_running_codec() -> None:
    wanted = MediaLimits().max_codec_bytes
    with start_codec(limits=Limits(data_bytes=wanted)) as codec:
        wait_until(lambda: data_limits(codec.program_pid()) == [str(wanted), str(wanted), "bytes"])


def data_limits(pid: int) -> list[str]:
    """Return the soft and the hard limit as the kernel tells them: a process that is not dumpable tells nobody else."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.removeprefix("Max data size").split() for line in lines if line.startswith("Max data size"))


@pytest.mark.slow
def test_twenty_minutes_take_no_more_than_ten(tmp_path: Path) -> None:
    """Ten minutes fill several tile sheets, each of which takes its memory; after that nothing grows any more."""
    ten, twenty = (
        peak_bytes(a_test_picture(tmp_path, "h264", "128x72", minutes * 60)).resident for minutes in (10, 20)
    )
    assert twenty < ten * 1.03
