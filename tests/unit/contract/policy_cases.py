"""Who may do what under the contract, case by case, as a company's security team would ask it.

The table is written by hand and not made from the contract, so that the two can disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reelkeep.contract import table
from reelkeep.contract.interface import Document
from reelkeep.contract.parameters import Place, facts

COMPANY, OPERATOR, STRANGER = "222222222222", "111111111111", "333333333333"
REGION = "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:{COMPANY}:key/11111111-2222-3333-4444-555555555555"
OTHER_KEY = f"arn:aws:kms:{REGION}:{COMPANY}:key/99999999-2222-3333-4444-555555555555"
WRAPPING_KEY = f"arn:aws:kms:{REGION}:{COMPANY}:key/77777777-2222-3333-4444-555555555555"
EXTERNAL_ID = "0123456789abcdefghij"

# Everything that can be switched on is on, so that every statement is there.
EVERYTHING = {
    "Name": "acme",
    "PlatformAccountId": OPERATOR,
    "PlatformPrincipalArn": f"arn:aws:iam::{OPERATOR}:role/reelkeep-broker",
    "ExternalId": EXTERNAL_ID,
    "SiteOrigins": "https://acme.example",
    "Prefix": "media/",
    "AdminArns": f"arn:aws:iam::{COMPANY}:role/film-admin",
    "CopyRoleArns": f"arn:aws:iam::{COMPANY}:role/replication",
    "AllowedNetworks": "198.51.100.0/24",
    "AllowedEndpoints": "vpce-0123456789abcdef0",
    "WriteOnceOriginals": "Yes",
    "CompanyKeyWrap": "On",
    "AllowPurge": "Yes",
    "DataEventTrail": "On",
    "SessionsIssuedAfter": "2026-06-01T00:00:00Z",
}
REVOKED = {**EVERYTHING, "PlatformAccess": "Revoked"}
PLACE = Place(COMPANY, REGION)
Policies = Mapping[Document, dict[str, object]]


def policies(chosen: Mapping[str, str]) -> Policies:
    found = facts(chosen, PLACE, key_arn=KEY, wrapping_key_arn=WRAPPING_KEY)
    return {document: table.policy(table.ROWS, document, found) for document in Document}


BUCKET = f"arn:aws:s3:::reelkeep-acme-{COMPANY}-{REGION}-an"
LOGS = f"arn:aws:s3:::reelkeep-acme-logs-{COMPANY}-{REGION}-an"
LOG_LINE = f"{LOGS}/access/1"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{COMPANY}:trail/reelkeep-acme"
OTHER_BUCKET = "arn:aws:s3:::somebody-elses"


@dataclass(frozen=True)
class Actor:
    """Somebody who asks. ``own``: the document of its own rights, or "all" for a broad policy."""

    principal: str
    own: Document | str = ""
    is_service: bool = False

    @property
    def principal_arn(self) -> str:
        """Return aws:PrincipalArn, which in a role's session is the role."""
        if ":assumed-role/" in self.principal:
            role = self.principal.split("/")[1]
            return f"arn:aws:iam::{self.principal.split(':')[4]}:role/{role}"
        return self.principal


def session(role: str, account: str = COMPANY) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/s"


MEDIA = Actor(session("reelkeep-acme-media"), Document.MEDIA)
AUDIT = Actor(session("reelkeep-acme-audit"), Document.AUDIT)
PURGE = Actor(session("reelkeep-acme-purge"), Document.PURGE)
ADMIN = Actor(session("film-admin"), "all")
STAFF = Actor(session("data-science"), "all")
COPIER = Actor(session("replication"), "all")
BROKER = Actor(session("reelkeep-broker", OPERATOR), "all")
OPERATORS_STAFF = Actor(session("somebody", OPERATOR), "all")
S3_LOGGING = Actor("logging.s3.amazonaws.com", is_service=True)
CLOUDTRAIL = Actor("cloudtrail.amazonaws.com", is_service=True)
# A service of AWS that acts for itself; the simulator gives rights to a role alone, so it stands as one.
SERVICE = Actor(session("a-service"), "all", is_service=True)
# The roles' sessions with a broad policy: what the bucket's and the key's own policies alone refuse them.
MEDIA_UNBOUND = Actor(MEDIA.principal, "all")
AUDIT_UNBOUND = Actor(AUDIT.principal, "all")
PURGE_UNBOUND = Actor(PURGE.principal, "all")
UNBOUND = (MEDIA_UNBOUND, AUDIT_UNBOUND, PURGE_UNBOUND)


@dataclass(frozen=True)
class Case:
    actor: Actor
    action: str
    resource: str
    allowed: bool
    context: Mapping[str, str] = field(default_factory=dict)  # "" takes a key away
    revoked: bool = False


def media(name: str) -> str:
    return f"{BUCKET}/media/{name}"


def _each(actor: Actor, actions: str, resources: list[str], allowed: bool, **context: str) -> list[Case]:
    return [Case(actor, action, resource, allowed, context) for action in actions.split() for resource in resources]


VIA_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
ONCE = {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
ORIGINAL = media("originals/film/reel/1/reel.mov")
ALL_FOLDERS = [
    media(f"{name}/x") for name in ("originals", "proxies", "attachments", "downloads", "custody", "manifest")
]
OLD = {"aws:TokenIssueTime": "2026-05-31T23:59:59Z"}
ELSEWHERE = {"aws:SourceIp": "203.0.113.9"}
BY_ENDPOINT = {"aws:SourceIp": "", "aws:SourceVpce": "vpce-0123456789abcdef0"}
BY_OTHER_ENDPOINT = {"aws:SourceIp": "", "aws:SourceVpce": "vpce-0aaaaaaaaaaaaaaaa"}

OF_MEDIA = [
    *_each(MEDIA, "s3:GetObject", ALL_FOLDERS, True),
    *[Case(MEDIA, "s3:PutObject", name, True, ONCE) for name in ALL_FOLDERS],
    *_each(MEDIA, "s3:AbortMultipartUpload s3:ListMultipartUploadParts", ALL_FOLDERS, True),
    *_each(MEDIA, "s3:DeleteObject", [media(f"{name}/x") for name in ("proxies", "downloads", "probe")], True),
    *_each(
        MEDIA, "s3:DeleteObject", [ORIGINAL, media("attachments/x"), media("custody/x"), media("manifest/1")], False
    ),
    *_each(MEDIA, "s3:DeleteObject", [media("reelkeep.json"), f"{BUCKET}/proxies/x"], False),
    *_each(MEDIA, "s3:DeleteObjectVersion", [media(f"{name}/x") for name in ("downloads", "probe")], True),
    *_each(MEDIA, "s3:DeleteObjectVersion", [media("proxies/x"), ORIGINAL], False),
    *_each(MEDIA, "s3:GetObjectVersion s3:PutObjectAcl s3:GetObjectTagging s3:RestoreObject", ALL_FOLDERS, False),
    *_each(MEDIA, "s3:PutObjectTagging", [media(f"{name}/x") for name in ("proxies", "downloads", "probe")], False),
    *_each(MEDIA, "s3:GetObject s3:AbortMultipartUpload s3:ListMultipartUploadParts", [f"{BUCKET}/hr/x"], False),
    Case(MEDIA, "s3:PutObject", f"{BUCKET}/hr/x", False, ONCE),
    *_each(MEDIA, "s3:GetObject s3:AbortMultipartUpload s3:DeleteObject", [f"{OTHER_BUCKET}/media/proxies/x"], False),
    *_each(MEDIA, "s3:PutObject s3:DeleteObjectVersion", [f"{OTHER_BUCKET}/media/downloads/x"], False),
    Case(MEDIA, "s3:ListBucket", BUCKET, True, {"s3:prefix": "media/proxies/1/"}),
    Case(MEDIA, "s3:ListBucket", BUCKET, False, {"s3:prefix": "hr/"}),
    Case(MEDIA, "s3:ListBucket", BUCKET, False),
    Case(MEDIA, "s3:ListBucket", OTHER_BUCKET, False, {"s3:prefix": "media/"}),
    Case(MEDIA, "s3:ListBucketVersions", BUCKET, False, {"s3:prefix": "media/"}),
    Case(MEDIA, "s3:ListBucketMultipartUploads", BUCKET, True),
    Case(MEDIA, "s3:ListBucketMultipartUploads", OTHER_BUCKET, False),
    *_each(
        MEDIA, "s3:PutBucketPolicy s3:DeleteBucket s3:PutLifecycleConfiguration s3:GetBucketPolicy", [BUCKET], False
    ),
    *_each(MEDIA, "s3:PutBucketPolicy s3:GetBucketPolicy", [LOGS], False),
    *_each(MEDIA, "s3:GetObject", [LOG_LINE], False),
    *[Case(MEDIA, f"kms:{action}", KEY, True, VIA_S3) for action in ("Decrypt", "GenerateDataKey")],
    *[Case(MEDIA, f"kms:{action}", KEY, False) for action in ("Decrypt", "GenerateDataKey")],
    *[
        Case(MEDIA, f"kms:{action}", KEY, False, VIA_S3)
        for action in ("DescribeKey", "ScheduleKeyDeletion", "DisableKey")
    ],
    Case(MEDIA, "kms:Decrypt", OTHER_KEY, False, VIA_S3),
    Case(MEDIA, "s3:GetObject", ORIGINAL, False, OLD),
]
SETTINGS = (
    "s3:GetBucketAcl s3:GetBucketCORS s3:GetBucketLocation s3:GetBucketLogging s3:GetBucketObjectLockConfiguration "
    "s3:GetBucketOwnershipControls s3:GetBucketPolicy s3:GetBucketPolicyStatus s3:GetBucketPublicAccessBlock "
    "s3:GetBucketRequestPayment s3:GetBucketVersioning s3:GetEncryptionConfiguration s3:GetInventoryConfiguration "
    "s3:GetLifecycleConfiguration s3:GetReplicationConfiguration"
)
ROLES = [f"arn:aws:iam::{COMPANY}:role/reelkeep-acme-{name}" for name in ("media", "audit", "purge")]
OF_AUDIT = [
    *_each(AUDIT, SETTINGS, [BUCKET, LOGS], True),
    *_each(AUDIT, "s3:GetBucketPolicy s3:ListBucket s3:ListBucketVersions", [OTHER_BUCKET], False),
    *_each(AUDIT, "s3:PutBucketPolicy s3:DeleteBucket s3:PutLifecycleConfiguration", [BUCKET, LOGS], False),
    *_each(AUDIT, "s3:ListBucket s3:ListBucketVersions s3:ListBucketMultipartUploads", [BUCKET], True),
    *_each(AUDIT, "s3:ListBucket", [LOGS], True),
    *_each(AUDIT, "s3:ListBucketVersions", [LOGS], False),
    *_each(AUDIT, "s3:GetObject", [LOG_LINE, f"{LOGS}/trail/AWSLogs/1"], True),
    *_each(AUDIT, "s3:GetObjectVersion s3:DeleteObject s3:PutObject", [LOG_LINE], False),
    *_each(AUDIT, "s3:GetObject s3:PutObject s3:DeleteObject s3:GetObjectVersion", [ORIGINAL], False),
    *_each(AUDIT, "s3:GetObject", [f"{OTHER_BUCKET}/x"], False),
    *_each(AUDIT, "iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies iam:ListRolePolicies", ROLES, True),
    *_each(AUDIT, "iam:PutRolePolicy iam:UpdateAssumeRolePolicy", ROLES, False),
    *_each(AUDIT, "iam:GetRole", [f"arn:aws:iam::{COMPANY}:role/film-admin"], False),
    *_each(AUDIT, "kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus", [KEY], True),
    *_each(AUDIT, "kms:PutKeyPolicy kms:Decrypt", [KEY], False),
    *_each(AUDIT, "kms:DescribeKey", [OTHER_KEY], False),
    Case(AUDIT, "s3:ListBucket", BUCKET, False, OLD),
]
OF_PURGE = [
    *_each(
        PURGE,
        "s3:DeleteObjectVersion",
        [media(f"{name}/x") for name in ("originals", "proxies", "attachments", "downloads")],
        True,
    ),
    *_each(PURGE, "s3:DeleteObjectVersion", [media("custody/x"), media("manifest/1"), f"{BUCKET}/originals/x"], False),
    *_each(PURGE, "s3:DeleteObjectVersion", [f"{OTHER_BUCKET}/x"], False),
    *_each(PURGE, "s3:GetObject s3:PutObject s3:DeleteObject", [media("proxies/x")], False),
    Case(PURGE, "s3:ListBucketVersions", BUCKET, True, {"s3:prefix": "media/originals/"}),
    Case(PURGE, "s3:ListBucketVersions", BUCKET, False, {"s3:prefix": "hr/"}),
    Case(PURGE, "s3:ListBucketVersions", OTHER_BUCKET, False, {"s3:prefix": "media/"}),
    Case(PURGE, "s3:ListBucket", BUCKET, False, {"s3:prefix": "media/"}),
    Case(PURGE, "s3:DeleteObjectVersion", media("proxies/x"), False, OLD),
]
WITH_ID = {"sts:ExternalId": EXTERNAL_ID}
NAMES = ("sts:TagSession", "sts:SetSourceIdentity")
WRONG_ID = {"sts:ExternalId": "another-company-0"}
OF_TRUST = [
    Case(BROKER, "sts:AssumeRole", ROLES[0], True, WITH_ID),
    *[Case(BROKER, "sts:AssumeRole", ROLES[0], False, context) for context in ({}, WRONG_ID)],
    *[Case(actor, "sts:AssumeRole", ROLES[0], False, WITH_ID) for actor in (OPERATORS_STAFF, STAFF)],
    *[Case(BROKER, name, ROLES[0], True) for name in NAMES],
    *[Case(actor, name, ROLES[0], False) for actor in (OPERATORS_STAFF, STAFF) for name in NAMES],
    Case(BROKER, "sts:AssumeRoleWithWebIdentity", ROLES[0], False, WITH_ID),
    Case(BROKER, "sts:AssumeRole", ROLES[0], False, WITH_ID, revoked=True),
    *[Case(BROKER, name, ROLES[0], False, revoked=True) for name in NAMES],
]
READS = "s3:GetObject s3:GetObjectVersion s3:ListMultipartUploadParts"
WRITES = "s3:PutObject s3:PutObjectAcl s3:DeleteObject s3:DeleteObjectVersion s3:AbortMultipartUpload s3:RestoreObject"
COPIES = "s3:ReplicateObject s3:ReplicateDelete"
LISTS = "s3:ListBucket s3:ListBucketVersions s3:ListBucketMultipartUploads"
PLAIN_HTTP, OLD_TLS = {"aws:SecureTransport": "false"}, {"s3:TlsVersion": "1.1"}
SSE = "s3:x-amz-server-side-encryption"
SSE_KEY = f"{SSE}-aws-kms-key-id"
CUSTOMER_KEY = {f"{SSE}-customer-algorithm": "AES256"}
HOURS = {"s3:signatureAge": "3600001"}
PROXY = media("proxies/x")
OF_BUCKET = [
    *_each(STAFF, f"{READS} {WRITES} {COPIES}", [PROXY], False),
    *_each(STAFF, LISTS, [BUCKET], False),
    *_each(
        STAFF,
        "s3:GetBucketPolicy s3:PutBucketPolicy s3:DeleteBucketPolicy s3:PutLifecycleConfiguration",
        [BUCKET],
        True,
    ),
    *_each(ADMIN, f"{READS} {WRITES} {COPIES}", [PROXY], True),
    *_each(ADMIN, LISTS, [BUCKET], True),
    *_each(COPIER, COPIES, [ORIGINAL], True),
    *_each(AUDIT_UNBOUND, LISTS, [BUCKET], True),
    *_each(PURGE_UNBOUND, "s3:DeleteObjectVersion", [PROXY], True),
    *[Case(ADMIN, action, PROXY, False, PLAIN_HTTP) for action in ("s3:GetObject", "s3:PutObject")],
    Case(ADMIN, "s3:GetBucketPolicy", BUCKET, False, PLAIN_HTTP),
    Case(ADMIN, "s3:GetObject", PROXY, False, OLD_TLS),
    Case(ADMIN, "s3:GetBucketPolicy", BUCKET, False, OLD_TLS),
    Case(MEDIA, "s3:PutObject", PROXY, True, {SSE: "aws:kms", SSE_KEY: KEY}),
    Case(MEDIA, "s3:PutObject", PROXY, False, {SSE: "AES256"}),
    Case(MEDIA, "s3:PutObject", PROXY, False, {SSE: "aws:kms", SSE_KEY: OTHER_KEY}),
    Case(MEDIA, "s3:PutObject", PROXY, False, CUSTOMER_KEY),
    Case(MEDIA, "s3:GetObject", PROXY, True, {"s3:signatureAge": "3599000"}),
    Case(MEDIA, "s3:GetObject", PROXY, False, HOURS),
    Case(MEDIA, "s3:PutObject", PROXY, False, HOURS),
    Case(ADMIN, "s3:ListBucket", BUCKET, False, HOURS),
    Case(COPIER, "s3:ReplicateObject", PROXY, True, {SSE: "AES256"}),
    Case(COPIER, "s3:ReplicateObject", PROXY, True, {SSE: "aws:kms", SSE_KEY: OTHER_KEY}),
    *[Case(SERVICE, "s3:GetObject", PROXY, True, context) for context in ({}, ELSEWHERE)],
    *[Case(MEDIA_UNBOUND, a, PROXY, False, ELSEWHERE) for a in f"{READS} {WRITES} {COPIES}".split()],
    *[Case(MEDIA_UNBOUND, a, BUCKET, False, ELSEWHERE) for a in LISTS.split()],
    Case(MEDIA, "s3:GetObject", PROXY, True, BY_ENDPOINT),
    Case(MEDIA, "s3:GetObject", PROXY, False, BY_OTHER_ENDPOINT),
    Case(STAFF, "s3:DeleteBucketPolicy", BUCKET, True, ELSEWHERE),
    *[Case(actor, "s3:GetObject", PROXY, True, ELSEWHERE) for actor in (ADMIN, COPIER)],
    Case(MEDIA, "s3:PutObject", ORIGINAL, False, {"s3:ObjectCreationOperation": "true"}),
    Case(MEDIA, "s3:PutObject", ORIGINAL, True, {"s3:ObjectCreationOperation": "false"}),
    Case(MEDIA, "s3:PutObject", PROXY, True, {"s3:ObjectCreationOperation": "true"}),
    *[Case(actor, "s3:GetBucketPolicy", BUCKET, False, revoked=True) for actor in (MEDIA_UNBOUND, AUDIT_UNBOUND)],
    *[
        Case(actor, "s3:GetObject", PROXY, False, revoked=True)
        for actor in (MEDIA_UNBOUND, AUDIT_UNBOUND, PURGE_UNBOUND)
    ],
    Case(ADMIN, "s3:GetObject", PROXY, True, revoked=True),
    Case(STAFF, "s3:DeleteBucketPolicy", BUCKET, True, revoked=True),
]
ABOUT_MEDIA = {"aws:SourceArn": BUCKET, "aws:SourceAccount": COMPANY}
FROM_TRAIL = {"aws:SourceArn": TRAIL, "s3:x-amz-acl": "bucket-owner-full-control"}
TRAIL_FILE = f"{LOGS}/trail/AWSLogs/{COMPANY}/CloudTrail/1"
OF_LOGS = [
    Case(S3_LOGGING, "s3:PutObject", LOG_LINE, True, ABOUT_MEDIA),
    Case(S3_LOGGING, "s3:PutObject", f"{LOGS}/trail/1", False, ABOUT_MEDIA),
    Case(S3_LOGGING, "s3:DeleteObject", LOG_LINE, False, ABOUT_MEDIA),
    Case(S3_LOGGING, "s3:PutObject", LOG_LINE, False, {**ABOUT_MEDIA, "aws:SourceArn": OTHER_BUCKET}),
    Case(S3_LOGGING, "s3:PutObject", LOG_LINE, False, {**ABOUT_MEDIA, "aws:SourceAccount": STRANGER}),
    Case(CLOUDTRAIL, "s3:PutObject", LOG_LINE, False, ABOUT_MEDIA),
    Case(CLOUDTRAIL, "s3:GetBucketAcl", LOGS, True, {"aws:SourceArn": TRAIL}),
    Case(CLOUDTRAIL, "s3:GetBucketAcl", LOGS, False, {"aws:SourceArn": f"{TRAIL}-other"}),
    Case(CLOUDTRAIL, "s3:GetBucketPolicy", LOGS, False, {"aws:SourceArn": TRAIL}),
    Case(S3_LOGGING, "s3:GetBucketAcl", LOGS, False, {"aws:SourceArn": TRAIL}),
    Case(CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, True, FROM_TRAIL),
    Case(CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, False, {**FROM_TRAIL, "aws:SourceArn": f"{TRAIL}-other"}),
    Case(CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, False, {**FROM_TRAIL, "s3:x-amz-acl": "public-read"}),
    Case(CLOUDTRAIL, "s3:PutObject", f"{LOGS}/trail/AWSLogs/{STRANGER}/1", False, FROM_TRAIL),
    Case(CLOUDTRAIL, "s3:DeleteObject", TRAIL_FILE, False, FROM_TRAIL),
    Case(CLOUDTRAIL, "s3:PutObjectAcl", TRAIL_FILE, False, FROM_TRAIL),
    Case(S3_LOGGING, "s3:PutObject", TRAIL_FILE, False, FROM_TRAIL),
    Case(SERVICE, "s3:GetObject", LOG_LINE, True),
    Case(STAFF, "s3:ListMultipartUploadParts", LOG_LINE, True),
    *_each(
        ADMIN,
        f"s3:PutObject s3:PutObjectAcl s3:DeleteObject s3:DeleteObjectVersion {COPIES}",
        [LOG_LINE],
        False,
    ),
    *_each(ADMIN, "s3:GetObject s3:GetObjectVersion", [LOG_LINE], True),
    *_each(STAFF, "s3:GetObject s3:GetObjectVersion", [LOG_LINE], False),
    *_each(STAFF, "s3:ListBucket s3:PutBucketPolicy s3:DeleteBucketPolicy", [LOGS], True),
    Case(ADMIN, "s3:GetObject", LOG_LINE, False, PLAIN_HTTP),
    Case(ADMIN, "s3:GetBucketPolicy", LOGS, False, PLAIN_HTTP),
    Case(ADMIN, "s3:GetObject", LOG_LINE, False, OLD_TLS),
    Case(ADMIN, "s3:GetBucketPolicy", LOGS, False, OLD_TLS),
]
USES = "kms:Decrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo"
OF_KEY = [
    *_each(ADMIN, f"{USES} kms:PutKeyPolicy kms:DisableKey", [KEY], True),
    *_each(COPIER, "kms:Decrypt kms:GenerateDataKey", [KEY], True),
    Case(SERVICE, "kms:Decrypt", KEY, True),
    *_each(STAFF, USES, [KEY], False),
    *_each(STAFF, "kms:PutKeyPolicy kms:DisableKey", [KEY], True),
    Case(Actor(session("x", STRANGER), "all"), "kms:DescribeKey", KEY, False),
    *[Case(MEDIA_UNBOUND, action, KEY, False, VIA_S3, revoked=True) for action in USES.split()],
    Case(MEDIA_UNBOUND, "kms:DescribeKey", KEY, True, revoked=True),
    Case(ADMIN, "kms:Decrypt", KEY, True, revoked=True),
]
OF_ID, FOR_KEY, FOR_PROBE = (
    {"kms:EncryptionContext:reelkeep-external-id": EXTERNAL_ID},
    {"kms:EncryptionContext:reelkeep-purpose": "company-key"},
    {"kms:EncryptionContext:reelkeep-purpose": "probe"},
)
FOR_ELSE = {"kms:EncryptionContext:reelkeep-purpose": "another"}
OTHER_ID = {"kms:EncryptionContext:reelkeep-external-id": "another-company-0123"}
WRAPS = "kms:Decrypt kms:Encrypt"
ALL_USES = f"{USES} kms:Encrypt"
OF_WRAPPING = [
    *[Case(MEDIA, a, WRAPPING_KEY, True, {**OF_ID, **what}) for a in WRAPS.split() for what in (FOR_KEY, FOR_PROBE)],
    *[
        Case(MEDIA, a, WRAPPING_KEY, False, context)
        for a in WRAPS.split()
        for context in (
            {},
            OF_ID,
            FOR_KEY,
            {**OF_ID, **FOR_ELSE},
            {**OTHER_ID, **FOR_KEY},
        )
    ],
    *[
        Case(MEDIA, f"kms:{a}", WRAPPING_KEY, False, {**OF_ID, **FOR_KEY})
        for a in (
            "GenerateDataKey",
            "ReEncryptFrom",
            "DescribeKey",
            "PutKeyPolicy",
            "DisableKey",
            "ScheduleKeyDeletion",
        )
    ],
    *[Case(MEDIA, a, OTHER_KEY, False, {**OF_ID, **FOR_KEY}) for a in WRAPS.split()],
    *[Case(MEDIA, a, KEY, False, {**OF_ID, **FOR_KEY}) for a in WRAPS.split()],
    *[Case(MEDIA, a, WRAPPING_KEY, False, {**OF_ID, **FOR_KEY, **OLD}) for a in WRAPS.split()],
    *[Case(MEDIA_UNBOUND, a, WRAPPING_KEY, False, OTHER_ID) for a in ALL_USES.split()],
    *[Case(MEDIA_UNBOUND, a, WRAPPING_KEY, True, {**OF_ID, **FOR_ELSE}) for a in ALL_USES.split()],
    *[Case(MEDIA_UNBOUND, a, WRAPPING_KEY, False, OF_ID, revoked=True) for a in ALL_USES.split()],
    Case(MEDIA_UNBOUND, "kms:DescribeKey", WRAPPING_KEY, True),
    Case(MEDIA_UNBOUND, "kms:DescribeKey", WRAPPING_KEY, True, revoked=True),
    *_each(AUDIT, "kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus", [WRAPPING_KEY], True),
    *_each(AUDIT, f"kms:PutKeyPolicy {WRAPS}", [WRAPPING_KEY], False),
    *[Case(actor, a, WRAPPING_KEY, False, OF_ID) for actor in (STAFF, AUDIT_UNBOUND) for a in ALL_USES.split()],
    *_each(STAFF, "kms:PutKeyPolicy kms:DisableKey kms:DescribeKey", [WRAPPING_KEY], True),
    *_each(ADMIN, ALL_USES, [WRAPPING_KEY], True),
    Case(ADMIN, "kms:Decrypt", WRAPPING_KEY, True, revoked=True),
    Case(Actor(session("x", STRANGER), "all"), "kms:DescribeKey", WRAPPING_KEY, False),
]
CASES = [*OF_TRUST, *OF_MEDIA, *OF_AUDIT, *OF_PURGE, *OF_BUCKET, *OF_LOGS, *OF_KEY, *OF_WRAPPING]
