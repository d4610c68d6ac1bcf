"""`reelkeep up` with every job and media process under strace from its first instruction.

``python -m tests.isolation.traced_up --data DIR --s3 embedded --port N --ready-fd N``. The traces go to ``traces``
beside the data folder, one file for each thread. ``-D`` makes strace a detached grandchild: the traced process stays
the supervisor's own child, as it insists. No byte of any buffer is in a trace (``-s 0``), only names and numbers.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from tests.isolation.traces import traced

from reelkeep.settings import Settings
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.up import run


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--s3")
    parser.add_argument("--port", type=int)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    ours = Programs()
    folder = options.data.parent / "traces"
    folder.mkdir(exist_ok=True)
    assert shutil.which("strace")
    programs = Programs(job=traced(ours.job, folder / "job"), zygote=traced(ours.zygote, folder / "media"))
    settings = Settings(data=options.data, s3_embedded=True, port=options.port)
    return run(settings, ready_fd=options.ready_fd, programs=programs)


if __name__ == "__main__":
    sys.exit(main())
