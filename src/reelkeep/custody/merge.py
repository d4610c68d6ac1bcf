"""Compares what a bucket lists with what a company's rows name, both in the order of keys. Pure; no I/O.

Each stream is read once and nothing of it is kept, so a bucket of any size takes the same memory. Amazon S3 lists in
the order of the keys' bytes (API reference, ListObjectsV2); a store that is made of folders lists in the order of its
tree, in which "/" comes before every other character. A listing that keeps to neither is refused, never misread.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from reelkeep.errors import DependencyError
from reelkeep.storage.layout import MARKER, is_upload_key, parse_backup_key, parse_proxy_key
from reelkeep.storage.listing import Listed

PROBES = "probe/"


class Order(enum.Enum):
    BYTES = "bytes"
    TREE = "tree"


class OutOfOrder(DependencyError):
    """The store does not list its objects in the order of their keys."""

    default_advice = "Audit the bucket from an inventory report instead; that is sorted here."


def sort_key(order: Order) -> Callable[[str], str]:
    """Return what keys are compared by; characters compare as the bytes of their UTF-8 do.

    >>> sorted(["a/x", "a-b", "a"], key=sort_key(Order.BYTES)), sorted(["a/x", "a-b", "a"], key=sort_key(Order.TREE))
    (['a', 'a-b', 'a/x'], ['a', 'a/x', 'a-b'])
    """
    if order is Order.BYTES:
        return lambda key: key
    return lambda key: key.replace("/", "\x01")


class Expected(NamedTuple):
    """What a row names; a tuple, since a million of them are made.

    A key that ends in "/" is a prefix below which objects may be that no row names any more.
    """

    key: str
    kind: str  # original | LUT | bundle | still | prefix
    is_required: bool
    size_bytes: int | None  # None: not known
    is_least_size: bool
    etag: str | None
    version_id: str | None  # None: of no film


class FindingKind(enum.Enum):
    FOREIGN = "foreign"  # nobody here made it
    MISSING = "missing"  # a row names it and it is not there
    MISMATCHED = "mismatched"  # it is there with another size or ETag
    UNNAMED = "unnamed"  # made here, by an attempt or a check that came to nothing; harmless
    NEW = "new"  # younger than the audit's view of the rows


PROBLEMS = frozenset({FindingKind.FOREIGN, FindingKind.MISSING, FindingKind.MISMATCHED})


@dataclass(frozen=True)
class Finding:
    kind: FindingKind
    key: str
    what: str  # in words
    size_bytes: int
    version_id: str | None  # of the film, where a row names it


@dataclass
class Counts:
    """What was seen on the way."""

    objects: int = 0
    bytes: int = 0
    expected: int = 0
    noncurrent: int = 0  # earlier versions of objects, where the store keeps them
    noncurrent_bytes: int = 0
    delete_markers: int = 0


def merge(
    expected: Iterable[Expected],
    listed: Iterable[Listed],
    counts: Counts,
    *,
    order: Order = Order.BYTES,
    seen_at: datetime | None = None,
) -> Iterator[Finding]:
    """Yield every difference, in the order of keys.

    Args:
        expected, listed: both in ``order``; all versions of an object stand together.
        counts: counted up on the way.
        seen_at: when the rows were read; an object that is younger may have a row that was not seen.

    Raises:
        OutOfOrder: a stream goes back; what was yielded until then does not count.
    """
    place = sort_key(order)
    wanted = _Rows(expected, place, counts)
    last = ""
    for key, versions in groupby(listed, attrgetter("key")):
        here = place(key)
        if here < last:
            raise OutOfOrder
        last = here
        yield from wanted.until(here)
        row, current = wanted.take(key), _current(versions, counts)
        if row is not None and current is not None:
            if wrong := _wrong(row, current):
                what = f"the {row.kind} {wrong}"
                yield Finding(FindingKind.MISMATCHED, key, what, current.size_bytes, row.version_id)
        elif row is not None and row.is_required:
            yield _missing(row, "was deleted; the store still has an earlier version")
        elif current is not None and row is None and key != MARKER:
            yield _unexpected(current, wanted.prefix, seen_at)
    yield from wanted.until(None)


class _Rows:
    """The stream of rows, one row ahead."""

    def __init__(self, expected: Iterable[Expected], place: Callable[[str], str], counts: Counts) -> None:
        self._rows, self._place, self._counts = iter(expected), place, counts
        self._last = ""
        self.prefix = ""  # the last prefix that was passed
        self._next = self._read()

    def until(self, here: str | None) -> Iterator[Finding]:
        """Pass the rows before ``here``, or all: those that must be there are missing."""
        while self._next is not None and (here is None or self._place(self._next.key) < here):
            if self._next.key.endswith("/"):
                self.prefix = self._next.key
            elif self._next.is_required:
                yield _missing(self._next, "is not in the bucket")
            self._next = self._read()

    def take(self, key: str) -> Expected | None:
        found = self._next
        if found is None or found.key != key:
            return None
        self._next = self._read()
        return found

    def _read(self) -> Expected | None:
        row = next(self._rows, None)
        if row is not None:
            here = self._place(row.key)
            if here < self._last:
                raise OutOfOrder("the rows are not in the order of their keys")
            self._last = here
            self._counts.expected += not row.key.endswith("/")
        return row


def _current(versions: Iterable[Listed], counts: Counts) -> Listed | None:
    """Return the object that is there now, None if it was deleted; count its earlier versions."""
    current = None
    for one in versions:
        if one.is_delete_marker:
            counts.delete_markers += 1
        elif one.is_latest:
            current = one
            counts.objects += 1
            counts.bytes += one.size_bytes
        else:
            counts.noncurrent += 1
            counts.noncurrent_bytes += one.size_bytes
    return current


def _wrong(row: Expected, there: Listed) -> str:
    """Return how an object differs from its row, "" if it does not."""
    if row.size_bytes is not None and there.size_bytes != row.size_bytes:
        if not row.is_least_size:
            return f"has {there.size_bytes:,} bytes instead of {row.size_bytes:,}"
        if there.size_bytes < row.size_bytes:
            return f"has {there.size_bytes:,} bytes instead of at least {row.size_bytes:,}"
    if row.etag is not None and there.etag is not None and row.etag != there.etag:
        return "has another ETag than when it arrived, so it was written again"
    return ""


def _missing(row: Expected, what: str) -> Finding:
    return Finding(FindingKind.MISSING, row.key, f"the {row.kind} {what}", row.size_bytes or 0, row.version_id)


def _unexpected(there: Listed, prefix: str, seen_at: datetime | None) -> Finding:
    """Say what an object is that no row names. Only a key of our own form can be ours."""
    key, ours = there.key, False
    kind, what = FindingKind.FOREIGN, "no row names it"
    if parse_proxy_key(key) is not None:
        ours = bool(prefix) and key.startswith(prefix)
        if ours:
            kind, what = FindingKind.UNNAMED, "made by an attempt that came to nothing, or the end of a proxy"
    elif key.startswith(PROBES):
        kind, what = FindingKind.UNNAMED, "left by a check of the connection"
    elif parse_backup_key(key) is not None:
        kind, what = FindingKind.UNNAMED, "a backup of the company's database"
    young = seen_at is not None and there.modified_at is not None and there.modified_at >= seen_at
    if young and not ours and (parse_proxy_key(key) is not None or is_upload_key(key)):
        kind, what = FindingKind.NEW, "younger than this audit"
    return Finding(kind, key, what, there.size_bytes, None)
