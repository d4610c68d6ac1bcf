"""The contract as a Terraform module, equal to the CloudFormation template. Pure; no I/O.

Follows the documentation of the provider hashicorp/aws 6 (November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reelkeep.contract.bucket_statements import TRAIL_PREFIX
from reelkeep.contract.expressions import Choice, Items, Joined, Number, Only, Sub, Value
from reelkeep.contract.hcl import Block, Raw, document, expression
from reelkeep.contract.interface import Document, Holder, Kind, Setting, Statement
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
from reelkeep.contract.table import EXISTS, ROWS, VERSION, settings_of, statements_of

HEAD: Final = "# Made from the bucket contract; change the contract, not this file.\n\n"
_BUCKETS: Final = {Holder.MEDIA_BUCKET: "media", Holder.LOG_BUCKET: "logs"}
_ROLES: Final = {
    "media": (Holder.MEDIA_ROLE, Document.MEDIA),
    "audit": (Holder.AUDIT_ROLE, Document.AUDIT),
    "purge": (Holder.PURGE_ROLE, Document.PURGE),
}
_REFERENCES: Final = {
    "AccountId": "local.account_id",
    "Region": "local.region",
    "Partition": "local.partition",
    "MediaBucket": "aws_s3_bucket.media.id",
    "LogBucket": "aws_s3_bucket.logs.id",
    "MediaBucketArn": "aws_s3_bucket.media.arn",
    "LogBucketArn": "aws_s3_bucket.logs.arn",
    "MediaRoleArn": "local.media_role_arn",
    "AuditRoleArn": "local.audit_role_arn",
    "PurgeRoleArn": "local.purge_role_arn",
    "TrailArn": "local.trail_arn",
    "KeyArn": "local.made_key_arn",
    "WrappingKeyArn": "local.wrapping_key_arn",
}
_RESOURCES: Final = {
    Kind.OWNERSHIP: "aws_s3_bucket_ownership_controls",
    Kind.PUBLIC_ACCESS: "aws_s3_bucket_public_access_block",
    Kind.ENCRYPTION: "aws_s3_bucket_server_side_encryption_configuration",
    Kind.VERSIONING: "aws_s3_bucket_versioning",
    Kind.LIFECYCLE: "aws_s3_bucket_lifecycle_configuration",
    Kind.CORS: "aws_s3_bucket_cors_configuration",
    Kind.LOGGING: "aws_s3_bucket_logging",
}
_BLOCKS_OF: Final = {Kind.OWNERSHIP: "rule", Kind.VERSIONING: "versioning_configuration", Kind.CORS: "cors_rule"}


def files(rows: Sequence[Setting | Statement] = ROWS, *, version: int = VERSION) -> dict[str, str]:
    """Return the module's files by name."""
    return {
        "main.tf": HEAD + document([*_buckets(rows), *_bucket_policies(), *_key(), *_roles(rows), *_trail()]),
        "policies.tf": HEAD + document(_documents(rows)),
        "locals.tf": HEAD + document(_locals()),
        "variables.tf": HEAD + document([_variable(parameter) for parameter in PARAMETERS]),
        "outputs.tf": HEAD + document(_outputs(version)),
        "versions.tf": HEAD + document([versions()]),
    }


def call(filled: Mapping[str, str], source: str) -> str:
    """Return the call of the module with a company's values filled in."""
    body: list[tuple[str, Any] | Block] = [("source", source)]
    for parameter in PARAMETERS:
        if parameter.name in filled:
            given = filled[parameter.name]
            plain: Any = [part for part in given.split(",") if part] if parameter.is_list else given
            body.append((snake(parameter.name), int(given) if parameter.is_number else plain))
    out = Block("output", ("paste_back",), [("value", Raw("module.reelkeep_storage.paste_back"))])
    return document([Block("module", ("reelkeep_storage",), body), out])


def snake(name: str) -> str:
    """Return a parameter's name as Terraform writes it.

    >>> snake("KmsKeyArn"), snake("SessionsIssuedAfter")
    ('kms_key_arn', 'sessions_issued_after')
    """
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _is(condition: str) -> str:
    return f"local.{snake(condition)}"


def _reference(hole: str) -> str:
    return _REFERENCES.get(hole) or f"var.{snake(hole)}"


def value_of(value: Value) -> Any:
    """Return a value of the contract as HCL's writer takes it."""
    match value:
        case Sub():
            holes = value.holes()
            if len(holes) == 1 and value.text == f"{{{holes[0]}}}":
                return Raw(_reference(holes[0]))
            return value.filled({hole: f"${{{_reference(hole)}}}" for hole in holes})
        case Items(parameter) | Number(parameter):
            return Raw(f"var.{snake(parameter)}")
        case Joined(parts):
            plain = [value_of(part) for part in parts if not isinstance(part, Items)]
            lists = ", ".join(f"var.{snake(part.parameter)}" for part in parts if isinstance(part, Items))
            return Raw(f"concat([{', '.join(expression(item) for item in plain)}], {lists})")
        case Choice(condition, yes, no):
            return Raw(f"{_is(condition)} ? {_inner(yes)} : {_inner(no)}")
        case Only(condition, kept):
            return Raw(f"{_is(condition)} ? {_inner(kept)} : null")
        case str() | bool() | int():
            return value
        case Mapping():
            return {name: value_of(item) for name, item in value.items()}
        case Sequence():
            return [value_of(item) for item in value]


def _inner(value: Value) -> str:
    found = expression(value_of(value))
    return f"({found})" if isinstance(value, (Choice, Only)) else found


def _term(term: Term) -> str:
    match term:
        case Is(parameter, _) if parameter in NOT_EMPTY:
            return f"length(var.{snake(parameter)}) == 0"
        case Is(parameter, value):
            return f'var.{snake(parameter)} == "{value}"'
        case Not(Is(parameter, _)) if parameter in NOT_EMPTY:
            return f"length(var.{snake(parameter)}) > 0"
        case Not(Is(parameter, value)):
            return f'var.{snake(parameter)} != "{value}"'
        case Not(inner):
            return f"!({_term(inner)})"
        case All(terms):
            return " && ".join(f"({_term(inner)})" for inner in terms)
        case AnyOf(terms):
            return " || ".join(f"({_term(inner)})" for inner in terms)


def _variable(parameter: Parameter) -> Block:
    kind = "list(string)" if parameter.is_list else "number" if parameter.is_number else "string"
    body: list[tuple[str, Any] | Block] = [("description", parameter.what), ("type", Raw(kind))]
    if parameter.default is not None:
        plain: Any = [] if parameter.is_list else parameter.default
        body.append(("default", int(parameter.default) if parameter.is_number else plain))
    body.append(_validation(parameter))
    return Block("variable", (snake(parameter.name),), body)


def _validation(parameter: Parameter) -> Block:
    name = f"var.{snake(parameter.name)}"
    pattern = expression(f"^{parameter.pattern}$".replace("${", "$${"))
    if parameter.allowed:
        rule, form = f"contains({expression_on_one_line(parameter.allowed)}, {name})", " or ".join(parameter.allowed)
    elif parameter.is_number:
        rule = f"{name} >= {parameter.lowest} && {name} <= {parameter.highest}"
        form = f"{parameter.lowest} to {parameter.highest}"
    elif parameter.is_list:
        rule, form = f"alltrue([for item in {name} : can(regex({pattern}, item))])", "items of the template's form"
    else:
        rule, form = f"can(regex({pattern}, {name}))", "of the template's form"
    return Block("validation", (), [("condition", Raw(rule)), ("error_message", f"{parameter.name} is {form}.")])


def expression_on_one_line(items: Sequence[str]) -> str:
    return f"[{', '.join(expression(item) for item in items)}]"


def _locals() -> list[Block]:
    current = [Block("data", (kind, "current")) for kind in ("aws_caller_identity", "aws_partition", "aws_region")]
    arn = "arn:${local.partition}"
    names: list[tuple[str, Any] | Block] = [
        ("account_id", Raw("data.aws_caller_identity.current.account_id")),
        ("partition", Raw("data.aws_partition.current.partition")),
        ("region", Raw("data.aws_region.current.region")),
        *((snake(name), Raw(_term(term))) for name, term in CONDITIONS.items()),
        *((snake(f"{role}Name"), value_of(sub)) for role, sub in ROLE_NAMES.items()),
        *(
            (snake(f"{role}Arn"), f"{arn}:iam::${{local.account_id}}:role/${{local.{snake(role)}_name}}")
            for role in ROLE_NAMES
        ),
        ("trail_name", value_of(TRAIL_NAME)),
        ("trail_arn", f"{arn}:cloudtrail:${{local.region}}:${{local.account_id}}:trail/${{local.trail_name}}"),
        ("made_key_arn", Raw("one(aws_kms_key.media[*].arn)")),
        ("wrapping_key_arn", Raw("one(aws_kms_key.wrapping[*].arn)")),
    ]
    return [*current, Block("locals", (), names)]


def versions() -> Block:
    """Return what every module asks of Terraform and the provider."""
    aws = {"source": "hashicorp/aws", "version": ">= 6.30"}
    return Block("terraform", (), [("required_version", ">= 1.9"), Block("required_providers", (), [("aws", aws)])])


def _skips(resource: str) -> tuple[str, ...]:
    return tuple(f"checkov:skip={check}:{why}" for check, why in CHECKOV.get(resource, {}).items())


def _buckets(rows: Sequence[Setting | Statement]) -> list[Block]:
    given = {Holder.MEDIA_BUCKET: Sub("{BucketName}"), Holder.LOG_BUCKET: NAMED_LOG_BUCKET}
    blocks = []
    for holder, label in _BUCKETS.items():
        kinds = settings_of(rows, holder)
        body: list[tuple[str, Any] | Block] = [
            ("bucket", value_of(Choice("IsNamed", given[holder], ACCOUNT_REGIONAL[holder.value]))),
            ("bucket_namespace", value_of(kinds[Kind.NAMESPACE][0].value["BucketNamespace"])),
            Block("lifecycle", (), [("prevent_destroy", True)]),
        ]
        blocks.append(Block("resource", ("aws_s3_bucket", label), body, inner_notes=_skips(holder.value)))
        blocks += [_setting(kind, label, found) for kind, found in kinds.items() if kind in _RESOURCES]
    return blocks


def _setting(kind: Kind, label: str, rows: Sequence[Setting]) -> Block:
    notes = tuple(f"[{row.id}] {row.reason}" for row in rows)
    bucket: list[tuple[str, Any] | Block] = [("bucket", Raw(f"aws_s3_bucket.{label}.id"))]
    merged = {name: item for row in rows for name, item in row.value.items()}
    if kind is Kind.OWNERSHIP:
        merged = merged["Rules"][0]
    if kind is Kind.ENCRYPTION:
        bucket.append(_encryption(merged))
    elif kind is Kind.LIFECYCLE:
        bucket += [_rule(row.value) for row in rows]
    elif kind in _BLOCKS_OF:
        bucket.append(Block(_BLOCKS_OF[kind], (), _arguments(merged)))
    else:
        bucket += _arguments(merged)
    return Block("resource", (_RESOURCES[kind], label), bucket, notes=notes)


def _arguments(value: Mapping[str, Any]) -> list[tuple[str, Any] | Block]:
    names = {"ExposeHeaders": "expose_headers", "ID": "id"}
    return [(names.get(name) or snake(name), value_of(item)) for name, item in value.items()]


def _encryption(merged: Mapping[str, Any]) -> Block:
    default = merged["ApplyServerSideEncryptionByDefault"]
    inner: list[tuple[str, Any] | Block] = [("sse_algorithm", value_of(default["SSEAlgorithm"]))]
    if "KMSMasterKeyID" in default:
        inner.append(("kms_master_key_id", value_of(default["KMSMasterKeyID"])))
    body: list[tuple[str, Any] | Block] = [Block("apply_server_side_encryption_by_default", (), inner)]
    if "BucketKeyEnabled" in merged:
        body.append(("bucket_key_enabled", value_of(merged["BucketKeyEnabled"])))
    if "BlockedEncryptionTypes" in merged:
        body.append(("blocked_encryption_types", list(merged["BlockedEncryptionTypes"]["EncryptionType"])))
    return Block("rule", (), body)


def _rule(rule: Mapping[str, Any]) -> Block:
    body: list[tuple[str, Any] | Block] = [
        ("id", rule["ID"]),
        ("status", rule["Status"]),
        Block("filter", (), [("prefix", value_of(rule["Filter"]["Prefix"]))]),
    ]
    parts = ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    body += [Block(snake(part), (), _arguments(rule[part])) for part in parts if part in rule]
    return Block("rule", (), body)


def _bucket_policies() -> list[Block]:
    documents = {"media": Document.MEDIA_BUCKET, "logs": Document.LOG_BUCKET}
    return [
        Block(
            "resource",
            ("aws_s3_bucket_policy", label),
            [("bucket", Raw(f"aws_s3_bucket.{label}.id")), ("policy", Raw(_json(found)))],
        )
        for label, found in documents.items()
    ]


def _json(found: Document) -> str:
    return f"data.aws_iam_policy_document.{found.value}.json"


def _count(condition: str) -> tuple[str, Any]:
    return ("count", Raw(f"{_is(condition)} ? 1 : 0"))


def _key() -> list[Block]:
    exists = EXISTS[Document.KEY]
    key = Block(
        "resource",
        ("aws_kms_key", "media"),
        [
            _count(exists),
            ("description", "Objects of Reelkeep for ${var.name}"),
            ("enable_key_rotation", True),
            ("deletion_window_in_days", 30),
            ("policy", Raw(_json(Document.KEY))),
            Block("lifecycle", (), [("prevent_destroy", True)]),
        ],
    )
    alias = [
        _count(exists),
        ("name", "alias/reelkeep-${var.name}"),
        ("target_key_id", Raw("aws_kms_key.media[0].key_id")),
    ]
    wrapping = Block(
        "resource",
        ("aws_kms_key", "wrapping"),
        [
            _count(EXISTS[Document.WRAPPING_KEY]),
            ("description", "Wraps the company key of ${var.name} in Reelkeep; without it no proxy opens"),
            ("enable_key_rotation", True),
            ("deletion_window_in_days", 30),
            ("policy", Raw(_json(Document.WRAPPING_KEY))),
            Block("lifecycle", (), [("prevent_destroy", True)]),
        ],
    )
    return [key, Block("resource", ("aws_kms_alias", "media"), alias), wrapping]


def _roles(rows: Sequence[Setting | Statement]) -> list[Block]:
    blocks = []
    for label, (holder, found) in _ROLES.items():
        length = settings_of(rows, holder)[Kind.SESSION_LENGTH][0]
        counted = [_count(EXISTS[holder])] if holder in EXISTS else []
        role: list[tuple[str, Any] | Block] = [
            *counted,
            ("name", Raw(f"local.{label}_role_name")),
            ("max_session_duration", length.value["MaxSessionDuration"]),
            ("assume_role_policy", Raw(_json(Document.TRUST))),
        ]
        policy: list[tuple[str, Any] | Block] = [
            *counted,
            ("name", label),
            ("role", Raw(f"aws_iam_role.{label}{'[0]' if counted else ''}.id")),
            ("policy", Raw(_json(found))),
        ]
        blocks.append(Block("resource", ("aws_iam_role", label), role))
        blocks.append(Block("resource", ("aws_iam_role_policy", label), policy))
    return blocks


def _trail() -> list[Block]:
    def selector(name: str, how: str, value: Any) -> Block:
        return Block("field_selector", (), [("field", name), (how, [value])])

    events = Block(
        "advanced_event_selector",
        (),
        [
            ("name", "Every access to an object of the media bucket"),
            selector("eventCategory", "equals", "Data"),
            selector("resources.type", "equals", "AWS::S3::Object"),
            selector("resources.ARN", "starts_with", "${aws_s3_bucket.media.arn}/"),
        ],
    )
    body: list[tuple[str, Any] | Block] = [
        _count(EXISTS[Holder.TRAIL]),
        ("name", Raw("local.trail_name")),
        ("enable_logging", True),
        ("is_multi_region_trail", False),
        ("include_global_service_events", False),
        ("enable_log_file_validation", True),
        ("s3_bucket_name", Raw("aws_s3_bucket.logs.id")),
        ("s3_key_prefix", TRAIL_PREFIX),
        events,
        ("depends_on", Raw("[aws_s3_bucket_policy.logs]")),
    ]
    return [Block("resource", ("aws_cloudtrail", "media"), body, inner_notes=_skips("Trail"))]


def _documents(rows: Sequence[Setting | Statement]) -> list[Block]:
    return [
        Block(
            "data",
            ("aws_iam_policy_document", found.value),
            [_statement(row) for row in statements_of(rows, found)],
            inner_notes=_skips(f"document/{found.value}"),
        )
        for found in Document
    ]


def _statement(row: Statement) -> Block:
    body: list[tuple[str, Any] | Block] = [("sid", row.id), ("effect", value_of(row.effect))]
    body.append(("actions", list(row.actions)))
    if row.resources:
        body.append(("resources", value_of(row.resources)))
    if row.principal is not None:
        kinds = {"*": "*"} if row.principal == "*" else row.principal
        body += [
            Block("principals", (), [("type", kind), ("identifiers", [value_of(who)])]) for kind, who in kinds.items()
        ]
    for operator, keys in row.conditions.items():
        body += _condition(operator, keys)
    if row.when is None or row.when == EXISTS.get(row.document):
        return Block("statement", (), body, notes=(row.reason,))
    when: list[tuple[str, Any] | Block] = [
        ("for_each", Raw(f"{_is(row.when)} ? [1] : []")),
        Block("content", (), body),
    ]
    return Block("dynamic", ("statement",), when, notes=(row.reason,))


def _condition(operator: str, keys: Any) -> list[Block]:
    if isinstance(keys, Only):
        inner = _condition(operator, keys.value)
        each: tuple[str, Any] = ("for_each", Raw(f"{_is(keys.condition)} ? [1] : []"))
        return [Block("dynamic", ("condition",), [each, Block("content", (), block.body)]) for block in inner]
    return [
        Block("condition", (), [("test", operator), ("variable", name), ("values", value_of(values))])
        for name, values in keys.items()
    ]


def _outputs(version: int) -> list[Block]:
    blocks = []
    for output in OUTPUTS:
        value = output.value(version)
        given = value_of(Only(output.when, value)) if output.when else value_of(value)
        blocks.append(Block("output", (snake(output.name),), [("description", output.what), ("value", given)]))
    command = "terraform apply -var platform_access=Revoked"
    blocks.append(Block("output", (snake(REVOKE_NAME),), [("description", REVOKE_WHAT), ("value", command)]))
    return blocks
