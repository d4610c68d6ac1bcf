"""The true name of an uploaded file: what the uploader called it, without what could mislead a reader. Pure; no I/O.

The rule: the last part of a path; composed (Unicode NFC); without control characters, unpaired surrogates, line and
paragraph separators, and marks that change the writing direction (they can make "exe.mp4" out of "4pm.exe"); without
spaces around it; cut to 255 characters with its extension kept. Emoji and their joiners stay.
The object key never holds this name: see ``storage.layout.safe_name``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from reelkeep.errors import RequestError

MAX_CHARACTERS: Final = 255
MAX_FOLDERS: Final = 32
_EXTENSION_CHARACTERS: Final = 16
_UNWANTED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # UAX #9, section 2, and the BOM


def true_name(file_name: str) -> str:
    """Return the name under which a file is shown and downloaded again.

    >>> true_name("/home/ada/Läufer 🎬.mov"), true_name("fdp\\u202e4pm.exe\\n"), true_name("C:\\\\reels\\\\r1.mxf")
    ('Läufer 🎬.mov', 'fdp4pm.exe', 'r1.mxf')
    >>> true_name("x" * 300 + ".mov") == "x" * 251 + ".mov"
    True

    Raises:
        RequestError: nothing is left of the name.
    """
    text = "".join(c for c in file_name if unicodedata.category(c) not in _UNWANTED)
    text = unicodedata.normalize("NFC", _DIRECTION.sub("", text))
    name = re.split(r"[/\\]", text.rstrip("/\\ "))[-1].strip()
    if not name.strip(". "):
        raise RequestError("the file has no name", advice="Give the file a name and upload it again.")
    return name if len(name) <= MAX_CHARACTERS else _cut(name)


def folder_path(folder: str) -> tuple[str, ...]:
    """Return the folders above a file, from the top down; each is a true name.

    >>> folder_path("day 1/cam A"), folder_path(""), folder_path("/a//./b/")
    (('day 1', 'cam A'), (), ('a', 'b'))

    Raises:
        RequestError: it goes upwards, or is deeper than MAX_FOLDERS.
    """
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    if ".." in parts or len(parts) > MAX_FOLDERS:
        raise RequestError(f"a folder is at most {MAX_FOLDERS} names deep, and none of them is '..'")
    return tuple(true_name(part) for part in parts)


def _cut(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension if stem and len(extension) <= _EXTENSION_CHARACTERS else ""
    return name[: MAX_CHARACTERS - len(ending)] + ending
