"""Requests that go straight to the store: which answers are tried again, which need a new link, and which end it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from reelkeep.errors import Conflict, DependencyError, ReelkeepError, StorageSetupError
from reelkeep.storage.translate import ChecksumMismatch, of_code
from reelkeep.transfer.interface import SignedRequest
from reelkeep.transfer.patience import Patience
from reelkeep.transfer.wire import Answer, Body, Wire

_STORE: Final = "the company's bucket"
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
MAX_RESIGNS: Final = 5  # in a row, for one part
MAX_BAD_BYTES: Final = 3

Sign = Callable[[bool], SignedRequest]  # True: a fresh link


class StoreClient:
    """Args:
    stop: once set, nothing is tried again.
    """

    def __init__(self, wire: Wire, stop: threading.Event) -> None:
        self._wire, self._stop = wire, stop

    def put(self, sign: Sign, body: Body) -> None:
        """Send one part until the store has it.

        Raises:
            StorageSetupError: the store refuses, also with fresh links.
            ChecksumMismatch: the bytes arrive broken again and again.
            Conflict: the store no longer knows this upload.
            DependencyError: no success for five minutes.
        """
        patience, resigns, bad_bytes, fresh = Patience(sleep=self._sleep), 0, 0, False
        while True:
            try:
                problem = self._try(sign(fresh), body)
                fresh = False
            except DependencyError as error:
                problem = error
            if problem is None:
                return
            if self._stop.is_set():
                raise problem
            if isinstance(problem, _LinkExpired) and resigns < MAX_RESIGNS:
                resigns, fresh = resigns + 1, True
            elif isinstance(problem, ChecksumMismatch) and bad_bytes < MAX_BAD_BYTES:
                bad_bytes += 1
            elif isinstance(problem, DependencyError):
                patience.wait(problem)
            else:
                raise problem

    def _try(self, request: SignedRequest, body: Body) -> ReelkeepError | None:
        """Send once; return what is wrong, or None."""
        try:
            answer = self._wire.request(request.method, request.url, request.headers, body=body)
        except BaseException:
            body.take_back()
            raise
        if answer.is_success:
            return None
        body.take_back()
        return problem_of(answer, request.expires_at)

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)


class _LinkExpired(StorageSetupError):
    """The store refuses the link; it may have expired, or its session may have ended."""


def problem_of(answer: Answer, expires_at: datetime) -> ReelkeepError:
    """Return what an answer of the store that is no success means."""
    found = _CODE.search(answer.content[:4096])
    code = found[1].decode() if found else ""
    if code in ("ExpiredToken", "TokenRefreshRequired") or (answer.status == 403 and _may_have_expired(answer)):
        return _LinkExpired(f"{_STORE} refuses the upload link")
    if code == "RequestTimeTooSkewed" or (answer.status == 403 and datetime.now(UTC) >= expires_at):
        return _LinkExpired(f"{_STORE} refuses the upload link")
    if answer.status == 404 and code in ("", "NoSuchUpload"):
        return Conflict("the store no longer knows this upload", advice="Upload the file again.")
    if answer.status == 400 and code in ("", "BadDigest", "InvalidDigest"):
        return ChecksumMismatch()
    if answer.status == 400 and code == "RequestTimeout":
        return DependencyError(f"{_STORE} did not get the bytes in time")
    return of_code(code, answer.status)


def _may_have_expired(answer: Answer) -> bool:
    return b"expired" in answer.content[:4096].lower()
