"""The operator's own side: the identity that asks for sessions, and a role that must refuse it. Pure; no I/O."""

from __future__ import annotations

from typing import Any, Final

from reelkeep.contract import yaml
from reelkeep.contract.bucket_settings import SESSION_SECONDS
from reelkeep.contract.table import POLICY_LANGUAGE
from reelkeep.contract.yaml import Noted, Tag

HEAD: Final = (
    "# The operator's side of Reelkeep: deployed once, in the account of the platform. Made from the bucket contract.\n"
)
BROKER: Final = "reelkeep-broker"


def template() -> str:
    """Return the template of the operator's account as YAML."""
    return HEAD + yaml.document(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Reelkeep, the operator's side: the broker's role and a role that must refuse it",
            "Parameters": {
                "SupervisorPrincipalArn": {
                    "Type": "String",
                    "Description": "Role or user that the supervisor runs as, such as the instance's role",
                    "AllowedPattern": r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]{1,128}$",
                },
                "CanaryExternalId": {
                    "Type": "String",
                    "NoEcho": True,
                    "Description": "Anything random; tell nobody, the platform least of all",
                    "MinLength": 20,
                    "AllowedPattern": "^[A-Za-z0-9-]+$",
                },
            },
            "Resources": {"Broker": _broker(), "KeyringKey": _keyring_key(), "Canary": _canary()},
            "Outputs": {
                "PlatformPrincipalArn": {
                    "Description": "What companies name as PlatformPrincipalArn",
                    "Value": Tag("GetAtt", "Broker.Arn"),
                },
                "KeyringKeyArn": {"Description": "Wraps company keys", "Value": Tag("GetAtt", "KeyringKey.Arn")},
                "CanaryRoleArn": {
                    "Description": "Must refuse the platform; an acceptance test asks it",
                    "Value": Tag("GetAtt", "Canary.Arn"),
                },
            },
        }
    )


def _policy(*statements: Any) -> dict[str, Any]:
    return {"Version": POLICY_LANGUAGE, "Statement": list(statements)}


def _trust(principal: Any, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": ["sts:AssumeRole"]}
    return _policy(found | ({"Condition": condition} if condition else {}))


def _broker() -> dict[str, Any]:
    assume = {
        "Sid": "AssumeCompaniesRoles",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        "Resource": [Tag("Sub", "arn:${AWS::Partition}:iam::*:role/reelkeep-*")],
    }
    keyring = {
        "Sid": "WrapCompanyKeys",
        "Effect": "Allow",
        "Action": ["kms:Encrypt", "kms:Decrypt"],
        "Resource": [Tag("GetAtt", "KeyringKey.Arn")],
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": BROKER,
            "Description": "Asks companies' roles for sessions; has no right to any bucket",
            "MaxSessionDuration": SESSION_SECONDS,
            "AssumeRolePolicyDocument": _trust(Tag("Ref", "SupervisorPrincipalArn")),
            "Policies": [
                {
                    "PolicyName": "broker",
                    "PolicyDocument": _policy(
                        Noted(assume, "Roles of that name alone: no other role that happens to trust this account."),
                        Noted(keyring, "The operator's half of the chain that wraps companies' keys."),
                    ),
                }
            ],
        },
    }


def _keyring_key() -> dict[str, Any]:
    administration = {
        "Sid": "KeepAdministration",
        "Effect": "Allow",
        "Principal": {"AWS": Tag("Sub", "arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
        "Action": ["kms:*"],
        "Resource": ["*"],
    }
    return {
        "Type": "AWS::KMS::Key",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "Description": "Wraps the keys of companies; without it no proxy can be played",
            "EnableKeyRotation": True,
            "PendingWindowInDays": 30,
            "KeyPolicy": _policy(administration),
        },
    }


def _canary() -> dict[str, Any]:
    condition = {"StringEquals": {"sts:ExternalId": [Tag("Ref", "CanaryExternalId")]}}
    deny = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "reelkeep-canary",
            "Description": "Trusts the broker with an external id that the platform does not know, and may do nothing",
            "MaxSessionDuration": SESSION_SECONDS,
            "AssumeRolePolicyDocument": _trust(Tag("GetAtt", "Broker.Arn"), condition),
            "Policies": [{"PolicyName": "nothing", "PolicyDocument": _policy(deny)}],
        },
    }
