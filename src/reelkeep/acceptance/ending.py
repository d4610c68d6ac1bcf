"""What comes last: how fast the store is, whether the bucket is as it was found, and the marker."""

from __future__ import annotations

from typing import Final

from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, failed, passed
from reelkeep.acceptance.object_checks import speed
from reelkeep.storage.marker import MARKER_KEY, MARKER_TYPE


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


def write_marker(bench: Bench) -> Outcome:
    """Say in the bucket whose it is. Called once nothing else holds the connection back."""
    key, body = bench.key(MARKER_KEY), bench.subject.marker.encoded()
    there = bench.media.s3("get_object", Key=key)
    if there.is_done:
        return passed(f"{MARKER_KEY} says whose the prefix is")
    answer = bench.media.s3("put_object", Key=key, Body=body, ContentType=MARKER_TYPE, IfNoneMatch="*")
    if answer.code == "NotImplemented":
        answer = bench.media.s3("put_object", Key=key, Body=body, ContentType=MARKER_TYPE)
    if not answer.is_done:
        return failed(f"the marker could not be written ({answer.told()})", "Allow s3:PutObject below the prefix.")
    return passed(f"{MARKER_KEY} was written and says whose the prefix is")


def no_marker(_: Bench) -> Outcome:
    raise NotVerifiable("not written, since another check holds the connection back")


SPEED: Final = Check("speed", Group.END, "How fast the store is from the operator's machine.",
                     "Five small reads; a write and a read of 4 MiB.", speed, is_required=False)  # fmt: skip
LEFT_AS_FOUND: Final = Check("left-as-found", Group.END, "The test leaves nothing behind but the marker.",
                             "DeleteObject of every version that was written, then a listing.",
                             _left_as_found)  # fmt: skip


def marker_check(*, may_write: bool) -> Check:
    return Check(
        "marker",
        Group.END,
        "The bucket says whose it is, so that nobody else can be given it.",
        f"PutObject of {MARKER_KEY}, once.",
        write_marker if may_write else no_marker,
    )
