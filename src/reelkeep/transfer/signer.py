"""Keeps presigned links at hand: asks for those of several parts at once, and anew when one has expired."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from reelkeep.errors import DependencyError
from reelkeep.transfer.interface import SignedRequest, UploadApi

BATCH: Final = 8
SPARE: Final = timedelta(seconds=60)  # a link with less left is not begun with


class Signer:
    """Links of one upload. Thread-safe; one request to the platform at a time."""

    def __init__(self, api: UploadApi, upload_id: str) -> None:
        self._api, self._upload_id = api, upload_id
        self._lock = threading.Lock()
        self._waiting: dict[int, bytes] = {}
        self._signed: dict[int, SignedRequest] = {}

    def announce(self, number: int, crc32: bytes) -> None:
        """Say that a link for this part will be wanted soon."""
        with self._lock:
            self._waiting[number] = crc32

    def get(self, number: int, crc32: bytes, fresh: bool = False) -> SignedRequest:
        """Return a link with some time left.

        Args:
            fresh: do not return the one that was given before.
        """
        with self._lock:
            found = self._signed.pop(number, None)
            if found is not None and not fresh and found.expires_at - SPARE > datetime.now(UTC):
                return found
            self._waiting.pop(number, None)
            batch = [(number, crc32), *list(self._waiting.items())[: BATCH - 1]]
            answers = {request.number: request for request in self._api.sign_parts(self._upload_id, batch)}
            for asked, _ in batch:
                self._waiting.pop(asked, None)
            self._signed.update(answers)
            if number not in self._signed:
                raise DependencyError("the platform gave no link for a part it was asked for")
            return self._signed.pop(number)
