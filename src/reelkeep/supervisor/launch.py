"""Becomes another program, tied to the supervisor's life: `python -m reelkeep.supervisor.launch ... -- program`.

In this order: a way through closed folders, groups, group id, user id, then the death signal (a change of user clears
it), then exec. It stands in for ``preexec_fn``, which may deadlock in a process that has threads.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from reelkeep.isolation.lifetime import die_with
from reelkeep.isolation.passage import open_passage


def main(argv: Sequence[str] | None = None) -> None:
    """Drop to the given user, set the death signal, and exec the program."""
    parser = argparse.ArgumentParser(prog="launch")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, default=int(signal.SIGKILL))
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--reach", type=Path, action="append", default=[])
    parser.add_argument("program", nargs="+")
    options = parser.parse_args(argv)
    if options.uid is not None and os.geteuid() == 0:
        _reach(options.reach, options.uid, options.gid)
        os.setgroups([])
        os.setgid(options.gid)
        os.setuid(options.uid)
    os.umask(0o077)
    die_with(options.parent, signal.Signals(options.death_signal))
    os.execv(options.program[0], options.program)  # noqa: S606 -- a fixed program, no shell


def _reach(paths: Sequence[Path], uid: int, gid: int) -> None:
    """Open a way to these paths; where that is refused (a container without the right to mount) the log says so."""
    try:
        open_passage([path for path in paths if path.exists()], uid, gid)
    except OSError as error:
        sys.stderr.write(f"launch: {error}; every folder above {paths[0]} must let user {uid} pass (mode x)\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
