"""The marker ``reelkeep.json``: whose this bucket is, or this part of it, and what the platform reads to see if it may.

It is written once, when a connection has passed its acceptance test, and replaces nothing: a bucket below another
installation's or another company's marker is not ours to use. Its first byte is what ``storage.watch`` reads. It holds
ids and names, and no secret.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from reelkeep.errors import Conflict, NotFound, StorageSetupError
from reelkeep.ids import GrantId
from reelkeep.storage.interface import ObjectStore
from reelkeep.storage.layout import MARKER

MAX_BYTES: Final = 4_096
_TYPE: Final = "application/json"
_FORMAT: Final = 1


@dataclass(frozen=True)
class Marker:
    installation: str  # id of the installation
    company: str  # id of the company
    public_key: str = ""  # Ed25519, base64: checks what the installation signs
    contract_version: int = 0  # 0: not made from a template
    bucket: str = ""  # for which it was written; "" if it does not say
    prefix: str = ""


class NotOurs(StorageSetupError):
    """This part of the bucket is used by somebody else already."""

    code = "not_ours"
    default_advice = "Give this connection a bucket of its own, or a prefix that nobody uses."


def put(store: ObjectStore, marker: Marker, *, grant: GrantId) -> None:
    """Write the marker unless it is there.

    Raises:
        NotOurs: another installation's or company's is there; it stays as it is.
        StorageSetupError, DependencyError: the store refuses, or does not answer.
    """
    there = None
    with contextlib.suppress(StorageSetupError):  # who may not list is refused what is not there
        there = read(store, grant=grant)
    if there is None:
        body = json.dumps({"format": _FORMAT, **asdict(marker)}, indent=1).encode()
        try:
            store.put_new(MARKER, body, content_type=_TYPE, grant=grant)
        except Conflict:
            there = read(store, grant=grant)
    if there is not None and (there.installation, there.company) != (marker.installation, marker.company):
        raise NotOurs


def read(store: ObjectStore, *, grant: GrantId) -> Marker | None:
    """Return the marker, or None if there is none.

    Raises:
        NotOurs: something else lies at its place.
        StorageSetupError, DependencyError: the store refuses (also where none is and we may not list), or is away.
    """
    try:
        fields = json.loads(store.get(MARKER, offset=0, length=MAX_BYTES, grant=grant))
        return Marker(
            str(fields["installation"]),
            str(fields["company"]),
            str(fields.get("public_key", "")),
            int(fields.get("contract_version", 0)),
            str(fields.get("bucket", "")),
            str(fields.get("prefix", "")),
        )
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotOurs from None
