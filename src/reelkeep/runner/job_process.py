"""The entry of a job process: born with one company's secrets, does one job, ends.

Exit codes: 0 a job was worked on and no other is due, 4 another one is, 3 none was due, anything else the process died
and the next one takes the job over.
It ends in order when the supervisor says so over the link; the signal that comes with it is left alone.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reelkeep.bootstrap import open_company
from reelkeep.companies.destinations import socket_folder
from reelkeep.companies.link import SupervisorLink
from reelkeep.errors import ReelkeepError
from reelkeep.isolation.builder import Builder
from reelkeep.isolation.confine import CAP_DAC_OVERRIDE, confine
from reelkeep.isolation.cover import cover
from reelkeep.isolation.hygiene import harden
from reelkeep.isolation.limits import JOB_LIMITS, limit
from reelkeep.isolation.network import leave_network
from reelkeep.isolation.priority import stand_back
from reelkeep.isolation.title import set_title
from reelkeep.media import MediaLimits
from reelkeep.pipeline import handlers
from reelkeep.runner.shutdown import Shutdown
from reelkeep.runner.work import Outcome, with_next, work_once

_TITLE: Final = "reelkeep.runner.job_process"
NICENESS: Final = 5  # setpriority(2): whoever watches comes before whoever transcodes


def main() -> int:
    """Do one job of the company this process was born for.

    In this order: who builds sandboxes is started, the network left, the birth taken, memory locked, files and
    capabilities given up; only then are there threads, and words from outside.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stand_back(NICENESS)  # the codec does, too
    parser = argparse.ArgumentParser()
    parser.add_argument("--insecure-no-sandbox", action="store_true")
    own, others = parser.parse_known_args()
    builder, shutdown = Builder.exec(insecure=own.insecure_no_sandbox), Shutdown()
    link = SupervisorLink.from_arguments(others, prepare=confine_job, bring=leave_network)
    link.on_push("shutdown", lambda _: shutdown.say())
    birth = link.birth()
    limits = MediaLimits(**birth.get("media_limits", {}))
    table = handlers(builder.start, limits, builder.prepare)
    try:
        company = open_company(link, birth)
        return with_next(company, work_once(company, table, shutdown=shutdown)).value
    except ReelkeepError as error:
        print(f"job of {birth['company']['slug']}: {error.code}", file=sys.stderr)
        return Outcome.DIED.value


def confine_job(birth: Mapping[str, Any]) -> None:
    """Lock the memory of this process, and take from it what a job has no need of; its only thread calls it."""
    set_title(_TITLE)  # it may have stood ready under another name
    harden(lock_memory=True)
    cover(map(Path, birth["covered"]), but=socket_folder(birth["dsn"]))
    limit(JOB_LIMITS)
    confine(keep=frozenset({CAP_DAC_OVERRIDE}), is_demanded=birth.get("insecure_no_sandbox") is not True)


if __name__ == "__main__":
    sys.exit(main())
