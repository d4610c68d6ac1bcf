"""Lets a service that is not root reach its own files below a folder that nobody may pass, such as root's home.

In a mount namespace of the service alone, an empty folder that may be passed stands in for the closed one; below it
lies nothing but what the service needs, at its own paths. The closed folder itself stays as it is for everybody else.
Follows mount_namespaces(7); what is mounted or unmounted on the machine later still arrives (shared to slave).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from reelkeep.isolation.mounts import CLONE_NEWNS, MS_NODEV, MS_NOSUID, bind, keep_mounts_here, mount, stand_in, unshare


def closed_above(path: Path, uid: int, gid: int) -> Path | None:
    """Return the outermost folder above ``path`` that this user may not pass, or None if there is none.

    Only the owner, the one group and the others of the mode are looked at.
    """
    for folder in reversed(path.parents):
        status = folder.stat()
        right = stat.S_IXUSR if status.st_uid == uid else stat.S_IXGRP if status.st_gid == gid else stat.S_IXOTH
        if not status.st_mode & right:
            return folder
    return None


def open_passage(paths: Sequence[Path], uid: int, gid: int) -> None:
    """Have this process, and what it becomes, see ``paths`` at their places although folders above are closed.

    Does nothing where no folder is closed. The process must be single-threaded and root.

    Args:
        paths: existing files and folders without symbolic links above them.

    Raises:
        OSError: a namespace or a mount was refused; the caller sees some paths or none.
    """
    closed = {path: folder for path in paths if (folder := closed_above(path, uid, gid)) is not None}
    if not closed:
        return
    here = os.getcwd()
    unshare(CLONE_NEWNS, "a mount namespace of its own")
    keep_mounts_here()
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in closed}
    for folder in sorted(set(closed.values())):
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=1m")
    for path, descriptor in opened.items():
        stand_in(path, is_folder=stat.S_ISDIR(os.fstat(descriptor).st_mode))
        bind(descriptor, path)
        os.close(descriptor)
    if Path(here).exists():
        os.chdir(here)  # the same place, by the way that is open now
