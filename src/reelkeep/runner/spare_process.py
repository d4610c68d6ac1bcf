"""The entry of a job process that is started before there is a job: it has everything imported when its birth comes.

From then on it is a job process like any other, and called so in lists of processes.
"""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Import all that a job needs, then be a job process."""
    gc.disable()  # as in the zygote (web.zygote_process)
    from reelkeep.runner import job_process
    from reelkeep.storage import models

    models.read_ahead()
    gc.freeze()
    gc.enable()
    return job_process.main()


if __name__ == "__main__":
    sys.exit(main())
