"""The session policy of each purpose: what an STS session may do at most. Pure; no I/O.

AWS intersects a session policy with the role's own (IAM User Guide, "Session policies"). It is made of identifiers and
slugs alone: a policy is a pattern language, and a title may hold its wildcards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reelkeep.contract import comparison
from reelkeep.contract.wrapping_statements import PURPOSE
from reelkeep.errors import IsolationError, StorageSetupError
from reelkeep.storage.interface import Purpose, StorageConnection, Wrapped
from reelkeep.storage.layout import MARKER

MAX_POLICY_CHARACTERS: Final = 2_048  # STS AssumeRole, parameter Policy; November 2026
WHOLE: Final = ""  # everything below the connection's prefix
_SCOPE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,80})/){1,6}")
_PREFIX = re.compile(r"|[A-Za-z0-9!_.'()=+@-]+(?:/[A-Za-z0-9!_.'()=+@-]+)*")  # as layout.check_prefix
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3, bucket naming rules

_READ = ("s3:GetObject",)
_MULTIPART = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
ACTIONS: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.UPLOAD: (*_MULTIPART, *_READ),  # HEAD is allowed by s3:GetObject; S3 knows no right of its own for it
    Purpose.ATTACH: (*_MULTIPART, *_READ),
    Purpose.DOWNLOAD: _READ,
    Purpose.PLAYBACK: _READ,
    Purpose.READ_ORIGINAL: _READ,
    Purpose.WRITE_PROXY: ("s3:PutObject",),
    Purpose.CLEAN_PROXY: ("s3:DeleteObject",),
    Purpose.END_UPLOADS: ("s3:AbortMultipartUpload",),
    Purpose.BACK_UP: ("s3:PutObject",),
    Purpose.READ_BACKUPS: _READ,
    Purpose.PURGE: ("s3:DeleteObjectVersion",),
    Purpose.AUDIT: (),
    Purpose.PROBE: (*_MULTIPART, *_READ, "s3:DeleteObject"),
    Purpose.MARK: ("s3:PutObject", *_READ),
    Purpose.WRAP: (),
    Purpose.UNWRAP: (),
    Purpose.WATCH: _READ,
}
# With the company's own key, where it has one: what is asked of KMS, and under which purpose in the context.
_WRAPPING: Final[Mapping[Purpose, tuple[tuple[str, ...], tuple[Wrapped, ...]]]] = {
    Purpose.WRAP: (("kms:Decrypt", "kms:Encrypt"), (Wrapped.COMPANY_KEY, Wrapped.PROBE)),
    Purpose.UNWRAP: (("kms:Decrypt",), (Wrapped.COMPANY_KEY,)),
    Purpose.WATCH: (("kms:Decrypt",), (Wrapped.PROBE,)),
}
_OF_KEY_ALONE: Final = frozenset({Purpose.WRAP, Purpose.UNWRAP})
_OF_WHOLE: Final = _OF_KEY_ALONE | {Purpose.AUDIT}  # their scope is WHOLE
_KEY = re.compile(comparison.KEY_PATTERN)
_OF_MARKER: Final = frozenset({Purpose.MARK, Purpose.WATCH})  # one object
# What is listed: the objects that are there now, or all versions of them.
_NOW, _EVER = "s3:ListBucket", "s3:ListBucketVersions"
_LISTS: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.WRITE_PROXY: (_NOW,),
    Purpose.CLEAN_PROXY: (_NOW,),
    Purpose.READ_BACKUPS: (_NOW,),
    Purpose.PURGE: (_EVER,),
    Purpose.AUDIT: (_NOW, _EVER),
    Purpose.PROBE: (_NOW,),
}
# S3 knows no condition on the prefix here (Service Authorization Reference, ListBucketMultipartUploads, November 2026),
# so this purpose sees the keys of unfinished uploads elsewhere in the bucket, too.
_LISTS_UPLOADS: Final = frozenset({Purpose.END_UPLOADS, Purpose.AUDIT, Purpose.PROBE})
# How the scope begins, and how many labels it has: a job's scope ends at one version.
_SHAPES: Final[Mapping[Purpose, tuple[str, int]]] = {
    Purpose.UPLOAD: ("originals", 2),
    Purpose.ATTACH: ("attachments", 2),
    Purpose.DOWNLOAD: ("originals", 2),
    Purpose.PLAYBACK: ("proxies", 1),
    Purpose.READ_ORIGINAL: ("originals", 4),
    Purpose.WRITE_PROXY: ("proxies", 2),
    Purpose.CLEAN_PROXY: ("proxies", 2),
    Purpose.END_UPLOADS: ("originals", 1),
    Purpose.BACK_UP: ("custody/backups", 3),
    Purpose.READ_BACKUPS: ("custody/backups", 2),
    Purpose.PURGE: ("originals", 4),
    Purpose.PROBE: ("probe", 2),
}


def check_scope(purpose: Purpose, scope: str) -> None:
    """Raise IsolationError unless ``scope`` has the shape of ``purpose``.

    >>> check_scope(Purpose.WRITE_PROXY, "proxies/01h00000000000000000/")
    """
    if (purpose in _OF_WHOLE and scope == WHOLE) or (purpose in _OF_MARKER and scope == MARKER):
        return
    label, depth = _SHAPES.get(purpose, ("", -1))
    if not _SCOPE.fullmatch(scope) or not scope.startswith(f"{label}/") or scope.count("/") != depth:
        raise IsolationError(f"a session for {purpose.value} was asked with a scope that is not its own")


def session_policy(connection: StorageConnection, purpose: Purpose, scope: str, links_from: Sequence[str] = ()) -> str:
    """Return the session policy as JSON, at most 2,048 characters.

    Args:
        scope: below the connection's prefix, ends in "/"; of the marker its key.
        links_from: networks or VPC endpoints from which alone the session is good; (): from everywhere.

    Raises:
        IsolationError: the scope is wider than the purpose, or holds other than identifiers and slugs.
    """
    check_scope(purpose, scope)
    if not _BUCKET.fullmatch(connection.bucket) or not _PREFIX.fullmatch(connection.prefix):
        raise IsolationError("the bucket or the prefix of a storage connection cannot stand in a policy")
    statements = _statements(connection, purpose, scope)
    if links_from:
        statements.append(_deny_elsewhere(links_from))
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(text) > MAX_POLICY_CHARACTERS:
        raise StorageSetupError(
            f"{len(links_from)} networks and endpoints do not fit into a session's policy",
            advice="Join networks that lie side by side: about 60 short ones fit.",
        )
    return text


def _statements(connection: StorageConnection, purpose: Purpose, scope: str) -> list[dict[str, Any]]:
    bucket = f"arn:{_partition(connection.role_arn)}:s3:::{connection.bucket}"
    tail = scope if purpose in _OF_MARKER else f"{scope}*"
    below = (f"{connection.prefix}/" if connection.prefix else "") + tail
    statements: list[dict[str, Any]] = []
    if purpose in _WRAPPING and (purpose in _OF_KEY_ALONE or connection.wrapping_key is not None):
        statements.append(_wrapping(connection, *_WRAPPING[purpose]))
    if purpose in _OF_KEY_ALONE:
        return statements
    if ACTIONS[purpose]:
        statements.append({"Effect": "Allow", "Action": list(ACTIONS[purpose]), "Resource": [f"{bucket}/{below}"]})
    if purpose in _LISTS:
        lists: dict[str, Any] = {"Effect": "Allow", "Action": list(_LISTS[purpose]), "Resource": [bucket]}
        if below != "*":  # an empty prefix may be left out of a request, and then no condition on it is met
            lists["Condition"] = {"StringLike": {"s3:prefix": below}}
        statements.append(lists)
    if purpose in _LISTS_UPLOADS:
        statements.append({"Effect": "Allow", "Action": ["s3:ListBucketMultipartUploads"], "Resource": [bucket]})
    if connection.endpoint_url is None:
        statements.append(_kms(connection.region))
    return statements


def _wrapping(connection: StorageConnection, actions: tuple[str, ...], what: tuple[Wrapped, ...]) -> dict[str, Any]:
    key = connection.wrapping_key
    if key is None or not _KEY.fullmatch(key.arn):
        raise IsolationError("a session was asked for a key that the company does not have")
    found: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": [key.arn]}
    if connection.endpoint_url is None:  # models of AWS know no encryption context in a policy
        found["Condition"] = {"StringEquals": {f"kms:EncryptionContext:{PURPOSE}": [one.value for one in what]}}
    return found


def _deny_elsewhere(links_from: Sequence[str]) -> dict[str, Any]:
    """Return the statement that makes links die elsewhere: all its conditions must hold for the denial.

    Behind an endpoint there is no aws:SourceIp, and elsewhere no aws:SourceVpce; a negated condition holds for a key
    that is absent (IAM User Guide, "Condition operators").
    """
    endpoints = [one for one in links_from if one.startswith("vpce-")]
    networks = [one for one in links_from if one not in endpoints]
    elsewhere: dict[str, Any] = {}
    if networks:
        elsewhere["NotIpAddress"] = {"aws:SourceIp": networks}
    if endpoints:
        elsewhere["StringNotEquals"] = {"aws:SourceVpce": endpoints}
    return {"Effect": "Deny", "Action": ["s3:*"], "Resource": ["*"], "Condition": elsewhere}


def _kms(region: str) -> dict[str, Any]:
    """Return the statement without which a bucket with SSE-KMS stays shut; the key's own policy still decides."""
    via = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    return {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": ["*"], "Condition": via}


def _partition(role_arn: str) -> str:
    parts = role_arn.split(":")
    return parts[1] if len(parts) > 1 and re.fullmatch(r"aws[a-z-]*", parts[1]) else "aws"
