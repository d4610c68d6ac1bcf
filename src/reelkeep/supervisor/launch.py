"""Becomes another program, tied to the supervisor's life: `python -m reelkeep.supervisor.launch ... -- program`.

In this order: groups, group id, user id, then the death signal (a change of user clears it), then exec. It stands in
for ``preexec_fn``, which may deadlock in a process that has threads.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence

from reelkeep.isolation.lifetime import die_with


def main(argv: Sequence[str] | None = None) -> None:
    """Drop to the given user, set the death signal, and exec the program."""
    parser = argparse.ArgumentParser(prog="launch")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, default=int(signal.SIGKILL))
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("program", nargs="+")
    options = parser.parse_args(argv)
    if options.uid is not None and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(options.gid)
        os.setuid(options.uid)
    os.umask(0o077)
    die_with(options.parent, signal.Signals(options.death_signal))
    os.execv(options.program[0], options.program)  # noqa: S606 -- a fixed program, no shell


if __name__ == "__main__":
    main()
