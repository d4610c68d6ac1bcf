"""What a process sees of the machine's files, changed for it alone: mount(2) and unshare(2), by the C library.

Follows mount_namespaces(7). Every call raises OSError, which says what was refused and why.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x00020000  # <linux/sched.h>
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32  # <linux/mount.h>
_MS_BIND, _MS_REC, _MS_SLAVE = 4_096, 16_384, 1 << 19

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int, what: str) -> None:
    """Leave namespaces for new ones; ``what`` names them, should the kernel refuse."""
    _checked(_libc.unshare(flags), what)


def keep_mounts_here() -> None:
    """Let what is mounted from now on be seen in this mount namespace alone; what the machine mounts still arrives."""
    mount("none", Path("/"), None, _MS_REC | _MS_SLAVE)


def mount(source: str, target: Path, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [text.encode() if text is not None else None for text in (source, str(target), kind)]
    data = options.encode() if options is not None else None
    _checked(_libc.mount(*texts, ctypes.c_ulong(flags), data), f"a mount on {target}")


def bind(descriptor: int, target: Path) -> None:
    """Have what was opened (O_PATH) stand at ``target``, too."""
    mount(f"/proc/self/fd/{descriptor}", target, None, _MS_BIND | _MS_REC)


def stand_in(path: Path, *, is_folder: bool = True) -> None:
    """Make a place to mount ``path`` on, and the folders above it that are not there, which may be passed."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)
    if is_folder:
        path.mkdir(exist_ok=True)
    else:
        path.touch()


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what} was refused: {os.strerror(error)}")
