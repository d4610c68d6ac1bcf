"""Lines of S3 server access logs, and the grant of ours that a request carried. Pure; no I/O.

Follows the Amazon S3 User Guide, "Amazon S3 server access log format" (read in November 2026): fields with one space
between them, the time in brackets, Request-URI, Referer and User-Agent in quotes, ``-`` for what is not known, and
new fields at the end at any time.

Request-URI, Referer and User-Agent are a stranger's text, which may hold quotes and spaces and so look like the fields
after it. Which text is whose is certain only while no quote is left over, so a line with one anywhere else than around
those three is refused, never guessed at. A line that was refused is no proof of anything, and counts as unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reelkeep.ids import GrantId, is_id
from reelkeep.storage.interface import GRANT_PARAMETER

MAX_LINE_BYTES: Final = 32 << 10  # a request's line and headers are at most 8 kB each (S3 User Guide, REST requests)
MAX_PARAMETERS: Final = 64  # of one request
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TEXT: Final = r'([^ "]{1,4096})'
_QUOTED: Final = r'"([^"]*)"'
_NUMBER: Final = r"(-|[0-9]{1,19})"
# Every repetition is of one class that does not hold what follows it, so that no line takes more than one pass.
_HEAD: Final = rf"{_TEXT} {_TEXT} \[([^\]]{{1,40}})\] {_TEXT} {_TEXT} {_TEXT} {_TEXT} {_TEXT} "
_TAIL: Final = rf"(-|[0-9]{{3}}) {_TEXT} {_NUMBER} {_NUMBER} {_NUMBER} {_NUMBER} "
_BY_REQUEST: Final = re.compile(rf'{_HEAD}{_QUOTED} {_TAIL}{_QUOTED} {_QUOTED} {_TEXT}((?: [^ "]+)*)')
# What S3 does by itself, as a lifecycle rule says, has no request.
_BY_ITSELF: Final = re.compile(rf'{_HEAD}("-"|-) {_TAIL}("-"|-) ("-"|-) {_TEXT}((?: [^ "]+)*)')
_TIME: Final = re.compile(r"([0-3][0-9])/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-]0000)")
_REQUEST: Final = re.compile(r"([A-Z]{1,10}) ([^ ]+)(?: HTTP/[0-9.]{1,3})?")  # a copy's GET has no version


@dataclass(frozen=True)
class Line:
    """One request, or one deed of S3's own. "" is what was not known."""

    bucket: str
    at: datetime  # aware UTC
    address: str
    requester: str
    request_id: str
    operation: str  # such as REST.GET.OBJECT or S3.EXPIRE.OBJECT
    key: str  # as it stands in the line: percent-encoded, and not to be trusted for more than a comparison
    method: str
    target: str  # path and query, as they were sent
    status: int | None
    error: str
    sent_bytes: int | None
    version_id: str

    @property
    def grant(self) -> GrantId | None:
        """The grant that the request named; None if it named none, or several.

        Only a request that S3 took (``status`` below 300) was signed with it: a refused one can name anybody's.
        """
        found = {text for name, text in self._parameters() if name == GRANT_PARAMETER}
        if len(found) != 1:
            return None
        text = found.pop()
        return GrantId(text) if is_id(text) else None

    def _parameters(self) -> Iterator[tuple[str, str]]:
        query = self.target.partition("?")[2]
        for part in query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
            name, _, value = part.partition("=")
            yield name, value


def read_line(text: str) -> Line | None:
    """Return a line's fields; None if it is not certainly such a line.

    >>> line = read_line('o reels [06/Feb/2019:00:00:38 +0000] 192.0.2.3 r 3E57 REST.GET.OBJECT a/b '
    ...     '"GET /reels/a/b?x-reelkeep=00000000000000000000 HTTP/1.1" 200 - 113 113 7 5 "-" "agent" - host SigV4')
    >>> line.operation, line.status, line.grant
    ('REST.GET.OBJECT', 200, '00000000000000000000')
    >>> read_line("anything else") is None
    True
    """
    if len(text) > MAX_LINE_BYTES:
        return None
    found = _BY_ITSELF.fullmatch(text) or _BY_REQUEST.fullmatch(text)
    at = _moment(found[3]) if found else None
    if found is None or at is None:
        return None
    request = _REQUEST.fullmatch(found[9])
    return Line(
        bucket=_known(found[2]),
        at=at,
        address=_known(found[4]),
        requester=_known(found[5]),
        request_id=_known(found[6]),
        operation=_known(found[7]),
        key=_known(found[8]),
        method=request[1] if request else "",
        target=request[2] if request else "",
        status=_number(found[10]),
        error=_known(found[11]),
        sent_bytes=_number(found[12]),
        version_id=_known(found[18]),
    )


def read_lines(body: bytes) -> tuple[list[Line], int]:
    """Return the lines of one log object, or of its beginning, and how many were not certainly lines.

    A last line that does not end is left out: it may have been cut.
    """
    *whole, _ = body.split(b"\n")
    read = [read_line(one.decode("utf-8", "backslashreplace").rstrip("\r")) for one in whole if one]
    found = [one for one in read if one is not None]
    return found, len(read) - len(found)


def _known(text: str) -> str:
    return "" if text == "-" else text


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)


def _moment(text: str) -> datetime | None:
    found = _TIME.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        return None
    year, month, day = int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1])
    try:
        return datetime(year, month, day, int(found[4]), int(found[5]), int(found[6]), tzinfo=UTC)
    except ValueError:
        return None
