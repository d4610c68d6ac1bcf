"""Threads of the codec: by the machine, within what its memory allows."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from reelkeep.transcode.codec import processors
from reelkeep.transcode.codec.processors import decoder_threads, workers, x264_instructions

UHD_PX = 3840 * 2160


@pytest.mark.parametrize(("machine", "sequence", "decoder"), [(1, 1, 2), (2, 2, 3), (8, 8, 9), (64, 16, 16)])
def test_a_larger_machine_has_more_threads_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, machine: int, sequence: int, decoder: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(machine)))
    assert (workers(0), decoder_threads(0, UHD_PX)) == (sequence, decoder)


def test_large_pictures_are_decoded_few_at_a_time() -> None:
    assert decoder_threads(16, UHD_PX) == 16
    assert decoder_threads(16, 4 * UHD_PX) == 4
    assert decoder_threads(16, processors.MAX_DECODING_BYTES) == 1


def test_a_job_may_ask_for_fewer() -> None:
    assert (workers(1), decoder_threads(1, UHD_PX)) == (1, 1)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x264 is told nothing elsewhere")
def test_x264_is_told_of_a_processor_that_has_all_of_x86_64_v3_and_of_no_other() -> None:
    flags = Path("/proc/cpuinfo").read_text().split()
    assert bool(x264_instructions()) is ({"avx2", "bmi1", "bmi2", "fma", "abm", "movbe", "f16c"} <= set(flags))


@pytest.mark.parametrize("niceness", [0, 5, 15])
def test_a_thread_stands_behind_and_never_before_where_the_whole_platform_stands(niceness: int) -> None:
    nobody = 65_534  # root could go forward
    code = f"""
import os
from reelkeep.transcode.codec.processors import stand_behind
os.setuid({nobody}) if os.getuid() == 0 else None
os.nice({niceness})
stand_behind()
print(os.getpriority(os.PRIO_PROCESS, 0))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    begun = min(19, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
    assert int(ran.stdout) == max(10, begun)
