"""Checks of the bucket itself: its name, place, owner, and whose it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from reelkeep.acceptance.bench import PROBE_FOLDER, Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, failed, passed, unsupported
from reelkeep.errors import ReelkeepError
from reelkeep.storage import marker
from reelkeep.storage.layout import MARKER
from reelkeep.storage.marker import Marker, NotOurs

SKEW_SECONDS: Final = 60.0  # S3 refuses from 15 minutes on (RequestTimeTooSkewed)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_NOBODY: Final = "000000000001"  # an account that owns nothing
_NAMED: Final = 3  # objects that a report names


def _bucket_name(bench: Bench) -> Outcome:
    name = bench.connection.bucket
    if _NAME.fullmatch(name):
        return passed("letters, digits and hyphens")
    why = "a dot" if "." in name else "a capital letter" if name.lower() != name else "a form that S3 does not take"
    return failed(
        f"the name of the bucket has {why}",
        "Use a bucket whose name has small letters, digits and hyphens alone: TLS does not work for names with dots.",
    )


def _bucket_is_free(bench: Bench) -> Outcome:
    if bench.subject.bucket_is_taken:
        return failed(
            "this bucket and prefix cannot be used for this connection", "Choose another bucket or another prefix."
        )
    return passed("no other connection reaches below this prefix")


def _region(bench: Bench) -> Outcome:
    wanted = bench.connection.region
    answer = bench.media.s3("head_bucket")
    found = answer.headers.get("x-amz-bucket-region") or str(answer.data.get("BucketRegion") or "")
    if not found:
        location = bench.audit_answer("s3", "get_bucket_location", {"Bucket": bench.connection.bucket})
        if not location.is_done or "LocationConstraint" not in location.data:
            raise NotVerifiable("this store does not say where the bucket lies")
        found = location.data["LocationConstraint"] or "us-east-1"  # S3 says nothing for its first region
    if found == wanted:
        return passed(f"the bucket lies in {found}")
    return failed(
        f"the bucket lies in {found}, and the connection says {wanted}",
        f"Connect it with the region {found}; if that is the wrong place, make a bucket in the right one.",
    )


def _owner(bench: Bench) -> Outcome:
    account = bench.connection.role_arn.split(":")[4]
    if not re.fullmatch("[0-9]{12}", account):
        raise NotVerifiable("the role's ARN names no account")
    right = bench.media.s3("list_objects_v2", Prefix=bench.test_key(""), MaxKeys=1, ExpectedBucketOwner=account)
    wrong = bench.media.s3("list_objects_v2", Prefix=bench.test_key(""), MaxKeys=1, ExpectedBucketOwner=_NOBODY)
    if right.is_done and wrong.is_refused:
        return passed(f"owned by account {account}, which every request of ours says")
    if right.is_done and wrong.is_done:
        if bench.subject.is_aws:
            return failed("the store did not look at who owns the bucket", "Look at what answers as S3.")
        return unsupported("this store does not look at who owns the bucket")
    if right.is_silent or wrong.is_silent:
        raise NotVerifiable("the store did not answer")
    return failed(
        f"the bucket does not answer for account {account}: {right.told()}",
        "The bucket must belong to the account of the roles: a deleted bucket's name may be a stranger's by now.",
    )


def _clock(bench: Bench) -> Outcome:
    before = datetime.now(UTC)
    answer = bench.nobody.s3("list_objects_v2", MaxKeys=1)
    after = datetime.now(UTC)
    if answer.date is None:
        raise NotVerifiable("the store does not tell its time")
    skew = max((before - answer.date).total_seconds() - 1, (answer.date - after).total_seconds(), 0.0)
    if skew <= SKEW_SECONDS:
        return passed("the clocks agree to the minute", skew_seconds=round(skew, 1))
    return failed(
        f"the clocks of this machine and of the store differ by {skew:,.0f} s",
        "Let the operator's machine keep its time by NTP: signatures are refused when clocks differ.",
    )


def _bucket_is_ours(bench: Bench) -> Outcome:
    try:
        there = marker.read(bench.store(), grant=bench.grant)
    except NotOurs:
        return failed(f"the object {MARKER} is not a marker of Reelkeep", "Move it away, or choose another prefix.")
    except ReelkeepError as error:
        raise NotVerifiable(f"the marker could not be looked for: {error.message}") from None
    if there is not None:
        return _whose(bench, there)
    prefix = bench.key("")
    listed = bench.media.s3("list_objects_v2", Prefix=prefix, MaxKeys=100)
    if not listed.is_done:
        raise NotVerifiable(f"the bucket could not be listed ({listed.told()})")
    keys = [str(item["Key"]) for item in listed.data.get("Contents", ())]
    others = [key for key in keys if not key.startswith(bench.key(PROBE_FOLDER))]
    if not others:
        return passed("there is nothing below the prefix yet")
    if bench.subject.was_in_use:
        return passed("there are objects of this connection, from before markers were written")
    count = f"{len(others)} or more" if listed.data.get("IsTruncated") else str(len(others))
    return failed(
        f"there are objects below the prefix already ({count}), such as {', '.join(map(_short, others[:_NAMED]))}",
        "Give Reelkeep a bucket or a prefix of its own: what others keep there can be hit by its lifecycle rules.",
    )


def _whose(bench: Bench, there: Marker) -> Outcome:
    ours = bench.subject.marker
    if (there.installation, there.company) != (ours.installation, ours.company):
        return failed(
            "this bucket and prefix cannot be used for this connection", "Choose another bucket or another prefix."
        )
    if there.bucket and (there.bucket, there.prefix) != (ours.bucket, ours.prefix):
        return failed(
            "the marker was written for another bucket or prefix: this is a copy",
            "Connect the bucket that the marker names, or remove the marker from the copy.",
        )
    return passed("the marker says that it is this company's, at this installation")


def _short(key: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in key[:60])


CHECKS: Final = (
    Check("bucket-name", Group.BUCKET, "The bucket's name works in every browser.", "Its form.", _bucket_name),
    Check("bucket-is-free", Group.BUCKET, "No other company's connection reaches your objects.",
          "The registry of connections.", _bucket_is_free),
    Check("bucket-is-ours", Group.BUCKET, "The bucket is used by Reelkeep alone.",
          "The marker, and a listing below the prefix.", _bucket_is_ours),
    Check("region", Group.BUCKET, "The bucket lies where you decided.", "HeadBucket, GetBucketLocation.", _region),
    Check("owner", Group.BUCKET, "The bucket belongs to the account of the roles.",
          "A listing that names the owner, and one that names a wrong one.", _owner),
    Check("clock", Group.BUCKET, "The clocks agree, so that signatures hold.", "The date of an answer.", _clock),
)  # fmt: skip
