"""Names that people type: which text may stand for a person, a production or a file. Pure; no I/O.

File names are kept as they are, emoji and all; only what could deceive a reader of a list is refused or taken out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from reelkeep.errors import RequestError

MAX_NAME_CHARACTERS: Final = 120
MAX_EMAIL_CHARACTERS: Final = 254  # RFC 5321, section 4.5.3.1.3
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_FORBIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (right-to-left marks), surrogates, line separators


def display_name(text: str, *, what: str) -> str:
    """Return ``text`` composed (NFC) and trimmed; raise RequestError if it is empty, too long or could deceive.

    >>> display_name("  Ada  ", what="name")
    'Ada'
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise RequestError(f"a {what} has 1 to {MAX_NAME_CHARACTERS} characters")
    if any(unicodedata.category(character) in _FORBIDDEN for character in name):
        raise RequestError(f"a {what} holds no control characters or direction marks")
    return name


def email(text: str) -> str:
    """Return an address in lower case; raise RequestError if it is none.

    >>> email("Ada@Example.org")
    'ada@example.org'
    """
    address = text.strip().lower()
    if len(address) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(address) or not address.isprintable():
        raise RequestError("that is not an email address")
    return address
