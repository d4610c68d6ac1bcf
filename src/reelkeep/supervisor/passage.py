"""Lets a service that is not root reach its own files below a folder that nobody may pass, such as root's home.

In a mount namespace of the service alone, an empty folder that may be passed stands in for the closed one; below it
lies nothing but what the service needs, at its own paths. The closed folder itself stays as it is for everybody else.
Follows mount_namespaces(7); what is mounted or unmounted on the machine later still arrives (shared to slave).
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x00020000  # <linux/sched.h>
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 2, 4, 4096, 16384, 1 << 19  # <linux/mount.h>


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
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.unshare(_CLONE_NEWNS), "a mount namespace of its own")
    _mount(libc, "none", Path("/"), None, _MS_REC | _MS_SLAVE)
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in closed}
    for folder in sorted(set(closed.values())):
        _mount(libc, "tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0711,size=1m")
    for path, descriptor in opened.items():
        _stand_in(path, is_folder=stat.S_ISDIR(os.fstat(descriptor).st_mode))
        _mount(libc, f"/proc/self/fd/{descriptor}", path, None, _MS_BIND | _MS_REC)
        os.close(descriptor)
    if Path(here).exists():
        os.chdir(here)  # the same place, by the way that is open now


def _stand_in(path: Path, *, is_folder: bool) -> None:
    """Make the place at which ``path`` is mounted, and folders above it that may be passed."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)
    if is_folder:
        path.mkdir(exist_ok=True)
    else:
        path.touch()


def _mount(
    libc: ctypes.CDLL, source: str, target: Path, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [text.encode() if text is not None else None for text in (source, str(target), kind)]
    data = options.encode() if options else None
    _checked(libc.mount(*texts, ctypes.c_ulong(flags), data), f"a mount on {target}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what} was refused: {os.strerror(error)}")
