"""The templates that are committed say what the contract says, and both say the same, whatever the parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.contract.cloudformation_values import Template
from tests.unit.contract.hcl_values import Module
from tests.unit.contract.policy_cases import COMPANY, EVERYTHING, KEY, PLACE, REGION, REVOKED, WRAPPING_KEY

from reelkeep.contract import faces, table
from reelkeep.contract.expressions import Facts
from reelkeep.contract.interface import Document, Holder, Kind
from reelkeep.contract.parameters import BY_NAME, facts
from reelkeep.contract.terraform import snake

ROOT = Path(__file__).parents[3]
INLINE_TEMPLATE_BYTES = 51_200  # CloudFormation quotas: a template in the call itself
PLAIN = {
    name: EVERYTHING[name]
    for name in ("Name", "PlatformAccountId", "PlatformPrincipalArn", "ExternalId", "SiteOrigins")
}
CHOICES = {
    "defaults": PLAIN,
    "everything": EVERYTHING,
    "revoked": REVOKED,
    "sse-s3": {**PLAIN, "Encryption": "SSE-S3"},
    "two layers, own key": {**PLAIN, "Encryption": "DSSE-KMS", "KmsKeyArn": KEY.replace("1111-", "2222-")},
    "named bucket": {**PLAIN, "BucketName": "acme-reels", "Prefix": "a/b/"},
    "networks only": {**PLAIN, "AllowedNetworks": "198.51.100.0/24,2001:db8::/32"},
    "endpoints only": {**PLAIN, "AllowedEndpoints": "vpce-0123456789abcdef0", "UnfinishedUploadDays": "30"},
}


@pytest.mark.parametrize("name", sorted(faces.files()))
def test_what_is_committed_is_what_the_contract_renders(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == faces.files()[name], "run `make docs`"


def test_the_template_fits_into_one_call() -> None:
    assert len((ROOT / "deploy/cloudformation/storage.yaml").read_bytes()) < INLINE_TEMPLATE_BYTES


def statements(document: dict[str, Any]) -> list[Any]:
    """Return a document's statements in one form: neither their order nor that of a list counts for anything to IAM."""
    return [
        {
            "Sid": statement["Sid"],
            "Effect": statement["Effect"],
            "Principal": _principal(statement.get("Principal")),
            "Action": sorted(statement["Action"]),
            "Resource": sorted(statement.get("Resource", ())),
            "Condition": {
                operator: {key: sorted(set(values)) for key, values in keys.items()}
                for operator, keys in statement.get("Condition", {}).items()
            },
        }
        for statement in sorted(document["Statement"], key=lambda statement: str(statement["Sid"]))
    ]


def _principal(principal: Any) -> Any:
    return {"*": "*"} if principal == "*" else principal


def from_contract(found: Facts) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for document in Document:
        if table.EXISTS.get(document, "") in {"", *found.conditions}:
            said[document.value] = statements(table.policy(table.ROWS, document, found))
    for holder in (Holder.MEDIA_BUCKET, Holder.LOG_BUCKET):
        for kind in table.settings_of(table.ROWS, holder):
            said[f"{holder.value} {kind.value}"] = table.setting(table.ROWS, holder, kind, found)
        said[f"{holder.value} name"] = found.text(holder.value)
    for name in ("Media", "Audit", *(["Purge"] if "HasPurge" in found.conditions else [])):
        said[f"{name} role"] = [found.text(f"{name}RoleArn").rpartition("/")[2], 3_600]
    said["trail"] = found.text("LogBucket") if "HasTrail" in found.conditions else ""
    return said


def from_cloudformation(found: Facts, chosen: dict[str, str]) -> dict[str, Any]:
    made = {
        "AWS::AccountId": COMPANY,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "MediaBucket": found.text("MediaBucket"),
        "LogBucket": found.text("LogBucket"),
        "MediaBucket.Arn": found.text("MediaBucketArn"),
        "LogBucket.Arn": found.text("LogBucketArn"),
        "Key.Arn": KEY,
        "Key": KEY,
        "WrappingKey.Arn": WRAPPING_KEY,
        "WrappingKey": WRAPPING_KEY,
    }
    text = (ROOT / "deploy/cloudformation/storage.yaml").read_text(encoding="utf-8")
    resources = {name: body["Properties"] for name, body in Template(text, chosen, made).resources().items()}
    said: dict[str, Any] = {
        "media_bucket": statements(resources["MediaBucketPolicy"]["PolicyDocument"]),
        "log_bucket": statements(resources["LogBucketPolicy"]["PolicyDocument"]),
        "trust": statements(resources["MediaRole"]["AssumeRolePolicyDocument"]),
        "trail": resources.get("Trail", {}).get("S3BucketName", ""),
    }
    if "Key" in resources:
        said["key"] = statements(resources["Key"]["KeyPolicy"])
    if "WrappingKey" in resources:
        said["wrapping_key"] = statements(resources["WrappingKey"]["KeyPolicy"])
    for name in ("Media", "Audit", "Purge"):
        if role := resources.get(f"{name}Role"):
            said[f"{name} role"] = [role["RoleName"], role["MaxSessionDuration"]]
            said[name.lower()] = statements(role["Policies"][0]["PolicyDocument"])
            assert statements(role["AssumeRolePolicyDocument"]) == said["trust"]
    for bucket in ("MediaBucket", "LogBucket"):
        properties = resources[bucket]
        said[f"{bucket} name"] = properties["BucketName"]
        said[f"{bucket} namespace"] = {"BucketNamespace": properties["BucketNamespace"]}
        said[f"{bucket} ownership"] = properties["OwnershipControls"]
        said[f"{bucket} public_access"] = properties["PublicAccessBlockConfiguration"]
        said[f"{bucket} versioning"] = properties["VersioningConfiguration"]
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        rule = {"ApplyServerSideEncryptionByDefault": rule.pop("ServerSideEncryptionByDefault"), **rule}
        said[f"{bucket} encryption"] = {"Rules": [rule]}
        said[f"{bucket} lifecycle"] = {"Rules": [_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]}
        if "CorsConfiguration" in properties:
            (cors,) = properties["CorsConfiguration"]["CorsRules"]
            words = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
            said[f"{bucket} cors"] = {"CORSRules": [{words.get(name, name): value for name, value in cors.items()}]}
        if "LoggingConfiguration" in properties:
            logging = properties["LoggingConfiguration"]
            target = {"TargetBucket": logging["DestinationBucketName"], "TargetPrefix": logging["LogFilePrefix"]}
            said[f"{bucket} logging"] = {"LoggingEnabled": target}
    return said


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a lifecycle rule of CloudFormation in the words of S3's own API."""
    found = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule["Prefix"]}}
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    if kept := {name: value for name, value in expiration.items() if value is not None}:
        found["Expiration"] = kept
    parts = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    return found | {name: rule[name] for name in parts if name in rule}


def from_terraform(found: Facts, chosen: dict[str, str]) -> dict[str, Any]:
    variables = {
        snake(name): value.split(",") if BY_NAME[name].is_list else int(value) if BY_NAME[name].is_number else value
        for name, value in chosen.items()
    }
    documents = [document.value for document in Document]
    made = {
        "data.aws_caller_identity.current.account_id": COMPANY,
        "data.aws_partition.current.partition": "aws",
        "data.aws_region.current.region": REGION,
        "aws_s3_bucket.media.id": found.text("MediaBucket"),
        "aws_s3_bucket.logs.id": found.text("LogBucket"),
        "aws_s3_bucket.media.arn": found.text("MediaBucketArn"),
        "aws_s3_bucket.logs.arn": found.text("LogBucketArn"),
        "aws_kms_key.media[*].arn": KEY,
        "aws_kms_key.media[0].key_id": KEY,
        "aws_kms_key.wrapping[*].arn": WRAPPING_KEY,
        **{f"aws_iam_role.{name}.id": name for name in ("media", "audit")},
        "aws_iam_role.purge[0].id": "purge",
        **{f"data.aws_iam_policy_document.{name}.json": name for name in documents},
    }
    module = Module(ROOT / "deploy/terraform/storage", variables, made)
    resources = module.blocks("resource", "main.tf")
    policies = {
        name.partition(".")[2]: statements({"Statement": [_statement(inner) for inner in body["statement"]]})
        for name, body in module.blocks("data", "policies.tf").items()
    }
    used = {
        "media_bucket": resources["aws_s3_bucket_policy.media"]["policy"],
        "log_bucket": resources["aws_s3_bucket_policy.logs"]["policy"],
        "trust": resources["aws_iam_role.media"]["assume_role_policy"],
    }
    if "aws_kms_key.media" in resources:
        used["key"] = resources["aws_kms_key.media"]["policy"]
    if "aws_kms_key.wrapping" in resources:
        used["wrapping_key"] = resources["aws_kms_key.wrapping"]["policy"]
    said: dict[str, Any] = {"trail": resources.get("aws_cloudtrail.media", {}).get("s3_bucket_name", "")}
    for name in ("media", "audit", "purge"):
        if role := resources.get(f"aws_iam_role.{name}"):
            said[f"{name.capitalize()} role"] = [role["name"], role["max_session_duration"]]
            assert role["assume_role_policy"] == "trust"
            assert resources[f"aws_iam_role_policy.{name}"]["role"] == name
            used[name] = resources[f"aws_iam_role_policy.{name}"]["policy"]
    said |= {place: policies[document] for place, document in used.items()}
    for bucket, label in (("MediaBucket", "media"), ("LogBucket", "logs")):
        said |= {f"{bucket} {name}": value for name, value in _bucket(resources, label).items()}
    return said


def _statement(body: dict[str, Any]) -> dict[str, Any]:
    conditions: dict[str, dict[str, Any]] = {}
    for condition in body.get("condition", ()):
        conditions.setdefault(condition["test"], {})[condition["variable"]] = condition["values"]
    principals = {inner["type"]: inner["identifiers"][0] for inner in body.get("principals", ())}
    return {
        "Sid": body["sid"],
        "Effect": body["effect"],
        "Principal": principals or None,
        "Action": body["actions"],
        "Resource": body.get("resources", ()),
        "Condition": conditions,
    }


def _camel(name: str) -> str:
    special = {"id": "ID", "kms_master_key_id": "KMSMasterKeyID", "sse_algorithm": "SSEAlgorithm"}
    return special.get(name) or "".join(part.capitalize() for part in name.split("_"))


def _api(body: dict[str, Any]) -> dict[str, Any]:
    """Return a block in the words of S3's own API; a block within it is a mapping there."""
    return {
        _camel(name): _api(value[0]) if isinstance(value, list) and isinstance(value[0], dict) else value
        for name, value in body.items()
        if name != "bucket"
    }


def _bucket(resources: dict[str, Any], label: str) -> dict[str, Any]:
    def of(kind: str) -> dict[str, Any]:
        body = resources[f"aws_s3_bucket_{kind}.{label}"]
        assert body["bucket"] == resources_bucket_name
        return dict(body)

    bucket = resources[f"aws_s3_bucket.{label}"]
    resources_bucket_name = bucket["bucket"]
    rule = _api(of("server_side_encryption_configuration")["rule"][0])
    if "BlockedEncryptionTypes" in rule:
        rule["BlockedEncryptionTypes"] = {"EncryptionType": rule["BlockedEncryptionTypes"]}
    said: dict[str, Any] = {
        "name": bucket["bucket"],
        "namespace": {"BucketNamespace": bucket["bucket_namespace"]},
        "ownership": {"Rules": [_api(of("ownership_controls")["rule"][0])]},
        "public_access": _api(of("public_access_block")),
        "versioning": _api(of("versioning")["versioning_configuration"][0]),
        "encryption": {"Rules": [rule]},
        "lifecycle": {"Rules": [_api(rule) for rule in of("lifecycle_configuration")["rule"]]},
    }
    if f"aws_s3_bucket_cors_configuration.{label}" in resources:
        said["cors"] = {"CORSRules": [_api(of("cors_configuration")["cors_rule"][0])]}
    if f"aws_s3_bucket_logging.{label}" in resources:
        said["logging"] = {"LoggingEnabled": _api(of("logging"))}
    return said


@pytest.mark.parametrize("choice", CHOICES)
def test_cloudformation_and_terraform_come_to_what_the_contract_says(choice: str) -> None:
    chosen = CHOICES[choice]
    found = facts(chosen, PLACE, key_arn=KEY, wrapping_key_arn=WRAPPING_KEY)
    expected = from_contract(found)
    for said in (from_cloudformation(found, chosen), from_terraform(found, chosen)):
        for name in sorted(expected.keys() | said.keys()):
            assert _plain(said.get(name)) == _plain(expected.get(name)), name


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, sort_keys=True))


def test_every_setting_is_read_by_a_call_or_by_the_name() -> None:
    assert {row.kind for row in table.ROWS if hasattr(row, "kind")} >= {Kind.NAMESPACE, Kind.LIFECYCLE}
    assert len({table.key(row) for row in table.ROWS}) == len(table.ROWS)
