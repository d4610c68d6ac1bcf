"""One audit of one connection: rows against the bucket's listing, or against an inventory report. Changes nothing.

The rows are read as of one moment, before the listing begins, so whatever they name had arrived by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import Engine, select

from reelkeep.catalog.lifecycle import UploadState
from reelkeep.catalog.tables import uploads
from reelkeep.custody import expected
from reelkeep.custody.merge import PROBLEMS, Counts, Finding, FindingKind, Order, OutOfOrder, merge
from reelkeep.errors import RequestError, StorageSetupError
from reelkeep.ids import ConnectionId
from reelkeep.storage.interface import UnfinishedUpload
from reelkeep.storage.layout import is_upload_key
from reelkeep.storage.listing import Listed

KEPT: Final = 1_000  # findings of a kind that a report keeps; every one is told as it is found
CLOCKS: Final = timedelta(minutes=5)  # that our clock and the store's may differ by
_UPLOADS_AT_ONCE: Final = 500

OnFinding = Callable[[Finding], None]
OnProgress = Callable[[int, int], None]  # objects listed, rows in all


@dataclass
class Report:
    """What an audit saw. ``kept`` holds the first KEPT findings of each kind."""

    seen_at: datetime
    counts: Counts = field(default_factory=Counts)
    found: Counter[FindingKind] = field(default_factory=Counter)
    found_bytes: Counter[FindingKind] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)
    unfinished: int = 0  # multipart uploads that an open upload knows
    notes: list[str] = field(default_factory=list)  # what this audit could not see

    @property
    def is_clean(self) -> bool:
        return not any(self.found[kind] for kind in PROBLEMS)

    def add(self, finding: Finding) -> None:
        self.found[finding.kind] += 1
        self.found_bytes[finding.kind] += finding.size_bytes
        if self.found[finding.kind] <= KEPT:
            self.kept.append(finding)


def audit(
    engine: Engine,
    at: Collection[ConnectionId],
    listing: Callable[[], Iterable[Listed]],
    *,
    order: Order = Order.BYTES,
    as_of: datetime | None = None,
    on_finding: OnFinding | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """Compare the rows of some connections that are one place with what a listing names.

    Args:
        engine: of the company's database; one connection is held until the end.
        listing: opens the listing, in ``order``; called after the rows were begun to be read.
        as_of: when the listing was made, if it is an older report; None: it is made now.
        on_finding: told of each finding as it is made.
        on_progress: told now and then.

    Raises:
        OutOfOrder: the listing keeps no order, or another one than ``order``.
        DependencyError, StorageSetupError: of the listing.
    """
    tell, progress = on_finding or (lambda _: None), on_progress or (lambda _done, _total: None)
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    with snapshot.connect() as conn, conn.begin():
        total = expected.count(conn, at)  # the first statement: the moment of the snapshot
        report = Report(datetime.now(UTC))
        rows = expected.read(conn, at, order, stored_before=as_of - CLOCKS if as_of else None)
        watched = _watched(listing(), report.counts, lambda done: progress(done, total))
        young = (as_of or report.seen_at) - CLOCKS
        with closing(rows):  # also where the listing breaks off
            for finding in merge(rows, watched, report.counts, order=order, seen_at=young):
                report.add(finding)
                tell(finding)
    progress(report.counts.objects, max(total, report.counts.objects))
    return report


def audit_store(
    engine: Engine,
    at: Collection[ConnectionId],
    objects: Callable[[], Iterable[Listed]],
    *,
    on_finding: OnFinding,
    on_progress: OnProgress,
    on_restart: Callable[[], None],
) -> Report:
    """Audit what a live store lists now, in whichever of the two orders it does.

    Args:
        objects: opens a listing.
        on_restart: what was found until now does not count; it begins again.

    Raises:
        OutOfOrder: the store keeps neither order.
    """
    try:
        return audit(engine, at, objects, on_finding=on_finding, on_progress=on_progress)
    except OutOfOrder:
        on_restart()
    return audit(engine, at, objects, order=Order.TREE, on_finding=on_finding, on_progress=on_progress)


def count_versions(report: Report, versions: Iterable[Listed]) -> None:
    """Count earlier versions and delete markers, where the store tells them.

    What is there now is not taken from here: SeaweedFS names other ETags in this listing than in all other answers.
    """
    counts = report.counts
    try:
        for one in versions:
            if one.is_delete_marker:
                counts.delete_markers += 1
            elif not one.is_latest:
                counts.noncurrent += 1
                counts.noncurrent_bytes += one.size_bytes
    except (StorageSetupError, RequestError):
        report.notes.append(
            "earlier versions of objects were not seen: the role lacks s3:ListBucketVersions, or the store has none"
        )


def add_unfinished(engine: Engine, report: Report, listed: Iterable[UnfinishedUpload], on_finding: OnFinding) -> None:
    """Add the store's unfinished uploads that no open upload knows: their parts take space that no listing shows."""
    stream = iter(listed)
    while some := list(islice(stream, _UPLOADS_AT_ONCE)):
        this = uploads.c.store_upload_id.in_([one.upload_id for one in some])
        with engine.connect() as conn:
            query = select(uploads.c.store_upload_id).where(this, uploads.c.state == UploadState.OPEN.value)
            known = set(conn.scalars(query))
        for one in some:
            if one.upload_id in known:
                report.unfinished += 1
                continue
            ours = is_upload_key(one.key)
            kind = FindingKind.UNNAMED if ours else FindingKind.FOREIGN
            what = "an unfinished upload that was given up" if ours else "an unfinished upload that nobody here began"
            finding = Finding(kind, one.key, f"{what}, begun {one.begun_at:%Y-%m-%d %H:%M} UTC", 0, None)
            report.add(finding)
            on_finding(finding)


def _watched(listed: Iterable[Listed], counts: Counts, progress: Callable[[int], None]) -> Iterator[Listed]:
    for number, one in enumerate(listed):
        if number % 1_000 == 0:
            progress(counts.objects)
        yield one
