"""Looks whether the platform is still let in at one connection: the first byte of the marker, and a fresh session.

Where the company's own key wraps its company key, the look unwraps the probe, too.

A look takes a few seconds at most and is never repeated by the SDK. A session that is not accepted, or a refusal, is
asked about once more with a fresh session: the store may only have forgotten the old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from reelkeep.errors import ReelkeepError, StorageRefused
from reelkeep.ids import GrantId
from reelkeep.storage.interface import StorageConnection, StsSession
from reelkeep.storage.kms import KmsWrapping
from reelkeep.storage.layout import MARKER
from reelkeep.storage.refusals import AWAY, OPEN, ROLE_REFUSES, Answer, Verdict, of_get
from reelkeep.storage.s3 import S3Store, client_config, under_grant

ASSUME_SECONDS: Final = 55.0  # between AssumeRole calls; with a look each 3 s, one is made in every minute (P3)
ASSUME_AGAIN_SECONDS: Final = 15.0  # after one that STS did not answer
CONNECT_SECONDS: Final = 1.5
READ_SECONDS: Final = 2.0

Clock = Callable[[], float]


class Eye:
    """Looks at one connection. Used by one thread at a time.

    Args:
        assume: asks for a fresh session of ``Purpose.WATCH``; raises StorageRefused if the role refuses.
        grant: returns the grant of the next request.
        assume_seconds: how old a session gets; 0 asks STS at every look.
    """

    def __init__(
        self,
        connection: StorageConnection,
        assume: Callable[[], StsSession],
        grant: Callable[[], GrantId],
        *,
        clock: Clock = time.monotonic,
        assume_seconds: float = ASSUME_SECONDS,
    ) -> None:
        self._connection, self._assume, self._grant, self._clock = connection, assume, grant, clock
        self._assume_seconds = assume_seconds
        self._session: StsSession | None = None
        self._assume_at = clock()
        self._marker: _MarkerStore | None = None
        self._key: KmsWrapping | None = None

    def look(self) -> Verdict:
        """Return what the store and its STS say now; STALE is never returned."""
        if self._clock() >= self._assume_at:
            told = self._renew()
            if told.is_refused:
                return told
        if self._session is None:
            return AWAY
        if not self._connection.has_marker and self._connection.wrapping_key is None:
            return OPEN
        told = self._ask()
        if told.answer not in (Answer.STALE, Answer.REFUSED):
            return told
        renewed = self._renew()
        if renewed is not OPEN:
            return renewed
        told = self._ask()
        return AWAY if told.answer is Answer.STALE else told

    def _renew(self) -> Verdict:
        try:
            self._session = self._assume()
        except StorageRefused:
            self._session = None
            return ROLE_REFUSES
        except ReelkeepError:  # the old session is as good as it was
            self._assume_at = self._clock() + ASSUME_AGAIN_SECONDS
            return AWAY
        self._assume_at = self._clock() + self._assume_seconds
        return OPEN

    def _ask(self) -> Verdict:
        told = self._ask_marker() if self._connection.has_marker else OPEN
        return self._ask_key() if told is OPEN and self._connection.wrapping_key is not None else told

    def _ask_key(self) -> Verdict:
        if self._key is None:
            self._key = KmsWrapping(self._connection, self._current, attempts=1)
        return self._key.look()

    def _ask_marker(self) -> Verdict:
        if self._marker is None:
            self._marker = _MarkerStore(self._connection, self._current)
        return self._marker.ask(self._grant())

    def _current(self) -> StsSession:
        assert self._session is not None
        return self._session


class _MarkerStore(S3Store):
    def __init__(self, connection: StorageConnection, sessions: Callable[[], StsSession]) -> None:
        config = client_config(connection, attempts=1, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS)
        super().__init__(connection, sessions, config)

    def ask(self, grant: GrantId) -> Verdict:
        """Read one byte, and say what the answer says."""
        try:
            with under_grant(grant):
                self._client.get_object(**self._at(MARKER), Range="bytes=0-0")["Body"].read()
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            return of_get(str(error.response.get("Error", {}).get("Code", "")), status)
        except BotoCoreError:
            return AWAY
        return OPEN
