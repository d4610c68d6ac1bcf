"""What comes last: how fast the store is, whether the bucket is as it was found, and the marker."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Final

from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, failed, passed
from reelkeep.acceptance.object_checks import speed
from reelkeep.errors import ReelkeepError
from reelkeep.storage import marker
from reelkeep.storage.layout import MARKER


def _left_as_found(bench: Bench) -> Outcome:
    left = []
    while bench.written:
        key, version_id = bench.written.pop()
        answer = bench.remove(key, version_id)
        if not answer.is_done:
            left.append(f"{key} ({answer.told()})")
    if left:
        return failed(
            f"test objects could not be removed: {'; '.join(left[:5])}",
            "Allow the media role s3:DeleteObject and s3:DeleteObjectVersion on probe/, and remove these objects.",
        )
    listed = bench.media.s3("list_objects_v2", Prefix=bench.test_key(""), MaxKeys=10)
    if listed.is_done and listed.data.get("Contents"):
        return failed("test objects are still there after they were deleted", "Look at what holds objects there.")
    return passed("every test object was removed")


def _write_marker(bench: Bench, *, writes_once: bool) -> Outcome:
    """Say in the bucket whose it is. Called once nothing else holds the connection back."""
    try:
        marker.put(bench.store(writes_once=writes_once), bench.subject.marker, grant=bench.grant)
    except ReelkeepError as error:
        return failed(f"the marker could not be written: {error.message}", "Allow s3:PutObject below the prefix.")
    return passed(f"{MARKER} says whose the prefix is")


def _no_marker(bench: Bench) -> Outcome:
    """Write nothing; a marker from before, when everything was well, stays and says the same."""
    with contextlib.suppress(ReelkeepError):
        if marker.read(bench.store(), grant=bench.grant) is not None:
            return passed(f"{MARKER} says whose the prefix is")
    raise NotVerifiable("not written, since another check holds the connection back")


SPEED: Final = Check("speed", Group.END, "How fast the store is from the operator's machine.",
                     "Five small reads; a write and a read of 4 MiB.", speed, is_required=False)  # fmt: skip
LEFT_AS_FOUND: Final = Check("left-as-found", Group.END, "The test leaves nothing behind but the marker.",
                             "DeleteObject of every version that was written, then a listing.",
                             _left_as_found)  # fmt: skip


def marker_check(*, may_write: bool, writes_once: bool) -> Check:
    """Return the last check.

    Args:
        may_write: nothing else holds the connection back.
        writes_once: the store was found to refuse to replace an object.
    """
    return Check(
        "marker",
        Group.END,
        "The bucket says whose it is, so that nobody else can be given it.",
        f"PutObject of {MARKER}, once.",
        partial(_write_marker, writes_once=writes_once) if may_write else _no_marker,
    )
