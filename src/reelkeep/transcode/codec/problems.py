"""Why an original cannot be used, as the codec says it: a reason of the protocol. Pure; no I/O.

The words for the uploader are the carrier's (``transcode.problems``). A file whose end is missing is refused as a
whole, even where its start could be decoded: a review on a film that silently ends too soon is worse than a message,
and the original stays stored as it came.
"""

from __future__ import annotations

import re

from reelkeep.errors import MediaError
from reelkeep.transcode.fields import MAX_DETAIL_CHARACTERS


class Refused(MediaError):
    """The original cannot be used.

    Args:
        reason: one of ``fields.PROBLEM_CODES``.
        detail: a few plain words for the operator's log; for some reasons the uploader sees them, too.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = re.sub(r"[^A-Za-z0-9_.,+ -]", "", detail)[:MAX_DETAIL_CHARACTERS]
        super().__init__(reason)
