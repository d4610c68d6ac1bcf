"""The statements of the three roles: whom they trust, and what each may do. Pure; no I/O.

There is no right to change a policy, a setting or a role anywhere in them.
"""

from __future__ import annotations

from typing import Final

from reelkeep.contract.bucket_settings import KEY_ARN
from reelkeep.contract.expressions import Choice, Sub
from reelkeep.contract.interface import Document, Statement

DELETED_BY_THE_PLATFORM: Final = ("proxies", "downloads", "probe")  # folders whose objects the media role may delete
PURGED: Final = ("originals", "proxies", "attachments", "downloads")

_OBJECTS: Final = Sub("{MediaBucketArn}/{Prefix}*")
_BELOW_PREFIX: Final = {"StringLike": {"s3:prefix": [Sub("{Prefix}*")]}}


def _folders(names: tuple[str, ...]) -> tuple[Sub, ...]:
    return tuple(Sub(f"{{MediaBucketArn}}/{{Prefix}}{name}/*") for name in names)


_PLATFORM: Final = {"AWS": Sub("arn:{Partition}:iam::{PlatformAccountId}:root")}
_ONE_PRINCIPAL: Final = {"aws:PrincipalArn": [Sub("{PlatformPrincipalArn}")]}

TRUST: Final = (
    Statement(
        "LetThePlatformIn",
        "Only the operator's one named principal, with the external id made for your company, gets a session.",
        "Without the external id, a stranger's company on the same platform could be pointed at your role; "
        "without the name, anybody in the operator's account could use it.",
        document=Document.TRUST,
        effect=Choice("IsRevoked", "Deny", "Allow"),
        principal=_PLATFORM,
        actions=("sts:AssumeRole",),
        conditions={"ArnLike": _ONE_PRINCIPAL, "StringEquals": {"sts:ExternalId": [Sub("{ExternalId}")]}},
        advice="Put the condition on sts:ExternalId back, with the external id of this connection.",
    ),
    Statement(
        "LetSessionsCarryNames",
        "A session may carry tags and a source identity, so that your CloudTrail shows what it was for.",
        "A session that carries a name is refused.",
        document=Document.TRUST,
        effect=Choice("IsRevoked", "Deny", "Allow"),
        principal=_PLATFORM,
        actions=("sts:SetSourceIdentity", "sts:TagSession"),
        conditions={"ArnLike": _ONE_PRINCIPAL},
    ),
)


def _old_sessions(document: Document, name: str) -> Statement:
    return Statement(
        f"RefuseOld{name}Sessions",
        "Sessions from before SessionsIssuedAfter stay dead when access is enabled again.",
        "After a revocation, sessions that were stolen before it would come back to life with the role.",
        document=document,
        effect="Deny",
        actions=("*",),
        resources=("*",),
        conditions={"DateLessThan": {"aws:TokenIssueTime": [Sub("{SessionsIssuedAfter}")]}},
    )


MEDIA: Final = (
    Statement(
        "ReadObjects",
        "Players, transcodes and downloads read objects below the prefix.",
        "Nothing can be played, transcoded or downloaded.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:GetObject",),
        resources=(_OBJECTS,),
    ),
    Statement(
        "WriteObjects",
        "Uploads and proxies are written below the prefix.",
        "Nothing can be uploaded or transcoded.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:PutObject",),
        resources=(_OBJECTS,),
    ),
    Statement(
        "FinishUploads",
        "Uploads in parts go on after an interruption, and those that nobody finishes are given up.",
        "An interrupted upload starts anew, and its parts stay and are paid for.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
        resources=(_OBJECTS,),
    ),
    Statement(
        "DeleteWhatCanBeMadeAgain",
        "Proxies of failed attempts, prepared downloads and test objects are cleared away; originals never are.",
        "What dead attempts left stays for ever; a wider right could delete originals.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:DeleteObject",),
        resources=_folders(DELETED_BY_THE_PLATFORM),
    ),
    Statement(
        "EndDownloads",
        "A prepared download, and what a test wrote, is gone for good when it ends.",
        "Copies made for one download, and test objects, stay as old versions.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:DeleteObjectVersion",),
        resources=_folders(("downloads", "probe")),
    ),
    Statement(
        "ListObjects",
        "The platform finds what lies below the prefix, and nothing beside it.",
        "What dead attempts left is not found; what is missing is told as forbidden.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:ListBucket",),
        resources=(Sub("{MediaBucketArn}"),),
        conditions=_BELOW_PREFIX,
    ),
    Statement(
        "ListUnfinishedUploads",
        "Unfinished uploads are found and given up.",
        "Parts that no listing shows stay and are paid for.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("s3:ListBucketMultipartUploads",),
        resources=(Sub("{MediaBucketArn}"),),
    ),
    Statement(
        "UseTheKey",
        "Objects are encrypted and decrypted by your key, through S3 in this region alone.",
        "With SSE-KMS no object can be read or written; without the condition the key could be used on other data.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("kms:Decrypt", "kms:GenerateDataKey"),
        resources=(KEY_ARN,),
        conditions={"StringEquals": {"kms:ViaService": [Sub("s3.{Region}.amazonaws.com")]}},
        when="UsesKms",
    ),
    _old_sessions(Document.MEDIA, "Media"),
)

AUDIT: Final = (
    Statement(
        "ReadSettings",
        "The platform compares the buckets' settings with this contract and tells you where they differ.",
        "Nobody notices when a setting drifts.",
        document=Document.AUDIT,
        effect="Allow",
        actions=(
            "s3:GetBucketAcl",
            "s3:GetBucketCORS",
            "s3:GetBucketLocation",
            "s3:GetBucketLogging",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPolicyStatus",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketRequestPayment",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetReplicationConfiguration",
        ),
        resources=(Sub("{MediaBucketArn}"), Sub("{LogBucketArn}")),
    ),
    Statement(
        "ListEverything",
        "Foreign objects, old versions and unfinished uploads are found by their names; their content stays closed.",
        "The bucket's exclusive use cannot be checked.",
        document=Document.AUDIT,
        effect="Allow",
        actions=("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"),
        resources=(Sub("{MediaBucketArn}"),),
    ),
    Statement(
        "ListLogs",
        "New access logs are found.",
        "Access that did not come through the platform is not found.",
        document=Document.AUDIT,
        effect="Allow",
        actions=("s3:ListBucket",),
        resources=(Sub("{LogBucketArn}"),),
    ),
    Statement(
        "ReadLogs",
        "Access logs are compared with what the platform says it did.",
        "Access that did not come through the platform is not found.",
        document=Document.AUDIT,
        effect="Allow",
        actions=("s3:GetObject",),
        resources=(Sub("{LogBucketArn}/*"),),
    ),
    Statement(
        "ReadRoles",
        "The three roles' own policies and trust are compared with this contract.",
        "Nobody notices when a role is widened.",
        document=Document.AUDIT,
        effect="Allow",
        actions=("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
        resources=(Sub("{MediaRoleArn}"), Sub("{AuditRoleArn}"), Sub("{PurgeRoleArn}")),
    ),
    Statement(
        "ReadTheKeysSettings",
        "The key's policy and its state are compared with this contract.",
        "Nobody notices that the key is about to be deleted.",
        document=Document.AUDIT,
        effect="Allow",
        actions=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus"),
        resources=(KEY_ARN,),
        when="UsesKms",
    ),
    _old_sessions(Document.AUDIT, "Audit"),
)

PURGE: Final = (
    Statement(
        "DeleteVersions",
        "What members deleted is removed for good, while you allow it.",
        "Deleted versions stay until the lifecycle removes them.",
        document=Document.PURGE,
        effect="Allow",
        actions=("s3:DeleteObjectVersion",),
        resources=_folders(PURGED),
        when="HasPurge",
    ),
    Statement(
        "FindVersions",
        "The versions of what is to be removed are found.",
        "A deletion would name the newest version only.",
        document=Document.PURGE,
        effect="Allow",
        actions=("s3:ListBucketVersions",),
        resources=(Sub("{MediaBucketArn}"),),
        conditions=_BELOW_PREFIX,
        when="HasPurge",
    ),
    _old_sessions(Document.PURGE, "Purge"),
)
