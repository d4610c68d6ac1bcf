"""The rows of the contract: settings of buckets and roles, and statements of policies. Pure; no I/O.

Each row says why it is there, what breaks without it, and what to do where it is missing, so that a template, a check
and a page for people can be made of the same row.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from reelkeep.contract.expressions import Value


class Kind(enum.Enum):
    """A setting that S3 (or IAM) keeps as one piece; several rows may hold parts of it."""

    NAMESPACE = "namespace"
    OWNERSHIP = "ownership"
    PUBLIC_ACCESS = "public_access"
    ENCRYPTION = "encryption"
    VERSIONING = "versioning"
    LIFECYCLE = "lifecycle"
    CORS = "cors"
    LOGGING = "logging"
    SESSION_LENGTH = "session_length"


class Holder(enum.Enum):
    """What a setting belongs to, by the name of its resource in the templates."""

    MEDIA_BUCKET = "MediaBucket"
    LOG_BUCKET = "LogBucket"
    MEDIA_ROLE = "MediaRole"
    AUDIT_ROLE = "AuditRole"
    PURGE_ROLE = "PurgeRole"
    KEY = "Key"
    TRAIL = "Trail"


class Document(enum.Enum):
    """A policy document."""

    TRUST = "trust"  # the same for the three roles
    MEDIA = "media"  # of the media role
    AUDIT = "audit"
    PURGE = "purge"
    MEDIA_BUCKET = "media_bucket"  # bucket policy
    LOG_BUCKET = "log_bucket"
    KEY = "key"  # key policy, where the stack makes the key
    WRAPPING_KEY = "wrapping_key"  # policy of the key that wraps the company key


@dataclass(frozen=True)
class Reading:
    """The call that reads a setting or a document, for a check with the audit role.

    Args:
        absent: error codes that mean that nothing is set.
        at: where in the answer the value stands; empty: the whole answer.
    """

    service: Literal["s3", "iam", "kms"]
    operation: str  # of the SDK's client
    at: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


READS: Final[Mapping[Kind | Document, Reading]] = {
    Kind.OWNERSHIP: Reading(
        "s3", "get_bucket_ownership_controls", ("OwnershipControls",), ("OwnershipControlsNotFoundError",)
    ),
    Kind.PUBLIC_ACCESS: Reading(
        "s3",
        "get_public_access_block",
        ("PublicAccessBlockConfiguration",),
        ("NoSuchPublicAccessBlockConfiguration",),
    ),
    Kind.ENCRYPTION: Reading(
        "s3",
        "get_bucket_encryption",
        ("ServerSideEncryptionConfiguration",),
        ("ServerSideEncryptionConfigurationNotFoundError",),
    ),
    Kind.VERSIONING: Reading("s3", "get_bucket_versioning"),
    Kind.LIFECYCLE: Reading("s3", "get_bucket_lifecycle_configuration", (), ("NoSuchLifecycleConfiguration",)),
    Kind.CORS: Reading("s3", "get_bucket_cors", (), ("NoSuchCORSConfiguration",)),
    Kind.LOGGING: Reading("s3", "get_bucket_logging"),
    Kind.SESSION_LENGTH: Reading("iam", "get_role", ("Role",), ("NoSuchEntity",)),
    Document.TRUST: Reading("iam", "get_role", ("Role", "AssumeRolePolicyDocument"), ("NoSuchEntity",)),
    Document.MEDIA: Reading("iam", "get_role_policy", ("PolicyDocument",), ("NoSuchEntity",)),
    Document.AUDIT: Reading("iam", "get_role_policy", ("PolicyDocument",), ("NoSuchEntity",)),
    Document.PURGE: Reading("iam", "get_role_policy", ("PolicyDocument",), ("NoSuchEntity",)),
    Document.MEDIA_BUCKET: Reading("s3", "get_bucket_policy", ("Policy",), ("NoSuchBucketPolicy",)),
    Document.LOG_BUCKET: Reading("s3", "get_bucket_policy", ("Policy",), ("NoSuchBucketPolicy",)),
    Document.KEY: Reading("kms", "get_key_policy", ("Policy",), ("NotFoundException",)),
    Document.WRAPPING_KEY: Reading("kms", "get_key_policy", ("Policy",), ("NotFoundException",)),
}
# The call that writes a setting, and the name of the argument that takes it in the form that the reading returns.
WRITES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.OWNERSHIP: ("put_bucket_ownership_controls", "OwnershipControls"),
    Kind.PUBLIC_ACCESS: ("put_public_access_block", "PublicAccessBlockConfiguration"),
    Kind.ENCRYPTION: ("put_bucket_encryption", "ServerSideEncryptionConfiguration"),
    Kind.VERSIONING: ("put_bucket_versioning", "VersioningConfiguration"),
    Kind.LIFECYCLE: ("put_bucket_lifecycle_configuration", "LifecycleConfiguration"),
    Kind.CORS: ("put_bucket_cors", "CORSConfiguration"),
    Kind.LOGGING: ("put_bucket_logging", "BucketLoggingStatus"),
}


@dataclass(frozen=True)
class Row:
    """What every row says.

    Args:
        id: stable over versions; a report names it.
        reason: why it is there, one sentence.
        breaks: what happens without it, one sentence.
        advice: what the company's cloud team does where it is missing.
        since: version of the contract that brought it.
        when: condition under which it is part of the contract at all.
        emulator_gap: what stands in for AWS in the tests does not take it from a template; not verified on AWS.
    """

    id: str
    reason: str
    breaks: str
    advice: str = field(default="Update the stack from the template.", kw_only=True)
    since: int = field(default=1, kw_only=True)
    when: str | None = field(default=None, kw_only=True)
    emulator_gap: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Setting(Row):
    """A part of a setting. ``value`` has the form in which S3's API reads and writes it."""

    holder: Holder = field(kw_only=True)
    kind: Kind = field(kw_only=True)
    value: Mapping[str, Any] = field(kw_only=True)


@dataclass(frozen=True)
class Statement(Row):
    """A statement of a policy document; its id is the Sid.

    Args:
        principal: "*", or a kind of principal ("AWS", "Service") with its names; None in a role's own policy.
        conditions: operator, condition key, values.
    """

    document: Document = field(kw_only=True)
    effect: Literal["Allow", "Deny"] | Value = field(kw_only=True)
    actions: tuple[str, ...] = field(kw_only=True)
    resources: tuple[Value, ...] = field(kw_only=True, default=())
    principal: Literal["*"] | Mapping[str, Value] | None = field(kw_only=True, default=None)
    conditions: Mapping[str, Value] = field(kw_only=True, default_factory=dict)
