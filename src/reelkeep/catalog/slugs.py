"""Slugs: short ASCII names for object keys and addresses, frozen at creation. Pure; no I/O."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_SLUG_CHARACTERS: Final = 40  # design of the key layout: a whole key stays below S3's 1,024 bytes
_OTHER = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """Return lower-case ASCII letters, digits and single hyphens standing for ``name``; "untitled" if none remain.

    >>> slug("Der Blaue Engel: Rolle 3.mov"), slug("映画"), slug("../../etc")
    ('der-blaue-engel-rolle-3-mov', 'untitled', 'etc')
    """
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", folded).strip("-")[:MAX_SLUG_CHARACTERS].rstrip("-") or "untitled"
