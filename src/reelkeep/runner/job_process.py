"""The entry of a job process: born with one company's secrets, does one job, ends.

Exit codes: 0 a job was worked on, 3 none was due, anything else the process died and the lease runs out.
"""

from __future__ import annotations

import sys

from reelkeep.bootstrap import open_company
from reelkeep.companies.link import SupervisorLink
from reelkeep.errors import ReelkeepError
from reelkeep.isolation.hygiene import harden
from reelkeep.media import MediaLimits
from reelkeep.pipeline import handlers
from reelkeep.runner.work import Outcome, work_once


def main() -> int:
    """Do one job of the company this process was born for."""
    link = SupervisorLink.from_arguments()
    harden(lock_memory=True)
    birth = link.birth()
    company = open_company(link, birth)
    limits = MediaLimits(**birth.get("media_limits", {}))
    table = handlers(insecure_no_sandbox=birth.get("insecure_no_sandbox") is True, limits=limits)
    try:
        return work_once(company, table).value
    except ReelkeepError as error:
        print(f"job of {company.slug}: {error.message}", file=sys.stderr)
        return Outcome.DIED.value


if __name__ == "__main__":
    sys.exit(main())
