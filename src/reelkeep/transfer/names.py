"""Names of files as text. Pure; no I/O."""

from __future__ import annotations

import os


def as_text(name: str) -> str:
    """Return a name of the file system as text; bytes that are no UTF-8, as on old disks, are replaced.

    >>> ascii(as_text("K\\udcf6nig.mov"))
    "'K\\\\ufffdnig.mov'"
    """
    return os.fsencode(name).decode(errors="replace")
