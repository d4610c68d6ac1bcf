"""Objects of dead attempts that no row names: sealed, harmless, and deleted when the proxy is complete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from reelkeep.errors import StorageSetupError
from reelkeep.storage.layout import parse_proxy_key

DELETE_AT_ONCE: Final = 1_000  # DeleteObjects


class Prefix(Protocol):
    """One version's proxy prefix: ``bucket.ProxyPrefix``."""

    def keys(self) -> list[str]: ...

    def delete(self, keys: Sequence[str]) -> None: ...


def unnamed(keys: Iterable[str], named: set[str], last_attempt: int) -> list[str]:
    """Return the keys that may go: bundles and stills of attempts before the last one that no row names.

    The last attempt's are kept whole: its final bundles may hold no segment, but say how long a rendition is.
    """
    found = []
    for key in keys:
        place = parse_proxy_key(key)
        if place is not None and place.attempt_number < last_attempt and key not in named:
            found.append(key)
    return found


def delete_unnamed(bucket: Prefix, named: set[str], last_attempt: int) -> int:
    """Delete the leftovers and return how many there were. A role that may not delete keeps them: 0."""
    if last_attempt < 2:
        return 0
    keys = unnamed(bucket.keys(), named, last_attempt)
    try:
        for start in range(0, len(keys), DELETE_AT_ONCE):
            bucket.delete(keys[start : start + DELETE_AT_ONCE])
    except StorageSetupError:
        return 0
    return len(keys)
