"""HTTP codes, assigned once: every error of the tree becomes an answer here and nowhere else."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from reelkeep.errors import (
    Conflict,
    DependencyError,
    Forbidden,
    IsolationError,
    MediaError,
    NotFound,
    ReelkeepError,
    RequestError,
    SignInRequired,
    StorageSetupError,
    StorageStopped,
    sentence,
)
from reelkeep.playback.segments import MakingStopped


class TooManyTries(RequestError):
    """There were too many wrong sign-ins."""

    code: ClassVar[str] = "too_many_tries"
    default_advice: ClassVar[str] = "Wait some minutes, then try again."

    def __init__(self, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        super().__init__()


class WrongOrigin(RequestError):
    """This request did not come from Reelkeep's own page."""

    code: ClassVar[str] = "wrong_origin"
    default_advice: ClassVar[str] = "Open Reelkeep's own address and try again there."


_STATUS: Final[tuple[tuple[type[ReelkeepError], int], ...]] = (  # the most particular class first
    (NotFound, 404),
    (Forbidden, 403),
    (WrongOrigin, 403),
    (Conflict, 409),
    (SignInRequired, 401),
    (TooManyTries, 429),
    (RequestError, 400),
    (MakingStopped, 410),
    (MediaError, 422),
    (StorageStopped, 403),
    (StorageSetupError, 502),
    (DependencyError, 503),
    (IsolationError, 500),
)
RETRY_AFTER_SECONDS: Final = 1


def status_of(error: ReelkeepError) -> int:
    """Return the HTTP status of an error.

    >>> status_of(NotFound()), status_of(TooManyTries(5)), status_of(DependencyError())
    (404, 429, 503)
    """
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def body_of(error: ReelkeepError) -> dict[str, Any]:
    """Return the JSON body of an error: what happened and what to do next."""
    return {"error": {"code": error.code, "message": sentence(error.message), "advice": error.advice()}}


def headers_of(error: ReelkeepError) -> dict[str, str]:
    """Return the headers of an error answer. No answer about an error is kept by a cache."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, TooManyTries):
        headers["Retry-After"] = str(error.wait_seconds)
    elif isinstance(error, DependencyError):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return headers
