"""What a stack gives back: the text that is pasted into Reelkeep, and commands for an emergency. Pure; no I/O.

The commands are for the company's own administrators and need nothing of the platform. They hold no secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reelkeep.contract.bucket_settings import KEY_ARN
from reelkeep.contract.expressions import Choice, Sub, Value


@dataclass(frozen=True)
class Output:
    name: str
    what: str
    value: Callable[[int], Value]  # of the contract's version
    when: str | None = None


def _fixed(text: str) -> Callable[[int], Value]:
    return lambda _: Sub(text)


def _paste_back(version: int) -> Value:
    plain, wrapped = _line(version), _line(version, ("wrapping_key", "{WrappingKeyArn}"))
    return Choice("WrapsCompanyKey", wrapped, plain)


def _line(version: int, *more: tuple[str, str]) -> Sub:
    # A hole is letters between braces, so the braces of JSON are none.
    pairs = (
        ("bucket", "{MediaBucket}"),
        ("log_bucket", "{LogBucket}"),
        ("region", "{Region}"),
        ("prefix", "{Prefix}"),
        ("media_role", "{MediaRoleArn}"),
        ("audit_role", "{AuditRoleArn}"),
        ("encryption", "{Encryption}"),
        *more,
    )
    return Sub(f'{{"contract":{version},' + ",".join(f'"{name}":"{hole}"' for name, hole in pairs) + "}")


_ROLE_NAME: Final = "reelkeep-{Name}-media"

REVOKE_NAME: Final = "EmergencyRevoke"
REVOKE_WHAT: Final = "EMERGENCY, the whole cut: sets PlatformAccess to Revoked and leaves everything else as it is"

OUTPUTS: Final = (
    Output(
        "PasteBack",
        "Give this line to the operator of Reelkeep, who compares it with the connection and tries it out",
        _paste_back,
    ),
    Output("ContractVersion", "Version of the bucket contract that this stack keeps", lambda version: str(version)),
    Output("MediaBucketName", "Holds originals and proxies", _fixed("{MediaBucket}")),
    Output("LogBucketName", "Receives the access logs", _fixed("{LogBucket}")),
    Output("MediaRoleArn", "Assumed for every upload, transcode, play and download", _fixed("{MediaRoleArn}")),
    Output("AuditRoleArn", "Assumed to read settings and logs", _fixed("{AuditRoleArn}")),
    Output("PurgeRoleArn", "Assumed to delete versions for good", _fixed("{PurgeRoleArn}"), "HasPurge"),
    Output("KeyArn", "Encrypts the objects", lambda _: KEY_ARN, "UsesKms"),
    Output("WrappingKeyArn", "Wraps the company key", _fixed("{WrappingKeyArn}"), "WrapsCompanyKey"),
    Output("PlatformAccessNow", "Whether the platform is let in", lambda _: Choice("IsRevoked", "Revoked", "Enabled")),
    Output(
        "EmergencyDenyRole",
        "EMERGENCY, a: refuses every live session of the media role at once",
        _fixed(
            f"aws iam put-role-policy --role-name {_ROLE_NAME} --policy-name emergency --policy-document "
            '\'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}\''
        ),
    ),
    Output(
        "EmergencyCloseTrust",
        "EMERGENCY, b: no new session; live ones end within the hour",
        _fixed(
            f"aws iam update-assume-role-policy --role-name {_ROLE_NAME} --policy-document "
            '\'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},'
            '"Action":"sts:AssumeRole"}]}\''
        ),
    ),
    Output(
        "EmergencyDisableKey",
        "EMERGENCY, c: no object under the key opens; with bucket keys it takes some minutes",
        lambda _: Choice(
            "MakesKey",
            Sub("aws kms disable-key --region {Region} --key-id {KeyArn}"),
            Sub("aws kms disable-key --region {Region} --key-id {KmsKeyArn}"),
        ),
        "UsesKms",
    ),
    Output(
        "EmergencyDisableWrappingKey",
        "EMERGENCY, d: the company key opens no more, and with it no proxy, wherever a copy lies",
        _fixed("aws kms disable-key --region {Region} --key-id {WrappingKeyArn}"),
        "WrapsCompanyKey",
    ),
)
