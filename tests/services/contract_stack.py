"""The contract's CloudFormation template, deployed to MiniStack in the company's account as a company deploys it.

Where MiniStack differs from AWS, ``fill_emulator_gaps`` makes up for it by S3 calls made of the same rows. What they
show is an *emulator gap, not verified on AWS*:

- its CloudFormation drops lifecycle, logging and encryption of AWS::S3::Bucket;
- its KMS knows no encryption context in a policy, so conditions on it are taken out of the policies of the media role
  and of the wrapping key;
- in a role's session ``aws:PrincipalArn`` is the session's ARN, on AWS the role's (IAM User Guide, global condition
  keys), so each role in the condition of a bucket's or a key's policy gets its sessions beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.services.ministack import COMPANY_ACCOUNT, PLATFORM_ACCOUNT, REGION, Ministack

from reelkeep.contract import cloudformation, table
from reelkeep.contract.expressions import Facts
from reelkeep.contract.interface import WRITES, Document, Holder, Kind, Setting
from reelkeep.contract.parameters import Place, facts
from reelkeep.ids import ConnectionId, new_id
from reelkeep.storage.interface import Capability, StorageConnection

PLACE = Place(COMPANY_ACCOUNT, REGION)
PLATFORM_ARN = f"arn:aws:iam::{PLATFORM_ACCOUNT}:user/platform"
BUCKETS = (Holder.MEDIA_BUCKET, Holder.LOG_BUCKET)
GAPS = frozenset({Kind.LIFECYCLE, Kind.LOGGING, Kind.ENCRYPTION})


@dataclass(frozen=True)
class Stack:
    name: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def facts(self) -> Facts:
        return facts(
            self.parameters,
            PLACE,
            key_arn=self.outputs.get("KeyArn", ""),
            wrapping_key_arn=self.outputs.get("WrappingKeyArn", ""),
        )

    def connection(self, endpoint_url: str) -> StorageConnection:
        """Return what an operator who pastes the stack's output back would have, at an endpoint of the emulator."""
        pasted = json.loads(self.outputs["PasteBack"])
        return StorageConnection(
            id=ConnectionId(new_id()),
            bucket=pasted["bucket"],
            region=pasted["region"],
            prefix=pasted["prefix"].rstrip("/"),
            role_arn=pasted["media_role"],
            external_id=self.parameters["ExternalId"],
            endpoint_url=endpoint_url,
            sts_endpoint_url=endpoint_url,
            path_style=True,
            capabilities=frozenset({Capability.CONDITIONAL_PUT, Capability.EXPECTED_OWNER, Capability.EXTERNAL_ID}),
        )


def parameters(name: str, **chosen: str) -> dict[str, str]:
    """Return the parameters of a company that takes the defaults."""
    return {
        "Name": name,
        "PlatformAccountId": PLATFORM_ACCOUNT,
        "PlatformPrincipalArn": PLATFORM_ARN,
        "ExternalId": new_id(),
        "SiteOrigins": "https://acme.example",
        **chosen,
    }


def deploy(
    ministack: Ministack,
    chosen: Mapping[str, str],
    *,
    fills_gaps: bool = True,
    keeps_contexts: bool = False,
    version: int = table.VERSION,
) -> Stack:
    """Make or update the stack of these parameters from a version's template, and fill the emulator's gaps.

    Args:
        keeps_contexts: leave conditions on encryption contexts there: on the emulator nobody may use the key then.
    """
    client = ministack.client("cloudformation", COMPANY_ACCOUNT)
    name = f"reelkeep-{chosen['Name']}"
    asked = {
        "StackName": name,
        "TemplateBody": cloudformation.template(table.rows_of(version), version=version),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in chosen.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    known = {stack["StackName"] for stack in client.describe_stacks()["Stacks"]}
    getattr(client, "update_stack" if name in known else "create_stack")(**asked)
    client.get_waiter("stack_update_complete" if name in known else "stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    made = client.describe_stacks(StackName=name)["Stacks"][0]
    stack = Stack(name, dict(chosen), {item["OutputKey"]: item["OutputValue"] for item in made.get("Outputs", ())})
    if fills_gaps:
        fill_emulator_gaps(ministack, stack.facts)
        if "WrapsCompanyKey" in stack.facts.conditions and not keeps_contexts:
            let_wrap_without_contexts(ministack, stack.facts)
    return stack


def fill_emulator_gaps(ministack: Ministack, found: Facts) -> None:
    """Set by S3 calls what MiniStack's CloudFormation drops, from the rows that are marked so."""
    s3 = ministack.client("s3", COMPANY_ACCOUNT)
    for holder in BUCKETS:
        for kind, rows in table.settings_of(table.ROWS, holder).items():
            if kind in GAPS:
                assert all(row.emulator_gap for row in rows)
                put(s3, found, holder, kind, rows)
    for holder in BUCKETS:
        policy = json.loads(s3.get_bucket_policy(Bucket=found.text(holder.value))["Policy"])
        for statement in policy["Statement"]:
            for keys in statement.get("Condition", {}).values():
                if "aws:PrincipalArn" in keys:
                    keys["aws:PrincipalArn"] += [_sessions(arn) for arn in keys["aws:PrincipalArn"] if ":role/" in arn]
        s3.put_bucket_policy(Bucket=found.text(holder.value), Policy=json.dumps(policy))


def let_wrap_without_contexts(ministack: Ministack, found: Facts) -> None:
    """Take conditions on encryption contexts out of the two policies that have them, as rows marked so say."""
    marked = [row for row in table.STATEMENTS if row.emulator_gap and "EncryptionContext" in str(row.conditions)]
    assert {row.document for row in marked} == {Document.MEDIA, Document.WRAPPING_KEY}
    kms, iam = (ministack.client(name, COMPANY_ACCOUNT) for name in ("kms", "iam"))
    media = table.policy(table.ROWS, Document.MEDIA, found)
    for statement in media["Statement"]:
        if statement["Sid"] == "WrapTheCompanyKey":
            del statement["Condition"]
    role = found.text("MediaRoleArn").rpartition("/")[2]
    iam.put_role_policy(RoleName=role, PolicyName="media", PolicyDocument=json.dumps(media))
    policy = table.policy(table.ROWS, Document.WRAPPING_KEY, found)
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "WrappingUnderYourExternalIdOnly"]
    for statement in policy["Statement"]:
        for keys in statement.get("Condition", {}).values():
            keys["aws:PrincipalArn"] += [_sessions(arn) for arn in keys["aws:PrincipalArn"] if ":role/" in arn]
    kms.put_key_policy(KeyId=found.text("WrappingKeyArn"), PolicyName="default", Policy=json.dumps(policy))


def _sessions(role_arn: str) -> str:
    return role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/*"


def put(s3: Any, found: Facts, holder: Holder, kind: Kind, rows: list[Setting]) -> None:
    """Write a whole setting of a bucket from its rows."""
    operation, argument = WRITES[kind]
    value = table.setting(rows, holder, kind, found)
    getattr(s3, operation)(Bucket=found.text(holder.value), **{argument: value})
