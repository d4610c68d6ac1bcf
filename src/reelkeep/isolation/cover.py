"""Hides folders from a process: in a mount namespace of its own, an empty folder lies over each of them.

For what Landlock does not refuse: connecting to Unix sockets by their path. What is open stays open, and a socket that
this process listens on is still found by others, who see the folder as it is. Follows mount_namespaces(7).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reelkeep.errors import IsolationError
from reelkeep.isolation.mounts import (
    CLONE_NEWNS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    bind,
    keep_mounts_here,
    mount,
    stand_in,
    unshare,
)

_EMPTY: Final = MS_NOSUID | MS_NODEV | MS_NOEXEC


def cover(folders: Iterable[Path], *, but: Path | None = None) -> None:
    """Cover these folders for good; one that is not there is left out.

    Needs root, or the user namespace that ``network.leave_network`` made; call it before ``confine``.

    Args:
        but: a folder below one of them that stays where it is.

    Raises:
        IsolationError: the kernel refused; the process must end.
    """
    there = [folder.resolve() for folder in folders if folder.is_dir()]
    but = but.resolve() if but is not None else None
    if not there:
        return
    try:
        unshare(CLONE_NEWNS, "a mount namespace of its own")
        keep_mounts_here()
        for folder in there:
            _cover(folder, but if but is not None and folder in but.parents and but.is_dir() else None)
    except OSError as error:
        raise IsolationError(f"this process could not be closed off: {error.strerror}") from error


def _cover(folder: Path, but: Path | None) -> None:
    kept = os.open(but, os.O_PATH | os.O_CLOEXEC) if but is not None else None
    mount("tmpfs", folder, "tmpfs", _EMPTY, "size=64k,mode=0711")
    if but is not None and kept is not None:
        stand_in(but)
        bind(kept, but)
        os.close(kept)
    mount("tmpfs", folder, None, _EMPTY | MS_REMOUNT | MS_RDONLY)
