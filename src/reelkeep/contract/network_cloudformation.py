"""The parts of a closed network as CloudFormation templates. Pure; no I/O.

Follows the CloudFormation resource reference, November 2026.
"""

from __future__ import annotations

from typing import Any, Final

from reelkeep.contract import yaml
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
from reelkeep.contract.yaml import Noted, Tag

HEAD: Final = "# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.\n"
_NOWHERE: Final = "127.0.0.1/32"  # without a rule of its own a group lets everything out


def template(side: Side) -> str:
    """Return a side's template as YAML."""
    resources: dict[str, Any] = {}
    for part in side.parts:
        resources |= _resources(part)
    return HEAD + yaml.document(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": side.title,
            "Parameters": {one.name: _parameter(one) for one in side.parameters},
            "Resources": resources,
            "Outputs": {one.name: {"Description": one.what, "Value": _output(one)} for one in side.outputs},
        }
    )


def _parameter(one: Parameter) -> dict[str, Any]:
    found = {"Type": one.kind, "Description": one.what}
    return found if one.is_list or one.kind != "String" else {**found, "AllowedPattern": one.pattern}


def _resources(part: Part) -> dict[str, Any]:
    resource: dict[str, Any] = {"Type": _TYPES[type(part)]}
    if skipped := CHECKOV.get(part.name):
        skip = [{"id": check, "comment": why} for check, why in skipped.items()]
        resource["Metadata"] = {"checkov": {"skip": skip}}
    resource["Properties"] = _properties(part)
    found: dict[str, Any] = {part.name: Noted(resource, part.reason)}
    if isinstance(part, Service):
        properties = {"ServiceId": Tag("Ref", part.name), "AllowedPrincipals": Tag("Ref", part.principals)}
        permissions = {"Type": "AWS::EC2::VPCEndpointServicePermissions", "Properties": properties}
        found[f"{part.name}Permissions"] = permissions
    return found


def _properties(part: Part) -> dict[str, Any]:
    vpc, subnets = Tag("Ref", "VpcId"), Tag("Ref", "SubnetIds")
    match part:
        case Group():
            let_in = {"IpProtocol": "tcp", "FromPort": HTTPS, "ToPort": HTTPS, "CidrIp": Tag("Ref", part.network)}
            nothing_out = {"IpProtocol": "-1", "CidrIp": _NOWHERE, "Description": "Nothing goes out"}
            return {
                "GroupDescription": GROUP,
                "VpcId": vpc,
                "SecurityGroupIngress": [{**let_in, "Description": "HTTPS from there alone"}],
                "SecurityGroupEgress": [nothing_out],
            }
        case Endpoint():
            return _endpoint(part)
        case Zone():
            return {"Name": Tag("Ref", part.host), "VPCs": [{"VPCId": vpc, "VPCRegion": Tag("Ref", "AWS::Region")}]}
        case Alias():
            first = Tag("Select", [0, Tag("GetAtt", f"{part.endpoint}.DnsEntries")])
            target = {
                "HostedZoneId": Tag("Select", [0, Tag("Split", [":", first])]),
                "DNSName": Tag("Select", [1, Tag("Split", [":", first])]),
            }
            names: dict[str, Any] = {"HostedZoneId": Tag("Ref", part.zone), "Name": Tag("Ref", part.host)}
            return names | {"Type": "A", "AliasTarget": target}
        case Balancer():
            attributes = {"deletion_protection.enabled": "true", "load_balancing.cross_zone.enabled": "true"}
            settings = {"LoadBalancerAttributes": _pairs(attributes)}
            return {"Type": "network", "Scheme": "internal", "Subnets": subnets, **settings}
        case Targets():
            attributes = {
                "proxy_protocol_v2.enabled": "true",
                "preserve_client_ip.enabled": "false",
                "deregistration_delay.timeout_seconds": str(DRAIN_SECONDS),
            }
            where: dict[str, Any] = {"Protocol": "TCP", "Port": Tag("Ref", part.port), "VpcId": vpc}
            return {
                **where,
                "TargetType": "instance",
                "HealthCheckProtocol": "TCP",
                "TargetGroupAttributes": _pairs(attributes),
            }
        case Listener():
            forward = {"Type": "forward", "TargetGroupArn": Tag("Ref", part.targets)}
            at: dict[str, Any] = {"LoadBalancerArn": Tag("Ref", part.balancer), "Protocol": "TCP", "Port": HTTPS}
            return {**at, "DefaultActions": [forward]}
        case Service():
            return {"NetworkLoadBalancerArns": [Tag("Ref", part.balancer)], "AcceptanceRequired": True}
        case _:
            raise TypeError(f"no resource of CloudFormation for {type(part).__name__}")


def _endpoint(part: Endpoint) -> dict[str, Any]:
    is_text = "{Region}" in part.service
    service = part.service.replace("{Region}", "${AWS::Region}")
    found = {
        "VpcEndpointType": "Interface",
        "ServiceName": Tag("Sub", service) if is_text else Tag("Ref", part.service),
        "VpcId": Tag("Ref", "VpcId"),
        "SubnetIds": Tag("Ref", "SubnetIds"),
        "SecurityGroupIds": [Tag("Ref", part.group)],
        "PrivateDnsEnabled": False,
    }
    if part.bucket:
        allow = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": list(OBJECT_ACTIONS),
            "Resource": [Tag("Sub", f"arn:${{AWS::Partition}}:s3:::${{{part.bucket}}}/*")],
        }
        found["PolicyDocument"] = {"Version": POLICY_LANGUAGE, "Statement": [allow]}
    return found


def _output(one: Output) -> Any:
    name, what = one.value
    match what:
        case "dns":
            first = Tag("Select", [0, Tag("GetAtt", f"{name}.DnsEntries")])
            return Tag("Select", [1, Tag("Split", [":", first])])
        case "service":
            return Tag("Sub", f"com.amazonaws.vpce.${{AWS::Region}}.${{{name}}}")
        case _:
            return Tag("Ref", name)


def _pairs(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


_TYPES: Final[dict[type[Part], str]] = {
    Group: "AWS::EC2::SecurityGroup",
    Endpoint: "AWS::EC2::VPCEndpoint",
    Zone: "AWS::Route53::HostedZone",
    Alias: "AWS::Route53::RecordSet",
    Balancer: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    Targets: "AWS::ElasticLoadBalancingV2::TargetGroup",
    Listener: "AWS::ElasticLoadBalancingV2::Listener",
    Service: "AWS::EC2::VPCEndpointService",
}
