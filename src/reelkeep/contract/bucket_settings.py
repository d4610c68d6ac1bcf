"""The settings of the media bucket, the log bucket and the roles. Pure; no I/O."""

from __future__ import annotations

from typing import Final

from reelkeep.contract.expressions import Choice, Items, Number, Only, Sub
from reelkeep.contract.interface import Holder, Kind, Setting

MEDIA, LOGS = Holder.MEDIA_BUCKET, Holder.LOG_BUCKET
DOWNLOAD_DAYS: Final = 14  # prepared downloads; the platform ends them itself, this is the backstop
SESSION_SECONDS: Final = 3_600  # what AWS allows a chained role at most, IAM User Guide "Roles terms and concepts"
LOG_PREFIX: Final = "access/"
KEY_ARN: Final = Choice("MakesKey", Sub("{KeyArn}"), Sub("{KmsKeyArn}"))

_PUBLIC: Final = {
    "BlockPublicAcls": "no request can make an object public by an ACL",
    "IgnorePublicAcls": "ACLs that would make something public count for nothing",
    "BlockPublicPolicy": "no policy that opens the bucket to everybody can be written",
    "RestrictPublicBuckets": "a policy that opens it to everybody counts for nothing outside the account",
}


def _shared(holder: Holder) -> tuple[Setting, ...]:
    name = "media" if holder is MEDIA else "log"
    ownership = Setting(
        f"{name}-owner-enforced",
        "Every object belongs to your account and access lists are off, so that policies alone decide.",
        "An object could belong to whoever wrote it, or be opened by an access list that no policy shows.",
        holder=holder,
        kind=Kind.OWNERSHIP,
        value={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    )
    namespace = Setting(
        f"{name}-own-namespace",
        "The name ends in your account and region, and no other account can ever register it.",
        "After a deletion a stranger could register the name and receive what is still written to it.",
        holder=holder,
        kind=Kind.NAMESPACE,
        value={"BucketNamespace": Choice("IsNamed", "global", "account-regional")},
        advice="Leave BucketName empty for a new bucket; an old bucket keeps its name.",
    )
    public = tuple(
        Setting(
            f"{name}-{''.join('-' + c.lower() if c.isupper() else c for c in flag).lstrip('-')}",
            f"With this block {what}.",
            "One mistake in a policy or an access list would show the bucket to the internet.",
            holder=holder,
            kind=Kind.PUBLIC_ACCESS,
            value={flag: True},
        )
        for flag, what in _PUBLIC.items()
    )
    return (namespace, ownership, *public)


MEDIA_SETTINGS: Final = (
    *_shared(MEDIA),
    Setting(
        "default-encryption",
        "Every object is encrypted at rest, by S3's own keys, by a key of yours, or by two layers.",
        "Objects would be encrypted by S3's own keys only, and your key could not cut anybody off.",
        holder=MEDIA,
        kind=Kind.ENCRYPTION,
        value={
            "ApplyServerSideEncryptionByDefault": {
                "SSEAlgorithm": Choice("UsesKms", Choice("UsesTwoLayers", "aws:kms:dsse", "aws:kms"), "AES256"),
                "KMSMasterKeyID": Only("UsesKms", KEY_ARN),
            }
        },
        advice="Set the bucket's default encryption as the stack's parameter Encryption says.",
        emulator_gap=True,
    ),
    Setting(
        "bucket-key",
        "One key request serves many objects, which makes KMS affordable for thousands of segments.",
        "Every object costs a request to KMS; a busy production can also run into its limits.",
        holder=MEDIA,
        kind=Kind.ENCRYPTION,
        value={"BucketKeyEnabled": Choice("UsesKms", Choice("UsesTwoLayers", False, True), False)},
        emulator_gap=True,
    ),
    Setting(
        "sse-c-blocked",
        "Nobody can encrypt an object with a key that only they know.",
        "Whoever may write could hold your media to ransom under a key of their own.",
        holder=MEDIA,
        kind=Kind.ENCRYPTION,
        value={"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}},
        emulator_gap=True,
    ),
    Setting(
        "versioning",
        "What is deleted or replaced can be brought back for the days of NoncurrentDays.",
        "A deletion, by mistake or by an intruder, is final at once; replication is impossible.",
        holder=MEDIA,
        kind=Kind.VERSIONING,
        value={"Status": "Enabled"},
    ),
    Setting(
        "downloads-expire",
        f"Prepared downloads end after {DOWNLOAD_DAYS} days even if the platform is gone.",
        "Copies made for one download would stay for ever.",
        holder=MEDIA,
        kind=Kind.LIFECYCLE,
        value={
            "ID": "downloads-expire",
            "Status": "Enabled",
            "Filter": {"Prefix": Sub("{Prefix}downloads/")},
            "Expiration": {"Days": DOWNLOAD_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        advice="Add the rule; it must name downloads/ and nothing else.",
        emulator_gap=True,
    ),
    Setting(
        "noncurrent-expire",
        "Deleted and replaced objects leave the bucket after the days of NoncurrentDays.",
        "Everything that was ever deleted is kept and paid for.",
        holder=MEDIA,
        kind=Kind.LIFECYCLE,
        value={
            "ID": "noncurrent-expire",
            "Status": "Enabled",
            "Filter": {"Prefix": Sub("{Prefix}")},
            "NoncurrentVersionExpiration": {"NoncurrentDays": Number("NoncurrentDays")},
        },
        emulator_gap=True,
    ),
    Setting(
        "markers-expire",
        "A deletion leaves a marker, which goes when nothing is behind it.",
        "Markers gather without end and slow down every listing.",
        holder=MEDIA,
        kind=Kind.LIFECYCLE,
        value={
            "ID": "markers-expire",
            "Status": "Enabled",
            "Filter": {"Prefix": Sub("{Prefix}")},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
        emulator_gap=True,
    ),
    Setting(
        "unfinished-uploads-abort",
        "Parts of uploads that nobody finished are removed; the days count from the upload's beginning.",
        "Parts that no listing shows are kept and paid for; too few days break large uploads on slow lines.",
        holder=MEDIA,
        kind=Kind.LIFECYCLE,
        value={
            "ID": "unfinished-uploads-abort",
            "Status": "Enabled",
            "Filter": {"Prefix": Sub("{Prefix}")},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": Number("UnfinishedUploadDays")},
        },
        emulator_gap=True,
    ),
    Setting(
        "cors",
        "Browsers on your company's pages may put and get with signed links, and see checksums and request ids.",
        "No browser can upload: it asks the bucket first, and the bucket says no.",
        holder=MEDIA,
        kind=Kind.CORS,
        value={
            "ID": "reelkeep",
            "AllowedOrigins": Items("SiteOrigins"),
            "AllowedMethods": ["GET", "PUT", "HEAD"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": [
                "ETag",
                "Content-Range",
                "Accept-Ranges",
                "Content-Length",
                "x-amz-checksum-crc32",
                "x-amz-checksum-type",
                "x-amz-request-id",
                "x-amz-id-2",
            ],
            "MaxAgeSeconds": 3_000,
        },
        advice="Allow exactly the origins of your company's site; the stack's parameter SiteOrigins lists them.",
    ),
    Setting(
        "access-logs",
        "The log bucket receives a line for every request, so you can see what the platform did without asking it.",
        "Nothing outside the platform says who read what.",
        holder=MEDIA,
        kind=Kind.LOGGING,
        value={"TargetBucket": Sub("{LogBucket}"), "TargetPrefix": LOG_PREFIX},
        advice="Switch on server access logging to the stack's log bucket.",
        emulator_gap=True,
    ),
)

LOG_SETTINGS: Final = (
    *_shared(LOGS),
    Setting(
        "log-encryption",
        "Logs are encrypted by S3's own keys: the logging service can write to no other kind of bucket.",
        "With a KMS key as default no log line arrives, and nothing says so.",
        holder=LOGS,
        kind=Kind.ENCRYPTION,
        value={"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}},
        advice="Set the log bucket's default encryption to SSE-S3.",
        emulator_gap=True,
    ),
    Setting(
        "log-sse-c-blocked",
        "No log can be written that you cannot read.",
        "Logs under a foreign key would be lost to you.",
        holder=LOGS,
        kind=Kind.ENCRYPTION,
        value={"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}},
        emulator_gap=True,
    ),
    Setting(
        "log-versioning",
        "A log that somebody deletes or replaces is still there.",
        "Whoever covers tracks needs one deletion only.",
        holder=LOGS,
        kind=Kind.VERSIONING,
        value={"Status": "Enabled"},
    ),
    Setting(
        "log-retention",
        "Logs are kept for the days of LogRetentionDays and then go.",
        "Logs, which hold addresses of people, would be kept for ever.",
        holder=LOGS,
        kind=Kind.LIFECYCLE,
        value={
            "ID": "log-retention",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"Days": Number("LogRetentionDays")},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        emulator_gap=True,
    ),
)

ROLE_SETTINGS: Final = tuple(
    Setting(
        f"{holder.name.partition('_')[0].lower()}-one-hour",
        "No session lasts longer than an hour, so none outlives a change of mind for long.",
        "A stolen session would be good for up to twelve hours.",
        holder=holder,
        kind=Kind.SESSION_LENGTH,
        value={"MaxSessionDuration": SESSION_SECONDS},
        when=when,
    )
    for holder, when in ((Holder.MEDIA_ROLE, None), (Holder.AUDIT_ROLE, None), (Holder.PURGE_ROLE, "HasPurge"))
)
SETTINGS: Final = (*MEDIA_SETTINGS, *LOG_SETTINGS, *ROLE_SETTINGS)
