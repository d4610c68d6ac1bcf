"""The statements about the company's own key that wraps its company key (version 2 of the contract). Pure; no I/O.

The right to use it is the media role's: whatever cuts that role off, a denial, its trust, ``SessionsIssuedAfter``, cuts
off the key as well, and no second switch can be forgotten. No session that reaches objects gets it, because its session
policy leaves it out (``storage.session_policy``).
"""

from __future__ import annotations

from typing import Final

from reelkeep.contract.expressions import Items, Joined, Sub
from reelkeep.contract.interface import Document, Statement

SINCE: Final = 2
WHEN: Final = "WrapsCompanyKey"
# The encryption context of each call; KMS refuses to decrypt under another one, and CloudTrail shows it.
EXTERNAL_ID: Final = "reelkeep-external-id"
PURPOSE: Final = "reelkeep-purpose"
COMPANY_KEY, PROBE = "company-key", "probe"  # what is wrapped: the company key, or bytes that mean nothing

_KEY: Final = Sub("{WrappingKeyArn}")
_THIS_KEY: Final = ("*",)  # in a key policy
_MEDIA: Final = {"aws:PrincipalArn": [Sub("{MediaRoleArn}")]}
_USES: Final = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")

MEDIA: Final = (
    Statement(
        "WrapTheCompanyKey",
        "Your key wraps and unwraps the company key, under your external id and for that purpose alone.",
        "With CompanyKeyWrap on, no proxy can be made or played; "
        "without the conditions the key could be used on other data.",
        document=Document.MEDIA,
        effect="Allow",
        actions=("kms:Decrypt", "kms:Encrypt"),
        resources=(_KEY,),
        conditions={
            "StringEquals": {
                f"kms:EncryptionContext:{EXTERNAL_ID}": [Sub("{ExternalId}")],
                f"kms:EncryptionContext:{PURPOSE}": [COMPANY_KEY, PROBE],
            }
        },
        when=WHEN,
        since=SINCE,
        emulator_gap=True,
    ),
)

AUDIT: Final = (
    Statement(
        "ReadTheWrappingKeysSettings",
        "The wrapping key's policy and its state are compared with this contract.",
        "Nobody notices that the wrapping key is about to be deleted, and with it every proxy.",
        document=Document.AUDIT,
        effect="Allow",
        actions=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus"),
        resources=(_KEY,),
        when=WHEN,
        since=SINCE,
    ),
)

WRAPPING_KEY: Final = (
    Statement(
        "KeepAdministration",
        "Your account keeps all rights to the wrapping key, given out by its own IAM policies; the platform has none.",
        "A key that nobody may change can never be disabled, which is what it is for.",
        document=Document.WRAPPING_KEY,
        effect="Allow",
        principal={"AWS": Sub("arn:{Partition}:iam::{AccountId}:root")},
        actions=("kms:*",),
        resources=_THIS_KEY,
        since=SINCE,
    ),
    Statement(
        "WrappingForNamedPrincipalsOnly",
        "The wrapping key works for the media role and for whom you name.",
        "Everybody in the account with a broad KMS policy could unwrap the company key, if the operator's were stolen.",
        document=Document.WRAPPING_KEY,
        effect="Deny",
        principal={"AWS": "*"},
        actions=_USES,
        resources=_THIS_KEY,
        conditions={"ArnNotLike": {"aws:PrincipalArn": Joined((Sub("{MediaRoleArn}"), Items("AdminArns")))}},
        since=SINCE,
        emulator_gap=True,
    ),
    Statement(
        "WrappingUnderYourExternalIdOnly",
        "For the media role the wrapping key works under your external id alone, even if its policy is widened.",
        "A widened policy of the role would open the key to anything.",
        document=Document.WRAPPING_KEY,
        effect="Deny",
        principal={"AWS": "*"},
        actions=_USES,
        resources=_THIS_KEY,
        conditions={
            "ArnLike": _MEDIA,
            "StringNotEquals": {f"kms:EncryptionContext:{EXTERNAL_ID}": [Sub("{ExternalId}")]},
        },
        since=SINCE,
        emulator_gap=True,
    ),
    Statement(
        "CutThePlatformOffFromTheWrappingKey",
        "PlatformAccess is Revoked: the wrapping key opens nothing for the platform.",
        "A revoked role with a live session could still unwrap the company key.",
        document=Document.WRAPPING_KEY,
        effect="Deny",
        principal={"AWS": "*"},
        actions=_USES,
        resources=_THIS_KEY,
        conditions={"ArnLike": _MEDIA},
        when="IsRevoked",
        since=SINCE,
    ),
)
