"""Reads one original by ranges with obstore: the fast path of a job.

obstore cannot add a query parameter, so the session itself is the grant: its RoleSessionName is the grant's id.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

import obstore
from obstore.store import S3Store

from reelkeep.errors import RequestError
from reelkeep.storage.interface import StorageConnection, StsSession
from reelkeep.storage.signature import address_at
from reelkeep.storage.translate import obstore_errors

REQUEST_SECONDS: Final = 30
RETRIES: Final = 6


class _AwsCredential(TypedDict):
    access_key_id: str
    secret_access_key: str
    token: str
    expires_at: datetime


class ObstoreReader:
    """A ``RangeReader`` of one object. Thread-safe: several ranges may be in flight.

    Args:
        key: below the connection's prefix.
    """

    def __init__(
        self, connection: StorageConnection, sessions: Callable[[], StsSession], key: str, size_bytes: int
    ) -> None:
        self._prefix = f"{connection.prefix}/" if connection.prefix else ""
        self._key = key
        self._size_bytes = size_bytes
        self._store = _open(connection, sessions)

    def of(self, key: str, size_bytes: int) -> ObstoreReader:
        """Return a reader of another object with the same session and connections."""
        other = copy(self)
        other._key, other._size_bytes = key, size_bytes
        return other

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of ``[offset, offset + length)``, cut at the object's end.

        Raises:
            NotFound, StorageSetupError, DependencyError: as the port says; nothing was changed.
        """
        if offset < 0 or length < 0:
            raise RequestError("a range begins and ends within the object")
        end = min(offset + length, self._size_bytes)
        if end <= offset:
            return b""
        with obstore_errors():
            return bytes(obstore.get_range(self._store, self._prefix + self._key, start=offset, end=end))


def _open(connection: StorageConnection, sessions: Callable[[], StsSession]) -> S3Store:
    def credential() -> _AwsCredential:
        session = sessions()
        return {
            "access_key_id": session.access_key_id,
            "secret_access_key": session.secret_access_key,
            "token": session.session_token,
            "expires_at": session.expires_at,
        }

    config: dict[str, Any] = {"region": connection.region, "virtual_hosted_style_request": not connection.path_style}
    options: dict[str, Any] = {"timeout": timedelta(seconds=REQUEST_SECONDS), "connect_timeout": timedelta(seconds=3)}
    if (url := connection.platform_url) is not None:
        at = address_at(url, connection.bucket, path_style=connection.path_style)
        config["virtual_hosted_style_request"] = at.path == "/"
        config["endpoint"] = at.origin  # obstore wants the bucket in it, if it does not stand in the path
        options["allow_http"] = url.startswith("http://")
    with obstore_errors():
        return S3Store(
            connection.bucket,
            config=config,  # type: ignore[arg-type]  # obstore's TypedDict names many spellings
            client_options=options,  # type: ignore[arg-type]
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=60)},
            credential_provider=credential,  # type: ignore[arg-type]  # one more of its TypedDicts
        )
