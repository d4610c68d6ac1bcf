"""`reelkeep up`: runs the installation in this process until it is told to end."""

from __future__ import annotations

import asyncio
import compileall
import json
import os
import signal
import sys
from typing import Final

import reelkeep
from reelkeep.isolation.confine import landlock_version
from reelkeep.isolation.hygiene import harden
from reelkeep.isolation.lifetime import adopt_orphans
from reelkeep.isolation.limits import allow_descriptors
from reelkeep.isolation.swap import swap_on_disk
from reelkeep.settings import Settings
from reelkeep.supervisor.folder import DataFolder
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.supervisor import Supervisor

_DESCRIPTORS: Final = 65_536  # four for each process of a company: its link, its end, and its way out


def run(settings: Settings, *, ready_fd: int | None = None, programs: Programs | None = None) -> int:
    """Start everything, keep it running, and stop it in order on SIGINT or SIGTERM.

    Args:
        ready_fd: gets one JSON line once everything is there, and is closed; None: a line for people on stdout.

    Returns:
        0 after an orderly end, 1 if the supervisor itself broke and stopped everything.

    Raises:
        Conflict: a supervisor runs in this folder already; it was left alone.
        DependencyError: a part did not start; what had been started was stopped again.
    """
    harden()  # the platform's identity lives here
    adopt_orphans()  # the zygote's children are ours, and nothing that a killed process leaves is nobody's
    allow_descriptors(_DESCRIPTORS)
    if not landlock_version():
        print("supervisor: this kernel has no Landlock: web processes can read what this user can", file=sys.stderr)
    if areas := swap_on_disk():
        print(f"supervisor: memory can be swapped to {', '.join(areas)}, media with it: swapoff -a", file=sys.stderr)
    folder = DataFolder.open(settings.data)
    folder.lock()
    compile_modules()
    try:
        return asyncio.run(_run(Supervisor(folder, settings, programs or Programs()), ready_fd))
    finally:
        folder.unlock()


def compile_modules() -> None:
    """Compile our modules where that is not done yet and we may: the children write nothing and would start slower."""
    for folder in reelkeep.__path__:
        compileall.compile_dir(folder, quiet=2)


async def _run(supervisor: Supervisor, ready_fd: int | None) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting, stopped = asyncio.create_task(supervisor.start()), asyncio.create_task(stop.wait())
    broken = asyncio.create_task(supervisor.broken.wait())
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # told to end while starting
        starting.cancel()
        await asyncio.wait({starting})
        return 0
    try:
        starting.result()
        _tell_ready(supervisor, ready_fd)
        await asyncio.wait({stopped, broken}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await supervisor.stop()
    return 1 if broken.done() else 0


def _tell_ready(supervisor: Supervisor, ready_fd: int | None) -> None:
    facts = {"ready": True, "pid": os.getpid(), **supervisor.address()}
    if ready_fd is not None:
        with open(ready_fd, "w", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
        return
    print(f"Reelkeep is running: {facts['address']}", flush=True)
    for company in facts["companies"]:
        print(f"  {company['slug']}: {company['app_origin']}", flush=True)
    sys.stdout.flush()
