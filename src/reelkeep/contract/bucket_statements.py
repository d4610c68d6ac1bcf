"""The statements of the two bucket policies and of the key's policy. Pure; no I/O.

Denials name principals by the condition ``aws:PrincipalArn`` and never by NotPrincipal, which also hits sessions of the
very roles that it names. None of them covers the actions that change a bucket's policy over TLS: the account's own
administrators can always take a policy away.
"""

from __future__ import annotations

from typing import Final

from reelkeep.contract.bucket_settings import KEY_ARN, LOG_PREFIX
from reelkeep.contract.expressions import Choice, Items, Joined, Only, Sub
from reelkeep.contract.interface import Document, Statement

LINK_MILLISECONDS: Final = 3_600_000  # the longest session; s3:signatureAge counts milliseconds
TRAIL_PREFIX: Final = "trail"

_BUCKET, _OBJECTS = Sub("{MediaBucketArn}"), Sub("{MediaBucketArn}/*")
_LOGS, _LOG_OBJECTS = Sub("{LogBucketArn}"), Sub("{LogBucketArn}/*")
_ROLES: Final = (Sub("{MediaRoleArn}"), Sub("{AuditRoleArn}"), Sub("{PurgeRoleArn}"))
_NAMED: Final = Joined((*_ROLES, Items("AdminArns"), Items("CopyRoleArns")))
_ROOT: Final = Sub("arn:{Partition}:iam::{AccountId}:root")
_NO_SERVICE: Final = {"aws:PrincipalIsAWSService": ["false"]}

DATA_ACTIONS: Final = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject*",
    "s3:GetObject*",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:ListMultipartUploadParts",
    "s3:PutObject*",
    "s3:ReplicateDelete",
    "s3:ReplicateObject",
    "s3:RestoreObject",
)


def _tls(document: Document, *resources: Sub) -> tuple[Statement, ...]:
    return (
        Statement(
            "RefusePlainHttp",
            "Nothing travels unencrypted.",
            "Whoever listens on the way could read media and signatures.",
            document=document,
            effect="Deny",
            principal="*",
            actions=("s3:*",),
            resources=resources,
            conditions={"Bool": {"aws:SecureTransport": ["false"]}},
        ),
        Statement(
            "RefuseOldTls",
            "Connections use TLS 1.2 or newer.",
            "A client could be talked down to a version whose encryption is broken.",
            document=document,
            effect="Deny",
            principal="*",
            actions=("s3:*",),
            resources=resources,
            conditions={"NumericLessThan": {"s3:TlsVersion": ["1.2"]}},
        ),
    )


MEDIA_BUCKET: Final = (
    *_tls(Document.MEDIA_BUCKET, _BUCKET, _OBJECTS),
    Statement(
        "CutThePlatformOff",
        "PlatformAccess is Revoked: the three roles reach nothing, from the next request on.",
        "Live sessions would go on for up to an hour.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:*",),
        resources=(_BUCKET, _OBJECTS),
        conditions={"ArnLike": {"aws:PrincipalArn": list(_ROLES)}},
        when="IsRevoked",
    ),
    Statement(
        "NamedPrincipalsOnly",
        "Objects and their names are for the three roles, for AWS services and for whom you name; "
        "others in your account stay out, whatever their own policies say.",
        "Everybody in the account with a broad S3 policy could read unreleased films.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=DATA_ACTIONS,
        resources=(_BUCKET, _OBJECTS),
        conditions={"ArnNotLike": {"aws:PrincipalArn": _NAMED}, "BoolIfExists": _NO_SERVICE},
        advice="Put the statement back, with your own admins in AdminArns.",
    ),
    Statement(
        "RefuseOtherEncryption",
        "Nobody writes an object with another kind of encryption than you chose.",
        "Objects could be written past your key, and cutting the key would not reach them.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:PutObject",),
        resources=(_OBJECTS,),
        conditions={
            "StringNotEquals": {
                "s3:x-amz-server-side-encryption": [
                    Choice("UsesKms", Choice("UsesTwoLayers", "aws:kms:dsse", "aws:kms"), "AES256")
                ]
            },
            "Null": {"s3:x-amz-server-side-encryption": ["false"]},
        },
    ),
    Statement(
        "RefuseOtherKeys",
        "Nobody writes an object under another key than yours.",
        "Objects could be written under a stranger's key and be held to ransom.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:PutObject",),
        resources=(_OBJECTS,),
        conditions={
            "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": [KEY_ARN]},
            "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": ["false"]},
        },
        when="UsesKms",
    ),
    Statement(
        "RefuseCustomerKeys",
        "Nobody writes an object under a key that only they know (SSE-C), even where the bucket's own block is off.",
        "Whoever may write could hold your media to ransom.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:PutObject",),
        resources=(_OBJECTS,),
        conditions={"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": ["false"]}},
    ),
    Statement(
        "RefuseOldLinks",
        "A signed link dies an hour after it was signed.",
        "Whoever may sign could make links that work for seven days.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:*",),
        resources=(_BUCKET, _OBJECTS),
        conditions={"NumericGreaterThan": {"s3:signatureAge": [str(LINK_MILLISECONDS)]}},
    ),
    Statement(
        "RefuseOtherNetworks",
        "Objects are reached from your address ranges or through your endpoints: refused where both fail.",
        "A link that leaks works anywhere until it ends.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=DATA_ACTIONS,
        resources=(_BUCKET, _OBJECTS),
        conditions={
            "NotIpAddress": Only("LimitsNetworks", {"aws:SourceIp": Items("AllowedNetworks")}),
            "StringNotEquals": Only("LimitsEndpoints", {"aws:SourceVpce": Items("AllowedEndpoints")}),
            "ArnNotLike": {"aws:PrincipalArn": Joined((_ROOT, Items("AdminArns"), Items("CopyRoleArns")))},
            "BoolIfExists": _NO_SERVICE,
        },
        when="IsLimited",
        advice="Add the platform's own networks and endpoints to the lists, or it is shut out, too.",
    ),
    Statement(
        "WriteOriginalsOnce",
        "An original is written once: every write must say that nothing may be there yet.",
        "An intruder with the media role could replace originals; versions would be the way back.",
        document=Document.MEDIA_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:PutObject",),
        resources=(Sub("{MediaBucketArn}/{Prefix}originals/*"),),
        conditions={
            "Null": {"s3:if-none-match": ["true"]},
            "Bool": {"s3:ObjectCreationOperation": ["true"]},
        },
        when="IsWriteOnce",
        emulator_gap=True,
    ),
)

LOG_BUCKET: Final = (
    *_tls(Document.LOG_BUCKET, _LOGS, _LOG_OBJECTS),
    Statement(
        "LetS3WriteAccessLogs",
        "S3's logging service writes lines about your media bucket, and about no other.",
        "No access log arrives; without the conditions anybody's bucket could fill yours.",
        document=Document.LOG_BUCKET,
        effect="Allow",
        principal={"Service": "logging.s3.amazonaws.com"},
        actions=("s3:PutObject",),
        resources=(Sub(f"{{LogBucketArn}}/{LOG_PREFIX}*"),),
        conditions={
            "ArnLike": {"aws:SourceArn": [Sub("{MediaBucketArn}")]},
            "StringEquals": {"aws:SourceAccount": [Sub("{AccountId}")]},
        },
    ),
    Statement(
        "LetCloudTrailLook",
        "CloudTrail sees whose bucket it is before it writes.",
        "The trail is refused.",
        document=Document.LOG_BUCKET,
        effect="Allow",
        principal={"Service": "cloudtrail.amazonaws.com"},
        actions=("s3:GetBucketAcl",),
        resources=(_LOGS,),
        conditions={"StringEquals": {"aws:SourceArn": [Sub("{TrailArn}")]}},
        when="HasTrail",
    ),
    Statement(
        "LetCloudTrailWrite",
        "CloudTrail writes the records of this one trail.",
        "No record of access to objects arrives.",
        document=Document.LOG_BUCKET,
        effect="Allow",
        principal={"Service": "cloudtrail.amazonaws.com"},
        actions=("s3:PutObject",),
        resources=(Sub(f"{{LogBucketArn}}/{TRAIL_PREFIX}/AWSLogs/{{AccountId}}/*"),),
        conditions={
            "StringEquals": {
                "aws:SourceArn": [Sub("{TrailArn}")],
                "s3:x-amz-acl": ["bucket-owner-full-control"],
            }
        },
        when="HasTrail",
    ),
    Statement(
        "LogsComeFromServicesAlone",
        "Nobody but AWS services writes, replaces or deletes a log.",
        "Whoever covers tracks could delete the lines or add false ones.",
        document=Document.LOG_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:DeleteObject*", "s3:PutObject*", "s3:ReplicateDelete", "s3:ReplicateObject"),
        resources=(_LOG_OBJECTS,),
        conditions={"BoolIfExists": _NO_SERVICE},
    ),
    Statement(
        "LogsForNamedReadersOnly",
        "Logs, which hold names of files and addresses of people, are read by the audit role and by whom you name.",
        "Everybody in the account with a broad S3 policy could see who works on which film.",
        document=Document.LOG_BUCKET,
        effect="Deny",
        principal="*",
        actions=("s3:GetObject*",),
        resources=(_LOG_OBJECTS,),
        conditions={
            "ArnNotLike": {"aws:PrincipalArn": Joined((Sub("{AuditRoleArn}"), Items("AdminArns")))},
            "BoolIfExists": _NO_SERVICE,
        },
    ),
)

_EVERY_KEY: Final = ("*",)  # in a key policy: this key
_USES: Final = ("kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")

KEY: Final = (
    Statement(
        "KeepAdministration",
        "Your account keeps all rights to the key, given out by its own IAM policies.",
        "A key that nobody may change can never be changed again, nor deleted.",
        document=Document.KEY,
        effect="Allow",
        principal={"AWS": _ROOT},
        actions=("kms:*",),
        resources=_EVERY_KEY,
    ),
    Statement(
        "KeyForNamedPrincipalsOnly",
        "The key opens objects for the media role, for AWS services and for whom you name.",
        "Everybody in the account with a broad KMS policy could decrypt media.",
        document=Document.KEY,
        effect="Deny",
        principal={"AWS": "*"},
        actions=_USES,
        resources=_EVERY_KEY,
        conditions={
            "ArnNotLike": {
                "aws:PrincipalArn": Joined((Sub("{MediaRoleArn}"), Items("AdminArns"), Items("CopyRoleArns")))
            },
            "BoolIfExists": _NO_SERVICE,
        },
    ),
    Statement(
        "CutThePlatformOffFromTheKey",
        "PlatformAccess is Revoked: the key opens nothing for the platform.",
        "A revoked role could still decrypt what it had read before.",
        document=Document.KEY,
        effect="Deny",
        principal={"AWS": "*"},
        actions=_USES,
        resources=_EVERY_KEY,
        conditions={"ArnLike": {"aws:PrincipalArn": [Sub("{MediaRoleArn}")]}},
        when="IsRevoked",
    ),
)
