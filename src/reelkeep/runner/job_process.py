"""The entry of a job process: born with one company's secrets, does one job, ends.

Exit codes: 0 a job was worked on, 3 none was due, anything else the process died and the next one takes the job over.
It ends in order when the supervisor says so over the link; the signal that comes with it is left alone.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

from reelkeep.bootstrap import open_company
from reelkeep.companies.link import SupervisorLink
from reelkeep.errors import ReelkeepError
from reelkeep.isolation.hygiene import harden
from reelkeep.media import MediaLimits
from reelkeep.pipeline import handlers
from reelkeep.runner.shutdown import Shutdown
from reelkeep.runner.work import Outcome, work_once

NICENESS: Final = 10  # setpriority(2): whoever watches comes before whoever transcodes


def main() -> int:
    """Do one job of the company this process was born for."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)  # the codec inherits it
    link, shutdown = SupervisorLink.from_arguments(), Shutdown()
    link.on_push("shutdown", lambda _: shutdown.say())
    harden(lock_memory=True)
    birth = link.birth()
    limits = MediaLimits(**birth.get("media_limits", {}))
    table = handlers(insecure_no_sandbox=birth.get("insecure_no_sandbox") is True, limits=limits)
    try:
        return work_once(open_company(link, birth), table, shutdown=shutdown).value
    except ReelkeepError as error:
        print(f"job of {birth['company']['slug']}: {error.message}", file=sys.stderr)
        return Outcome.DIED.value


if __name__ == "__main__":
    sys.exit(main())
