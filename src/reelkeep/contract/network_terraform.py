"""The parts of a closed network as Terraform modules, equal to the CloudFormation templates. Pure; no I/O.

Follows the documentation of the provider hashicorp/aws 6 (November 2026).
"""

from __future__ import annotations

from typing import Any, Final

from reelkeep.contract.hcl import Block, Call, Raw, document
from reelkeep.contract.network import (
    CHECKOV,
    DRAIN_SECONDS,
    GROUP,
    HTTPS,
    OBJECT_ACTIONS,
    Alias,
    Balancer,
    Endpoint,
    Group,
    Listener,
    Output,
    Parameter,
    Part,
    Service,
    Side,
    Targets,
    Zone,
)
from reelkeep.contract.table import POLICY_LANGUAGE
from reelkeep.contract.terraform import snake, versions

HEAD: Final = "# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.\n\n"
_TYPES: Final[dict[type[Part], str]] = {
    Group: "aws_security_group",
    Endpoint: "aws_vpc_endpoint",
    Zone: "aws_route53_zone",
    Alias: "aws_route53_record",
    Balancer: "aws_lb",
    Targets: "aws_lb_target_group",
    Listener: "aws_lb_listener",
    Service: "aws_vpc_endpoint_service",
}
Body = list[tuple[str, Any] | Block]


def files(side: Side) -> dict[str, str]:
    """Return the files of a side's module by name."""
    types = {part.name: _TYPES[type(part)] for part in side.parts}
    data = [
        Block("data", ("aws_region", "current")),
        Block("data", ("aws_partition", "current")),
    ]
    blocks = [_block(part, types) for part in side.parts]
    return {
        "main.tf": HEAD + document([*data, *blocks]),
        "variables.tf": HEAD + document([_variable(one) for one in side.parameters]),
        "outputs.tf": HEAD + document([_output(one, types) for one in side.outputs]),
        "versions.tf": HEAD + document([versions()]),
    }


def _variable(one: Parameter) -> Block:
    kind = "list(string)" if one.is_list else "string"
    name = snake(one.name)
    pattern = one.pattern.replace("\\", "\\\\")
    what = "item" if one.is_list else f"var.{name}"
    holds = f'can(regex("{pattern}", {what}))'
    test = f"alltrue([for item in var.{name} : {holds}])" if one.is_list else holds
    rule = Block("validation", (), [("condition", Raw(test)), ("error_message", f"{one.what}.")])
    return Block("variable", (name,), [("type", Raw(kind)), ("description", one.what), rule])


def _block(part: Part, types: dict[str, str]) -> Block:
    skips = tuple(f"checkov:skip={check}:{why}" for check, why in CHECKOV.get(part.name, {}).items())
    labels = (types[part.name], snake(part.name))
    return Block("resource", labels, _body(part, types), notes=(part.reason,), inner_notes=skips)


def _body(part: Part, types: dict[str, str]) -> Body:
    def of(name: str, attribute: str) -> Raw:
        return Raw(f"{types[name]}.{snake(name)}.{attribute}")

    def var(name: str) -> Raw:
        return Raw(f"var.{snake(name)}")

    match part:
        case Group():
            rule = [("protocol", "tcp"), ("from_port", HTTPS), ("to_port", HTTPS), ("description", "HTTPS")]
            return [
                ("description", GROUP),
                ("vpc_id", var("VpcId")),
                Block("ingress", (), [*rule, ("cidr_blocks", [var(part.network)])]),
            ]  # without a rule the provider lets nothing out
        case Endpoint():
            return _endpoint(part, of(part.group, "id"))
        case Zone():
            return [("name", var(part.host)), Block("vpc", (), [("vpc_id", var("VpcId"))])]
        case Alias():
            target = [
                ("name", of(part.endpoint, "dns_entry[0].dns_name")),
                ("zone_id", of(part.endpoint, "dns_entry[0].hosted_zone_id")),
                ("evaluate_target_health", False),
            ]
            where: Body = [("zone_id", of(part.zone, "zone_id")), ("name", var(part.host)), ("type", "A")]
            return [*where, Block("alias", (), target)]
        case Balancer():
            return [
                ("load_balancer_type", "network"),
                ("internal", True),
                ("subnets", var("SubnetIds")),
                ("enable_deletion_protection", True),
                ("enable_cross_zone_load_balancing", True),
            ]
        case Targets():
            return [
                ("protocol", "TCP"),
                ("port", var(part.port)),
                ("target_type", "instance"),
                ("vpc_id", var("VpcId")),
                ("proxy_protocol_v2", True),
                ("preserve_client_ip", False),
                ("deregistration_delay", DRAIN_SECONDS),
                Block("health_check", (), [("protocol", "TCP")]),
            ]
        case Listener():
            forward = [("type", "forward"), ("target_group_arn", of(part.targets, "arn"))]
            at: Body = [("load_balancer_arn", of(part.balancer, "arn")), ("protocol", "TCP"), ("port", HTTPS)]
            return [*at, Block("default_action", (), forward)]
        case Service():
            return [
                ("network_load_balancer_arns", [of(part.balancer, "arn")]),
                ("acceptance_required", True),
                ("allowed_principals", var(part.principals)),
            ]
        case _:
            raise TypeError(f"no resource of Terraform for {type(part).__name__}")


def _endpoint(part: Endpoint, group: Raw) -> Body:
    is_text = "{Region}" in part.service
    service = part.service.replace("{Region}", "${data.aws_region.current.region}")
    found: Body = [
        ("vpc_endpoint_type", "Interface"),
        ("service_name", service if is_text else Raw(f"var.{snake(part.service)}")),
        ("vpc_id", Raw("var.vpc_id")),
        ("subnet_ids", Raw("var.subnet_ids")),
        ("security_group_ids", [group]),
        ("private_dns_enabled", False),
    ]
    if part.bucket:
        arn = f"arn:${{data.aws_partition.current.partition}}:s3:::${{var.{snake(part.bucket)}}}/*"
        allow = {"Effect": "Allow", "Principal": "*", "Action": list(OBJECT_ACTIONS), "Resource": [arn]}
        found.append(("policy", Call("jsonencode", {"Version": POLICY_LANGUAGE, "Statement": [allow]})))
    return found


def _output(one: Output, types: dict[str, str]) -> Block:
    name, what = one.value
    attribute = {"dns": "dns_entry[0].dns_name", "service": "service_name"}.get(what, "id")
    value = Raw(f"{types[name]}.{snake(name)}.{attribute}")
    return Block("output", (snake(one.name),), [("description", one.what), ("value", value)])
