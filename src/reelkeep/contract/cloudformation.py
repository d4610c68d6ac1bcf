"""The contract as a CloudFormation template. Pure; no I/O.

Follows the AWS CloudFormation template reference (AWS::S3::Bucket and its neighbours, November 2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reelkeep.contract import yaml
from reelkeep.contract.bucket_statements import TRAIL_PREFIX
from reelkeep.contract.expressions import Choice, Items, Joined, Number, Only, Sub, Value
from reelkeep.contract.interface import Document, Holder, Kind, Row, Setting, Statement
from reelkeep.contract.outputs import OUTPUTS, REVOKE_NAME, REVOKE_WHAT
from reelkeep.contract.parameters import (
    ACCOUNT_REGIONAL,
    CONDITIONS,
    NAMED_LOG_BUCKET,
    NOT_EMPTY,
    PARAMETERS,
    ROLE_NAMES,
    TRAIL_NAME,
    All,
    AnyOf,
    Is,
    Not,
    Parameter,
    Term,
)
from reelkeep.contract.suppressions import CHECKOV
from reelkeep.contract.table import EXISTS, POLICY_LANGUAGE, ROWS, VERSION, assembled, settings_of, statements_of
from reelkeep.contract.yaml import Noted, Tag

MAX_DESCRIPTION: Final = 1_024  # CloudFormation quotas
HEAD: Final = (
    "# Storage for Reelkeep in your own account. Made from the bucket contract; change the contract, not this file.\n"
    "# docs/security-review.md tells of each setting and statement why it is here and what breaks without it.\n"
)
_LINT_REASON: Final = "W1030 takes an empty KmsKeyArn for an ARN; it is used only while it is not empty."
_NO_VALUE: Final = Tag("Ref", "AWS::NoValue")
_PSEUDO: Final = {"AccountId": "AWS::AccountId", "Region": "AWS::Region", "Partition": "AWS::Partition"}
_RESOURCE_NAMES: Final = {
    "MediaBucket": "MediaBucket",
    "LogBucket": "LogBucket",
    "MediaBucketArn": "MediaBucket.Arn",
    "LogBucketArn": "LogBucket.Arn",
    "KeyArn": "Key.Arn",
    "WrappingKeyArn": "WrappingKey.Arn",
}
_RETAIN: Final = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_PROPERTIES: Final = {
    Kind.NAMESPACE: "",
    Kind.OWNERSHIP: "OwnershipControls",
    Kind.PUBLIC_ACCESS: "PublicAccessBlockConfiguration",
    Kind.ENCRYPTION: "BucketEncryption",
    Kind.VERSIONING: "VersioningConfiguration",
    Kind.LIFECYCLE: "LifecycleConfiguration",
    Kind.CORS: "CorsConfiguration",
    Kind.LOGGING: "LoggingConfiguration",
}
# Where CloudFormation has other words than S3's own API.
_WORDS: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.LIFECYCLE: {"ID": "Id"},
    Kind.CORS: {"CORSRules": "CorsRules", "ID": "Id", "ExposeHeaders": "ExposedHeaders", "MaxAgeSeconds": "MaxAge"},
    Kind.LOGGING: {"TargetBucket": "DestinationBucketName", "TargetPrefix": "LogFilePrefix"},
    Kind.ENCRYPTION: {
        "Rules": "ServerSideEncryptionConfiguration",
        "ApplyServerSideEncryptionByDefault": "ServerSideEncryptionByDefault",
    },
}


def template(
    rows: Iterable[Setting | Statement] = ROWS,
    *,
    version: int = VERSION,
    filled: Mapping[str, str] | None = None,
) -> str:
    """Return the template as YAML.

    Args:
        filled: values that become the defaults of parameters; those of a company.
    """
    kept = tuple(rows)
    parts = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Reelkeep storage, bucket contract version {version}",
        "Metadata": {
            "ReelkeepContract": {"Version": version},
            "cfn-lint": {"config": {"ignore_checks": Noted(["W1030"], _LINT_REASON)}},
            "AWS::CloudFormation::Interface": {"ParameterGroups": _groups()},
        },
        "Parameters": {parameter.name: _parameter(parameter, filled or {}) for parameter in PARAMETERS},
        "Conditions": {name: _term(term) for name, term in CONDITIONS.items()},
        "Resources": _resources(kept),
        "Outputs": _outputs(version),
    }
    return HEAD + yaml.document(parts)


def _groups() -> list[dict[str, Any]]:
    groups: dict[str, list[str]] = {}
    for parameter in PARAMETERS:
        groups.setdefault(parameter.group, []).append(parameter.name)
    return [{"Label": {"default": name}, "Parameters": names} for name, names in groups.items()]


def _parameter(parameter: Parameter, filled: Mapping[str, str]) -> dict[str, Any]:
    kind = "CommaDelimitedList" if parameter.is_list else "Number" if parameter.is_number else "String"
    found: dict[str, Any] = {"Type": kind, "Description": parameter.what}
    default = filled.get(parameter.name, parameter.default)
    if default is not None:
        found["Default"] = int(default) if parameter.is_number else default
    if parameter.allowed:
        found["AllowedValues"] = list(parameter.allowed)
    if parameter.is_number:
        found |= {"MinValue": parameter.lowest, "MaxValue": parameter.highest}
    if parameter.pattern:
        found["AllowedPattern"] = _pattern(parameter)  # CloudFormation names it when it refuses a value
    return found


def _pattern(parameter: Parameter) -> str:
    """Return the pattern of a whole value; CloudFormation matches each item of a list for itself."""
    return f"^({parameter.pattern})?$" if parameter.is_list and parameter.default == "" else f"^{parameter.pattern}$"


def _term(term: Term) -> Any:
    match term:
        case Is(parameter, value) if parameter in NOT_EMPTY:
            return Tag("Equals", [Tag("Select", [0, Tag("Ref", parameter)]), value])
        case Is(parameter, value):
            return Tag("Equals", [Tag("Ref", parameter), value])
        case Not(inner):
            return Tag("Not", [_term(inner)])
        case All(terms):
            return Tag("And", [_term(inner) for inner in terms])
        case AnyOf(terms):
            return Tag("Or", [_term(inner) for inner in terms])


def expression(value: Value) -> Any:
    """Return a value of the contract in CloudFormation's words."""
    match value:
        case Sub():
            return _text(value)
        case Items(parameter) | Number(parameter):
            return Tag("Ref", parameter)
        case Joined(parts):
            return _list(parts)
        case Choice(condition, yes, no):
            return Tag("If", [condition, expression(yes), expression(no)])
        case Only(condition, kept):
            return Tag("If", [condition, expression(kept), _NO_VALUE])
        case Mapping():
            return {name: expression(item) for name, item in value.items()}
        case str():
            return value
        case Sequence():
            return [expression(item) for item in value]
        case _:
            return value


def _text(value: Sub) -> Any:
    holes = value.holes()
    if len(holes) == 1 and value.text == f"{{{holes[0]}}}":
        reference, name = _reference(holes[0]), _name(holes[0])
        if reference != f"${{{name}}}":
            return Tag("Sub", reference)
        return Tag("GetAtt", name) if "." in name else Tag("Ref", name)
    if not holes:
        return value.text
    return Tag("Sub", value.filled({hole: _reference(hole) for hole in holes}))


def _name(hole: str) -> str:
    return _PSEUDO.get(hole) or _RESOURCE_NAMES.get(hole) or hole


def _reference(hole: str) -> str:
    """Return how ``Fn::Sub`` says it; roles and the trail are said by name, so that nothing refers in a circle."""
    if hole == "TrailArn":
        name = TRAIL_NAME.filled({"Name": "${Name}"})
        return f"arn:${{AWS::Partition}}:cloudtrail:${{AWS::Region}}:${{AWS::AccountId}}:trail/{name}"
    role = hole.removesuffix("Arn")
    if role in ROLE_NAMES:
        name = ROLE_NAMES[role].filled({"Name": "${Name}"})
        return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}"
    return f"${{{_name(hole)}}}"


def _list(parts: Sequence[str | Sub | Items]) -> Any:
    """Return one flat list: CloudFormation can only join everything and split it again.

    An empty list would leave an empty item behind, so the first item, which is no list, stands there once more.
    """
    first = expression(parts[0])
    joined = [
        Tag("If", [NOT_EMPTY[part.parameter], Tag("Join", [",", Tag("Ref", part.parameter)]), first])
        if isinstance(part, Items)
        else expression(part)
        for part in parts
    ]
    return Tag("Split", [",", Tag("Join", [",", joined])])


def _resources(rows: Sequence[Setting | Statement]) -> dict[str, Any]:
    roles = {
        "MediaRole": (Holder.MEDIA_ROLE, Document.MEDIA),
        "AuditRole": (Holder.AUDIT_ROLE, Document.AUDIT),
        "PurgeRole": (Holder.PURGE_ROLE, Document.PURGE),
    }
    return {
        "LogBucket": _bucket(rows, Holder.LOG_BUCKET, NAMED_LOG_BUCKET),
        "LogBucketPolicy": _bucket_policy(rows, "LogBucket", Document.LOG_BUCKET),
        "Key": _key(rows),
        "KeyAlias": {
            "Type": "AWS::KMS::Alias",
            "Condition": EXISTS[Document.KEY],
            "Properties": {"AliasName": Tag("Sub", "alias/reelkeep-${Name}"), "TargetKeyId": Tag("Ref", "Key")},
        },
        "WrappingKey": _wrapping_key(rows),
        "MediaBucket": _bucket(rows, Holder.MEDIA_BUCKET, Sub("{BucketName}")),
        "MediaBucketPolicy": _bucket_policy(rows, "MediaBucket", Document.MEDIA_BUCKET),
        **{name: _role(rows, name, holder, document) for name, (holder, document) in roles.items()},
        "Trail": _trail(),
    }


def _with_notes(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a resource with what checkov is to pass over, and why."""
    if skipped := CHECKOV.get(name):
        body["Metadata"] = {"checkov": {"skip": [{"id": check, "comment": why} for check, why in skipped.items()]}}
    return body


def _bucket(rows: Sequence[Setting | Statement], holder: Holder, given: Sub) -> dict[str, Any]:
    name = Tag("If", ["IsNamed", expression(given), expression(ACCOUNT_REGIONAL[holder.value])])
    properties: dict[str, Any] = {"BucketName": name}
    for kind, settings in settings_of(rows, holder).items():
        note = " ".join(f"[{row.id}] {row.reason}" for row in settings)
        if kind is Kind.NAMESPACE:
            properties["BucketNamespace"] = Noted(expression(settings[0].value["BucketNamespace"]), note)
        else:
            body = assembled(kind, [_property(kind, row.value) for row in settings])
            properties[_PROPERTIES[kind]] = Noted(expression(_renamed(body, _outer(kind))), note)
    return _with_notes(holder.value, {"Type": "AWS::S3::Bucket", **_RETAIN, "Properties": properties})


def _outer(kind: Kind) -> Mapping[str, str]:
    return {} if kind is Kind.LIFECYCLE else _WORDS.get(kind, {})


def _property(kind: Kind, value: Mapping[str, Any]) -> Mapping[str, Any]:
    return _lifecycle_rule(value) if kind is Kind.LIFECYCLE else value


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule in CloudFormation's words, which has no filter and no nested expiration."""
    found = {"Id": rule["ID"], "Status": rule["Status"], "Prefix": rule["Filter"]["Prefix"]}
    expiration = rule.get("Expiration", {})
    if "Days" in expiration:
        found["ExpirationInDays"] = expiration["Days"]
    if "ExpiredObjectDeleteMarker" in expiration:
        found["ExpiredObjectDeleteMarker"] = expiration["ExpiredObjectDeleteMarker"]
    kept = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    return found | {name: rule[name] for name in kept if name in rule}


def _renamed(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        pairs = {words.get(name, name): _renamed(item, words) for name, item in value.items()}
        return pairs.get("LoggingEnabled", pairs)
    if isinstance(value, (list, tuple)):
        return [_renamed(item, words) for item in value]
    return value


def _document(rows: Sequence[Setting | Statement], document: Document) -> dict[str, Any]:
    statements = [_statement(row) for row in statements_of(rows, document)]
    return {"Version": POLICY_LANGUAGE, "Statement": statements}


def _statement(row: Statement) -> Noted:
    found: dict[str, Any] = {"Sid": row.id, "Effect": expression(row.effect)}
    if row.principal is not None:
        found["Principal"] = expression(row.principal)
    found["Action"] = list(row.actions)
    if row.resources:
        found["Resource"] = expression(row.resources)
    if row.conditions:
        found["Condition"] = expression(row.conditions)
    only_then = row.when is not None and row.when != EXISTS.get(row.document)
    return Noted(Tag("If", [row.when, found, _NO_VALUE]) if only_then else found, _note(row))


def _note(row: Row) -> str:
    return row.reason


def _bucket_policy(rows: Sequence[Setting | Statement], bucket: str, document: Document) -> dict[str, Any]:
    properties = {"Bucket": Tag("Ref", bucket), "PolicyDocument": _document(rows, document)}
    return {"Type": "AWS::S3::BucketPolicy", **_RETAIN, "Properties": properties}


def _key(rows: Sequence[Setting | Statement]) -> dict[str, Any]:
    body = {
        "Type": "AWS::KMS::Key",
        "Condition": EXISTS[Document.KEY],
        **_RETAIN,
        "Properties": {
            "Description": Tag("Sub", "Objects of Reelkeep for ${Name}"),
            "EnableKeyRotation": True,
            "PendingWindowInDays": 30,
            "KeyPolicy": _document(rows, Document.KEY),
        },
    }
    return _with_notes("Key", body)


def _wrapping_key(rows: Sequence[Setting | Statement]) -> dict[str, Any]:
    body = {
        "Type": "AWS::KMS::Key",
        "Condition": EXISTS[Document.WRAPPING_KEY],
        **_RETAIN,
        "Properties": {
            "Description": Tag("Sub", "Wraps the company key of ${Name} in Reelkeep; without it no proxy opens"),
            "EnableKeyRotation": True,
            "PendingWindowInDays": 30,
            "KeyPolicy": _document(rows, Document.WRAPPING_KEY),
        },
    }
    return _with_notes("WrappingKey", body)


def _role(rows: Sequence[Setting | Statement], name: str, holder: Holder, document: Document) -> dict[str, Any]:
    length = settings_of(rows, holder)[Kind.SESSION_LENGTH][0]
    body: dict[str, Any] = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": _text(ROLE_NAMES[name]),
            "Description": f"Reelkeep, {document.value}; see the stack's outputs for how to cut it off",
            "MaxSessionDuration": Noted(length.value["MaxSessionDuration"], length.reason),
            "AssumeRolePolicyDocument": _document(rows, Document.TRUST),
            "Policies": [{"PolicyName": document.value, "PolicyDocument": _document(rows, document)}],
        },
    }
    if holder in EXISTS:
        body = {"Type": body["Type"], "Condition": EXISTS[holder], "Properties": body["Properties"]}
    return _with_notes(name, body)


def _trail() -> dict[str, Any]:
    body = {
        "Type": "AWS::CloudTrail::Trail",
        "Condition": EXISTS[Holder.TRAIL],
        "DependsOn": "LogBucketPolicy",
        "Properties": {
            "TrailName": _text(TRAIL_NAME),
            "IsLogging": True,
            "IsMultiRegionTrail": False,
            "IncludeGlobalServiceEvents": False,
            "EnableLogFileValidation": True,
            "S3BucketName": Tag("Ref", "LogBucket"),
            "S3KeyPrefix": TRAIL_PREFIX,
            "AdvancedEventSelectors": [
                {
                    "Name": "Every access to an object of the media bucket",
                    "FieldSelectors": [
                        {"Field": "eventCategory", "Equals": ["Data"]},
                        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                        {"Field": "resources.ARN", "StartsWith": [Tag("Sub", "${MediaBucket.Arn}/")]},
                    ],
                }
            ],
        },
    }
    return _with_notes("Trail", body)


def _outputs(version: int) -> dict[str, Any]:
    found = {}
    for output in OUTPUTS:
        body: dict[str, Any] = {"Description": output.what, "Value": expression(output.value(version))}
        if output.when:
            body = {"Condition": output.when, **body}
        found[output.name] = body
    return found | {REVOKE_NAME: {"Description": REVOKE_WHAT, "Value": Tag("Sub", _revoke_command())}}


def _revoke_command() -> str:
    kept = (name for name in (parameter.name for parameter in PARAMETERS) if name != "PlatformAccess")
    others = " ".join(f"ParameterKey={name},UsePreviousValue=true" for name in kept)
    return (
        "aws cloudformation update-stack --region ${AWS::Region} --stack-name ${AWS::StackName} "
        "--use-previous-template --capabilities CAPABILITY_NAMED_IAM "
        f"--parameters ParameterKey=PlatformAccess,ParameterValue=Revoked {others}"
    )
