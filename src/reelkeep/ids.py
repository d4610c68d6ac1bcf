"""Identifiers: one distinct type per thing, all made and checked here. Pure but for the clock and the random source."""

from __future__ import annotations

import re
import secrets
import time
from typing import NewType

CompanyId = NewType("CompanyId", str)
UserId = NewType("UserId", str)
ProductionId = NewType("ProductionId", str)
AssetId = NewType("AssetId", str)
FolderId = NewType("FolderId", str)
VersionId = NewType("VersionId", str)
UploadId = NewType("UploadId", str)
JobId = NewType("JobId", str)
AttemptId = NewType("AttemptId", str)
GrantId = NewType("GrantId", str)
LutId = NewType("LutId", str)
CommentId = NewType("CommentId", str)
PlaybackSessionId = NewType("PlaybackSessionId", str)
LoginSessionId = NewType("LoginSessionId", str)
ConnectionId = NewType("ConnectionId", str)
ProcessId = NewType("ProcessId", str)
BackupId = NewType("BackupId", str)
SupportId = NewType("SupportId", str)

ID_CHARACTERS = 20
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case: no i, l, o, u
ID_PATTERN = rf"[{_ALPHABET}]{{{ID_CHARACTERS}}}"  # of a regular expression
_PATTERN = re.compile(ID_PATTERN)
_TIME_BITS, _RANDOM_BITS = 45, 55


def new_id() -> str:
    """Return a fresh identifier: 45 bits of milliseconds, 55 random bits, 20 characters.

    Identifiers sort by creation time, which keeps index pages warm; they are no secrets.
    Wrap the result in the type it stands for: ``AssetId(new_id())``.
    """
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds % (1 << _TIME_BITS)) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))


def is_id(text: str) -> bool:
    """Tell whether ``text`` has the form of an identifier.

    >>> is_id("00000000000000000000"), is_id("../etc/passwd"), is_id("i" * 20)
    (True, False, False)
    """
    return _PATTERN.fullmatch(text) is not None
