"""The configuration files of the embedded SeaweedFS. Pure; no I/O.

The platform's identity may do nothing but assume roles; each role reaches one bucket. The internal listeners (master,
volume, filer) take writes and reads with a token only, so that other programs on the machine cannot pass by S3.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

ACCOUNT: Final = "000000000000"  # SeaweedFS has one account
PLATFORM_USER: Final = "platform"
_ASSUME_ONLY: Final = "assume-only"
_EVERYTHING: Final = ("Admin", "Read", "Write", "List", "Tagging")
_OBJECT_ACTIONS: Final = ("GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts")
_DELETED: Final = (
    "proxies",
    "downloads",
    "probe",
)  # as contract.role_statements; no key of an original has such a part
_BUCKET_ACTIONS: Final = (
    "ListBucket",
    "ListBucketVersions",
    "ListBucketMultipartUploads",
    "GetBucketLocation",
    # Settings, which an acceptance test reads with the audit role elsewhere; this store has one role for a bucket.
    "GetBucketCORS",
    "GetBucketLogging",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketVersioning",
    "GetEncryptionConfiguration",
    "GetLifecycleConfiguration",
)


def roles(companies: Sequence[Mapping[str, str]], signing_key: str) -> dict[str, Any]:
    """Return the file of roles and policies (`-s3.iam.config`)."""
    buckets = [company["bucket"] for company in companies]
    return {
        "sts": {
            "issuer": "reelkeep-embedded",
            "tokenDuration": "1h",
            "maxSessionLength": "1h",
            "signingKey": base64.b64encode(bytes.fromhex(signing_key)).decode(),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roles": [_role(bucket) for bucket in buckets],
        "policies": [
            *(_bucket_policy(bucket) for bucket in buckets),
            _policy(_ASSUME_ONLY, [_allow(["sts:AssumeRole"], ["*"])]),
        ],
    }


def identities(platform: Mapping[str, str], operator: Mapping[str, str]) -> dict[str, Any]:
    """Return the file of access keys (`-s3.config`)."""
    return {
        "identities": [
            {"name": PLATFORM_USER, "credentials": [_key(platform)], "actions": [], "policyNames": [_ASSUME_ONLY]},
            {
                "name": "operator",
                "credentials": [_key(operator)],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            },
        ]
    }


def security(keys: Sequence[str]) -> str:
    """Return security.toml: tokens for the store's own listeners."""
    names = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    return "".join(f'[{name}]\nkey = "{key}"\n' for name, key in zip(names, keys, strict=True))


def master_settings() -> str:
    """Return master.toml: two volumes at a time for a new bucket, instead of seven."""
    return "[master.volume_growth]\ncopy_1 = 2\n"


def _role(bucket: str) -> dict[str, Any]:
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{PLATFORM_USER}"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole"]}
    return {
        "roleName": bucket,
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{bucket}",
        "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
        "attachedPolicies": [f"{bucket}-media"],
    }


def _bucket_policy(bucket: str) -> dict[str, Any]:
    objects = _allow([f"s3:{action}" for action in _OBJECT_ACTIONS], [f"arn:aws:s3:::{bucket}/*"])
    folders = [f"arn:aws:s3:::{bucket}/{below}{name}/*" for below in ("", "*/") for name in _DELETED]
    deletes = _allow(["s3:DeleteObject", "s3:DeleteObjectVersion"], folders)
    whole = _allow([f"s3:{action}" for action in _BUCKET_ACTIONS], [f"arn:aws:s3:::{bucket}"])
    return _policy(f"{bucket}-media", [objects, deletes, whole])


def _policy(name: str, statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"name": name, "document": {"Version": "2012-10-17", "Statement": list(statements)}}


def _allow(actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _key(key: Mapping[str, str]) -> dict[str, str]:
    return {"accessKey": key["access_key_id"], "secretKey": key["secret_access_key"]}
