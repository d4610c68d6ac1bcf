"""The marker: a small object that says whose a bucket's prefix is, written when an acceptance test has passed. Pure.

It lies at ``<prefix>/reelkeep.json``, is written once and kept: the media role can neither replace it unseen (versions)
nor delete it. It holds ids and names that the company knows, and no secret.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from reelkeep.errors import StorageSetupError
from reelkeep.ids import CompanyId, is_id
from reelkeep.storage.interface import StorageConnection

MARKER_KEY: Final = "reelkeep.json"  # below the connection's prefix
MARKER_TYPE: Final = "application/json"
MAX_BYTES: Final = 2_048
_FORMAT: Final = 1


@dataclass(frozen=True)
class Marker:
    """Binds a bucket and a prefix to one company of one installation."""

    installation: str
    company: CompanyId
    bucket: str
    prefix: str

    def encoded(self) -> bytes:
        """Return the object's bytes; the same marker always has the same."""
        return (json.dumps({"reelkeep": _FORMAT, **asdict(self)}, sort_keys=True) + "\n").encode("ascii")


def marker_of(connection: StorageConnection, installation: str, company: CompanyId) -> Marker:
    return Marker(installation, company, connection.bucket, connection.prefix)


def read_marker(body: bytes) -> Marker:
    """Return the marker in an object's bytes, which anybody may have written.

    Raises:
        StorageSetupError: it is no marker that this release knows.
    """
    try:
        found: Any = json.loads(body) if len(body) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    names = ("installation", "company", "bucket", "prefix")
    if not isinstance(found, dict) or found.get("reelkeep") != _FORMAT:
        raise StorageSetupError(f"the object {MARKER_KEY} is not a marker of Reelkeep")
    texts = [text for name in names if isinstance(text := found.get(name), str)]
    if len(texts) != len(names) or not is_id(texts[0]) or not is_id(texts[1]):
        raise StorageSetupError(f"the object {MARKER_KEY} is not a marker of Reelkeep")
    return Marker(texts[0], CompanyId(texts[1]), texts[2], texts[3])
