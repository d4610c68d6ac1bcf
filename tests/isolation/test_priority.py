"""Jobs stand back, also where the kernel groups processes by session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STARTS_A_CODEC = """
import os
from pathlib import Path
from reelkeep.isolation.priority import stand_back
from reelkeep.isolation.sandbox import start_codec

stand_back(7)
print(Path("/proc/self/autogroup").read_text().strip())
with start_codec() as codec:
    program = codec.program_pid()
    print(Path(f"/proc/{program}/autogroup").read_text().strip())
    print(os.getpriority(os.PRIO_PROCESS, program))
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not group processes by session")
def test_a_job_that_stands_back_takes_its_session_and_its_codecs_along() -> None:
    ran = [sys.executable, "-c", STARTS_A_CODEC]
    said = subprocess.run(ran, text=True, capture_output=True, check=True, start_new_session=True).stdout
    (own, _, own_niceness), (codecs, _, codecs_niceness), (niceness,) = (line.split() for line in said.splitlines())
    assert own != codecs
    assert int(own_niceness) == int(codecs_niceness) == int(niceness) == os.nice(0) + 7
