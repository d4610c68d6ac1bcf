"""The templates of a closed network: CloudFormation and Terraform come to what the data says, part by part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from tests.unit.contract.cloudformation_values import Template
from tests.unit.contract.hcl_values import Module

from reelkeep.cli.app import main
from reelkeep.contract import network
from reelkeep.contract.network import SIDES, Endpoint, Group, Service, Side, Targets
from reelkeep.contract.terraform import snake

ROOT: Final = Path(__file__).parents[3]
REGION: Final = "eu-west-1"
GIVEN: Final[dict[str, Any]] = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"],
    "StudioNetwork": "10.0.0.0/8",
    "PlatformNetwork": "10.20.0.0/16",
    "BucketName": "acme-media",
    "SiteServiceName": "com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0",
    "AppHost": "acme.example.org",
    "MediaHost": "acme-media.example.org",
    "GatewayPort": "8443",
    "CompanyPrincipals": ["arn:aws:iam::111111111111:root"],
}


def cloudformation(side: Side) -> dict[str, dict[str, Any]]:
    """Return the properties of each resource, with references as ``name`` or ``name.attribute``."""
    text = (ROOT / f"deploy/cloudformation/{side.folder}.yaml").read_text(encoding="utf-8")
    given = {name: ",".join(value) if isinstance(value, list) else value for name, value in GIVEN.items()}
    made = {"AWS::Region": REGION, "AWS::Partition": "aws"}
    made |= {part.name: part.name for part in side.parts}
    made |= {f"{part.name}.DnsEntries": [f"zone-of-{part.name}:{part.name}.example"] for part in side.parts}  # type: ignore[misc]
    template = Template(text, given, made)
    template._parameters |= {name: value for name, value in GIVEN.items() if isinstance(value, list)}
    return {name: body["Properties"] for name, body in template.resources().items()}


def terraform(side: Side) -> dict[str, dict[str, Any]]:
    """Return the arguments of each resource by its label."""
    made: dict[str, Any] = {"data.aws_region.current.region": REGION, "data.aws_partition.current.partition": "aws"}
    folder = ROOT / f"deploy/terraform/{side.folder}"
    for part in side.parts:
        for kind in ("aws_security_group", "aws_vpc_endpoint", "aws_lb", "aws_lb_target_group", "aws_route53_zone"):
            for attribute in ("id", "arn", "zone_id"):
                made[f"{kind}.{snake(part.name)}.{attribute}"] = part.name
        made[f"aws_vpc_endpoint.{snake(part.name)}.dns_entry[0].dns_name"] = f"{part.name}.example"
        made[f"aws_vpc_endpoint.{snake(part.name)}.dns_entry[0].hosted_zone_id"] = f"zone-of-{part.name}"
    variables = {snake(name): value for name, value in GIVEN.items()}
    module = Module(folder, variables, made)
    found = {}
    for block in module.parsed["main.tf"]["resource"]:
        for _, labels in ((kind, body) for kind, body in block.items() if not kind.startswith("__")):
            for label, body in labels.items():
                plain = {name: item for name, item in body.items() if name != "policy"}
                found[label.strip('"')] = {**module.body(plain), "has_policy": "policy" in body}
    return found


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.folder)
def test_both_forms_come_to_what_the_data_says(side: Side) -> None:
    stack, module = cloudformation(side), terraform(side)
    assert set(module) == {snake(part.name) for part in side.parts}
    for part in side.parts:
        one, other = stack[part.name], module[snake(part.name)]
        match part:
            case Group():
                (rule,), (out,) = one["SecurityGroupIngress"], one["SecurityGroupEgress"]
                wanted = ("tcp", 443, 443, GIVEN[part.network])
                assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]) == wanted
                (ingress,) = other["ingress"]
                assert (ingress["protocol"].strip('"'), ingress["from_port"], ingress["to_port"]) == wanted[:3]
                assert ingress["cidr_blocks"] == [GIVEN[part.network]]
                assert (out["CidrIp"], "egress" in other) == ("127.0.0.1/32", False)
            case Endpoint():
                service = GIVEN.get(part.service) or f"com.amazonaws.{REGION}.s3"
                assert (one["ServiceName"], one["SecurityGroupIds"], one["SubnetIds"]) == (
                    other["service_name"],
                    other["security_group_ids"],
                    other["subnet_ids"],
                )
                assert (one["ServiceName"], one["SecurityGroupIds"]) == (service, [part.group])
                assert (one["PrivateDnsEnabled"], other["private_dns_enabled"]) == (False, False)
                assert ("PolicyDocument" in one) is other["has_policy"] is bool(part.bucket)
                if part.bucket:
                    (allow,) = one["PolicyDocument"]["Statement"]
                    assert (allow["Action"], allow["Resource"]) == (
                        ["s3:GetObject", "s3:PutObject"],
                        ["arn:aws:s3:::acme-media/*"],
                    )
            case Targets():
                attributes = {each["Key"]: each["Value"] for each in one["TargetGroupAttributes"]}
                assert attributes["proxy_protocol_v2.enabled"] == "true"
                assert attributes["preserve_client_ip.enabled"] == "false"
                assert (other["proxy_protocol_v2"], other["preserve_client_ip"]) == (True, False)
            case Service():
                assert one["AcceptanceRequired"] is other["acceptance_required"] is True
                permitted = stack[f"{part.name}Permissions"]["AllowedPrincipals"]
                assert permitted == other["allowed_principals"] == GIVEN[part.principals]
            case network.Alias():
                alias = one["AliasTarget"]
                (target,) = other["alias"]
                assert (alias["DNSName"], alias["HostedZoneId"]) == (target["name"], target["zone_id"])
                assert one["Name"] == other["name"] == GIVEN[part.host]
            case network.Balancer():
                assert (one["Scheme"], other["internal"]) == ("internal", True)
            case network.Listener():
                assert (one["Port"], one["Protocol"], other["port"]) == (443, "TCP", 443)
            case network.Zone():
                assert one["Name"] == other["name"] == GIVEN[part.host]


def test_the_command_prints_either_side_in_either_form(capsys: pytest.CaptureFixture[str]) -> None:
    for side, folder in (("company", "network"), ("operator", "network-operator")):
        assert main(["network", "template", "--side", side, "--json"]) == 0
        fields = json.loads(capsys.readouterr().out)
        assert fields["template"] == (ROOT / f"deploy/cloudformation/{folder}.yaml").read_text(encoding="utf-8")
        assert main(["network", "template", "--side", side, "--format", "terraform"]) == 0
        assert 'resource "aws_vpc_endpoint" "storage_endpoint"' in capsys.readouterr().out
