"""The closed network as data: what the company's and the operator's account need, part by part. Pure; no I/O.

Both templates of a side, CloudFormation and Terraform, are rendered from this. Follows the AWS PrivateLink Guide, the
Elastic Load Balancing guide for Network Load Balancers and the Amazon S3 User Guide ("AWS PrivateLink for Amazon S3"),
November 2026. Not verified on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HTTPS: Final = 443
GROUP: Final = "Reelkeep, HTTPS from one network"  # EC2 takes few characters in a group's description
DRAIN_SECONDS: Final = 30
STORAGE_SERVICE: Final = "com.amazonaws.{Region}.s3"  # holes: Region of the stack
OBJECT_ACTIONS: Final = ("s3:GetObject", "s3:PutObject")  # all that signed links are made for; a part is a PutObject


@dataclass(frozen=True)
class Parameter:
    """What whoever deploys a side says.

    Args:
        pattern: that a text, or each item of a list, has.
        kind: as CloudFormation names it; lists are comma-separated there.
    """

    name: str
    what: str
    pattern: str
    is_list: bool = False
    kind: str = "String"


@dataclass(frozen=True)
class Part:
    """One resource. ``name`` is its logical name in CloudFormation; in Terraform its label, in snake case."""

    name: str
    reason: str


@dataclass(frozen=True)
class Group(Part):
    """A security group that lets one network in at HTTPS and nothing out: answers need no rule of their own."""

    network: str  # a parameter


@dataclass(frozen=True)
class Endpoint(Part):
    """An interface endpoint in the subnets of ``SubnetIds``.

    Args:
        service: a text with the hole {Region}, or the name of a parameter.
        bucket: a parameter; the endpoint then leads to objects of this bucket alone. "": to whatever a session allows.
    """

    service: str
    group: str
    bucket: str = ""


@dataclass(frozen=True)
class Zone(Part):
    """A private zone of one host name, so that no other name of its domain is answered differently."""

    host: str  # a parameter


@dataclass(frozen=True)
class Alias(Part):
    """The one record of a zone: the host name leads to an endpoint."""

    zone: str
    host: str
    endpoint: str


@dataclass(frozen=True)
class Balancer(Part):
    """A network load balancer without a public address. It passes TLS on and opens nothing."""


@dataclass(frozen=True)
class Targets(Part):
    """The gateways behind the balancer: they get a PROXY header of version 2, and see the balancer's own address.

    Args:
        port: a parameter: where the gateway expects the header.
    """

    port: str


@dataclass(frozen=True)
class Listener(Part):
    balancer: str
    targets: str


@dataclass(frozen=True)
class Service(Part):
    """An endpoint service: companies' endpoints lead to the balancer, once the operator has let each of them in."""

    balancer: str
    principals: str  # a parameter


@dataclass(frozen=True)
class Output:
    """What a side gives back. ``value``: a part's name and "id", "dns" (its first name) or "service" (its name)."""

    name: str
    what: str
    value: tuple[str, str]


@dataclass(frozen=True)
class Side:
    folder: str  # of the Terraform module; the template's name, too
    title: str
    parameters: tuple[Parameter, ...]
    parts: tuple[Part, ...]
    outputs: tuple[Output, ...]


_VPC: Final = Parameter("VpcId", "The network", r"^vpc-[0-9a-f]{8,17}$", kind="AWS::EC2::VPC::Id")
_SUBNETS: Final = Parameter(
    "SubnetIds",
    "Its subnets, in two availability zones at least",
    r"^subnet-[0-9a-f]{8,17}$",
    is_list=True,
    kind="List<AWS::EC2::Subnet::Id>",
)
_NETWORK_PATTERN: Final = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"
_HOST_PATTERN: Final = r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}$"

COMPANY: Final = Side(
    "network",
    "Reelkeep, the company's side of a closed network: endpoints for its bucket and for its site",
    (
        _VPC,
        _SUBNETS,
        Parameter("StudioNetwork", "From where people come, such as 10.0.0.0/8", _NETWORK_PATTERN),
        Parameter("BucketName", "The media bucket", r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"),
        Parameter(
            "SiteServiceName",
            "The operator's endpoint service, as they tell it",
            r"^com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]{8,17}$",
        ),
        Parameter("AppHost", "Host name of the site, such as acme.example.org", _HOST_PATTERN),
        Parameter("MediaHost", "Host name of its media, such as acme-media.example.org", _HOST_PATTERN),
    ),
    (
        Group("EndpointGroup", "The studio alone reaches the endpoints, at HTTPS alone.", "StudioNetwork"),
        Endpoint(
            "StorageEndpoint",
            "Media goes through here; nothing but signed links to objects of the one bucket passes.",
            STORAGE_SERVICE,
            "EndpointGroup",
            "BucketName",
        ),
        Endpoint("SiteEndpoint", "The site is reached through here.", "SiteServiceName", "EndpointGroup"),
        Zone("AppZone", "The site's name leads to the endpoint, in this network alone.", "AppHost"),
        Alias("AppRecord", "The name of pages and API.", "AppZone", "AppHost", "SiteEndpoint"),
        Zone("MediaZone", "The media's name leads there, too.", "MediaHost"),
        Alias("MediaRecord", "The name of segments and licences.", "MediaZone", "MediaHost", "SiteEndpoint"),
    ),
    (
        Output("SiteEndpointId", "For Reelkeep's Network page", ("SiteEndpoint", "id")),
        Output("StorageEndpointId", "For AllowedEndpoints of the storage stack", ("StorageEndpoint", "id")),
        Output("StorageEndpointName", "What the operator gives as --client-endpoint", ("StorageEndpoint", "dns")),
    ),
)
OPERATOR: Final = Side(
    "network-operator",
    "Reelkeep, the operator's side of closed networks: the site as an endpoint service, and a way to buckets",
    (
        _VPC,
        _SUBNETS,
        Parameter("PlatformNetwork", "Network of the platform's hosts, such as 10.20.0.0/16", _NETWORK_PATTERN),
        Parameter("GatewayPort", "Port of the gateway's listener for PROXY headers", r"^[0-9]{2,5}$"),
        Parameter(
            "CompanyPrincipals",
            "Accounts that may ask for an endpoint, as arn:aws:iam::ACCOUNT:root",
            r"^arn:aws[a-z-]*:iam::[0-9]{12}:(root|role/.+|user/.+)$",
            is_list=True,
            kind="CommaDelimitedList",
        ),
    ),
    (
        Balancer("SiteBalancer", "Companies' endpoints lead here; it has no public address."),
        Targets("Gateways", "A PROXY header tells the gateway through whose endpoint somebody came.", "GatewayPort"),
        Listener("SiteListener", "TLS passes through; it ends in the company's own process.",
                 "SiteBalancer", "Gateways"),
        Service("SiteService", "Nobody's endpoint leads here before the operator let it in.", "SiteBalancer",
                "CompanyPrincipals"),
        Group("StorageGroup", "The platform's hosts alone use the endpoint for buckets.", "PlatformNetwork"),
        Endpoint("StorageEndpoint", "The platform's own requests to isolated buckets go through here.",
                 STORAGE_SERVICE, "StorageGroup"),
    ),
    (
        Output("SiteServiceName", "What companies give as SiteServiceName", ("SiteService", "service")),
        Output("GatewaysId", "The target group: register the gateways' hosts here", ("Gateways", "id")),
        Output("StorageEndpointId", "What companies add to AllowedEndpoints", ("StorageEndpoint", "id")),
        Output("StorageEndpointName", "What is given as --platform-endpoint", ("StorageEndpoint", "dns")),
    ),
)  # fmt: skip
SIDES: Final = (COMPANY, OPERATOR)
CHECKOV: Final = {  # what the scanner asks for and is done otherwise, with the reason; ids: checkov 3.3
    "SiteBalancer": {
        "CKV_AWS_91": "It logs TLS that it opens itself; here TLS passes through, and the gateway counts connections.",
    },
}
