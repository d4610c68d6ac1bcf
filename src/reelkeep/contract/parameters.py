"""What a company chooses when it deploys the contract, and the conditions that follow from it. Pure; no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.contract.expressions import Facts, Sub
from reelkeep.errors import StorageSetupError

ARN_PATTERN: Final = r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/*-]{1,128}"
NETWORK_PATTERN: Final = r"[0-9a-fA-F.:]{2,39}/[0-9]{1,3}"
ORIGIN_PATTERN: Final = r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?"
BUCKET_PATTERN: Final = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"  # no dots: a name with dots breaks TLS on AWS
LONG_AGO: Final = "2020-01-01T00:00:00Z"


@dataclass(frozen=True)
class Parameter:
    """One parameter of both templates.

    Args:
        pattern: of a text, whole, or of every item of a list; "" leaves it to ``allowed`` or to the range.
        default: None where the company or the operator must say; a list has its items joined by commas.
        since: version of the contract that brought it.
    """

    name: str
    group: str
    what: str
    default: str | None = None
    pattern: str = ""
    allowed: tuple[str, ...] = ()
    lowest: int | None = None
    highest: int | None = None
    is_list: bool = False
    since: int = 1

    @property
    def is_number(self) -> bool:
        return self.lowest is not None


_PLATFORM, _BUCKET, _ACCESS, _OPTIONS = "The platform", "The bucket", "Who else", "Options"

PARAMETERS: Final[tuple[Parameter, ...]] = (
    Parameter(
        "Name",
        _PLATFORM,
        "Short name of your company; stands in the names of the roles.",
        pattern=r"[a-z0-9][a-z0-9-]{0,15}",
    ),
    Parameter(
        "PlatformAccountId",
        _PLATFORM,
        "AWS account of the operator of Reelkeep, which may ask for sessions.",
        pattern="[0-9]{12}",
    ),
    Parameter(
        "PlatformPrincipalArn",
        _PLATFORM,
        "The one role or user of that account which may; a name, so it may be made anew.",
        pattern=ARN_PATTERN,
    ),
    Parameter(
        "ExternalId",
        _PLATFORM,
        "Made by the platform for your company alone; no secret, and never to be changed by hand.",
        pattern="[A-Za-z0-9_-]{16,64}",
    ),
    Parameter(
        "SiteOrigins",
        _PLATFORM,
        "Addresses of your company's pages, from which browsers upload.",
        pattern=ORIGIN_PATTERN,
        is_list=True,
    ),
    Parameter(
        "PlatformAccess",
        _PLATFORM,
        "Revoked cuts the platform off: no session, no object, no key.",
        default="Enabled",
        allowed=("Enabled", "Revoked"),
    ),
    Parameter(
        "SessionsIssuedAfter",
        _PLATFORM,
        "Sessions from before this time (UTC) are refused for good; set it to now whenever you enable access again.",
        default=LONG_AGO,
        pattern=r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z",
    ),
    Parameter(
        "BucketName",
        _BUCKET,
        "Empty: reelkeep-NAME-ACCOUNT-REGION-an, which no other account can ever take over.",
        default="",
        pattern=f"({BUCKET_PATTERN})?",
    ),
    Parameter(
        "Prefix",
        _BUCKET,
        "Below which everything lies, ending in a slash; empty for the whole bucket.",
        default="",
        pattern=r"([A-Za-z0-9!_.()=+@-]+/)*",
    ),
    Parameter(
        "Encryption",
        _BUCKET,
        "Default encryption at rest.",
        default="SSE-KMS",
        allowed=("SSE-S3", "SSE-KMS", "DSSE-KMS"),
    ),
    Parameter(
        "KmsKeyArn",
        _BUCKET,
        "A key of your own for SSE-KMS or DSSE-KMS; empty: the stack makes one.",
        default="",
        pattern=r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64})?",
    ),
    Parameter(
        "UnfinishedUploadDays",
        _BUCKET,
        "Unfinished uploads are removed this long after they began; a large file on a slow line takes days.",
        default="14",
        lowest=3,
        highest=90,
    ),
    Parameter(
        "NoncurrentDays",
        _BUCKET,
        "Deleted and replaced objects can be brought back for this long.",
        default="30",
        lowest=1,
        highest=3650,
    ),
    Parameter(
        "AdminArns",
        _ACCESS,
        "Roles or users of your own that may reach objects; nobody else in your account may.",
        default="",
        pattern=ARN_PATTERN,
        is_list=True,
    ),
    Parameter(
        "CopyRoleArns",
        _ACCESS,
        "Roles of S3 Replication and S3 Batch Operations, which are no AWS service to a policy.",
        default="",
        pattern=ARN_PATTERN,
        is_list=True,
    ),
    Parameter(
        "AllowedNetworks",
        _ACCESS,
        "Address ranges from which objects may be reached; empty with no endpoint: anywhere.",
        default="",
        pattern=NETWORK_PATTERN,
        is_list=True,
    ),
    Parameter(
        "AllowedEndpoints",
        _ACCESS,
        "VPC endpoints through which objects may be reached.",
        default="",
        pattern=r"vpce-[0-9a-f]{8,32}",
        is_list=True,
    ),
    Parameter(
        "WriteOnceOriginals",
        _OPTIONS,
        "Yes: an original can be written once and never replaced. Migrate first.",
        default="No",
        allowed=("No", "Yes"),
    ),
    Parameter(
        "CompanyKeyWrap",
        _OPTIONS,
        "On: the stack makes a key that wraps your company key besides the operator's; no proxy opens without both.",
        default="Off",
        allowed=("Off", "On"),
        since=2,
    ),
    Parameter(
        "AllowPurge",
        _OPTIONS,
        "Yes: the purge role exists, and the platform may delete versions for good.",
        default="No",
        allowed=("No", "Yes"),
    ),
    Parameter(
        "LogRetentionDays",
        _OPTIONS,
        "How long access logs are kept.",
        default="365",
        lowest=30,
        highest=3650,
    ),
    Parameter(
        "DataEventTrail",
        _OPTIONS,
        "On: CloudTrail records every access to an object within minutes. AWS charges for it.",
        default="Off",
        allowed=("Off", "On"),
    ),
)
BY_NAME: Final[Mapping[str, Parameter]] = {parameter.name: parameter for parameter in PARAMETERS}


@dataclass(frozen=True)
class Is:
    """True while the parameter has this value; a list is "" when it is empty."""

    parameter: str
    value: str


@dataclass(frozen=True)
class Not:
    term: Term


@dataclass(frozen=True)
class All:
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class AnyOf:
    terms: tuple[Term, ...]


Term = Is | Not | All | AnyOf

CONDITIONS: Final[Mapping[str, Term]] = {
    "IsRevoked": Is("PlatformAccess", "Revoked"),
    "IsNamed": Not(Is("BucketName", "")),
    "UsesKms": Not(Is("Encryption", "SSE-S3")),
    "UsesTwoLayers": Is("Encryption", "DSSE-KMS"),
    "MakesKey": All((Not(Is("Encryption", "SSE-S3")), Is("KmsKeyArn", ""))),
    "HasAdmins": Not(Is("AdminArns", "")),
    "HasCopyRoles": Not(Is("CopyRoleArns", "")),
    "LimitsNetworks": Not(Is("AllowedNetworks", "")),
    "LimitsEndpoints": Not(Is("AllowedEndpoints", "")),
    "IsLimited": AnyOf((Not(Is("AllowedNetworks", "")), Not(Is("AllowedEndpoints", "")))),
    "IsWriteOnce": Is("WriteOnceOriginals", "Yes"),
    "WrapsCompanyKey": Is("CompanyKeyWrap", "On"),
    "HasPurge": Is("AllowPurge", "Yes"),
    "HasTrail": Is("DataEventTrail", "On"),
}
# The condition that says a list is not empty.
NOT_EMPTY: Final[Mapping[str, str]] = {
    "AdminArns": "HasAdmins",
    "CopyRoleArns": "HasCopyRoles",
    "AllowedNetworks": "LimitsNetworks",
    "AllowedEndpoints": "LimitsEndpoints",
}

# Names that follow from the parameters. Roles are named and not referred to, so that nothing refers in a circle.
ROLE_NAMES: Final[Mapping[str, Sub]] = {
    "MediaRole": Sub("reelkeep-{Name}-media"),
    "AuditRole": Sub("reelkeep-{Name}-audit"),
    "PurgeRole": Sub("reelkeep-{Name}-purge"),
}
TRAIL_NAME: Final = Sub("reelkeep-{Name}")
ACCOUNT_REGIONAL: Final = {
    "MediaBucket": Sub("reelkeep-{Name}-{AccountId}-{Region}-an"),
    "LogBucket": Sub("reelkeep-{Name}-logs-{AccountId}-{Region}-an"),
}
NAMED_LOG_BUCKET: Final = Sub("{BucketName}-logs")


@dataclass(frozen=True)
class Place:
    account_id: str
    region: str
    partition: str = "aws"


def facts(
    chosen: Mapping[str, str | tuple[str, ...]], place: Place, *, key_arn: str = "", wrapping_key_arn: str = ""
) -> Facts:
    """Return what a stack with these parameters comes to; parameters that are not given have their defaults.

    Args:
        key_arn: of the key for objects that the stack made, if it made one.
        wrapping_key_arn: of the key that wraps the company key, if the stack made one.

    Raises:
        StorageSetupError: a parameter is unknown, missing, or not of its form.
    """
    if unknown := sorted(set(chosen) - set(BY_NAME)):
        raise StorageSetupError(f"the template has no parameter {unknown[0]}")
    names: dict[str, str | tuple[str, ...]] = {
        parameter.name: check(parameter, chosen.get(parameter.name, parameter.default)) for parameter in PARAMETERS
    }
    found = frozenset(name for name, term in CONDITIONS.items() if _holds(term, names))
    names |= {"AccountId": place.account_id, "Region": place.region, "Partition": place.partition}

    def text(sub: Sub) -> str:
        return sub.filled({name: value for name, value in names.items() if isinstance(value, str)})

    regional = {name: text(sub) for name, sub in ACCOUNT_REGIONAL.items()}
    given = {"MediaBucket": text(Sub("{BucketName}")), "LogBucket": text(NAMED_LOG_BUCKET)}
    names |= given if "IsNamed" in found else regional
    names |= {f"{name}Arn": text(Sub(f"arn:{{Partition}}:s3:::{{{name}}}")) for name in regional}
    for role, sub in ROLE_NAMES.items():
        names[f"{role}Arn"] = text(Sub(f"arn:{{Partition}}:iam::{{AccountId}}:role/{sub.text}"))
    names["TrailArn"] = text(Sub(f"arn:{{Partition}}:cloudtrail:{{Region}}:{{AccountId}}:trail/{TRAIL_NAME.text}"))
    names["KeyArn"], names["WrappingKeyArn"] = key_arn, wrapping_key_arn
    return Facts(names, found)


def check(parameter: Parameter, value: str | tuple[str, ...] | None) -> str | tuple[str, ...]:
    """Return a parameter's value, a list as a tuple; raise StorageSetupError if it is missing or not of its form."""
    if value is None:
        raise StorageSetupError(f"the template needs the parameter {parameter.name}")
    if parameter.is_list:
        items = tuple(filter(None, value.split(","))) if isinstance(value, str) else value
        if not items and parameter.default is None:
            raise StorageSetupError(f"the template needs the parameter {parameter.name}")
        for item in items:
            _check_text(parameter, item)
        return items
    if not isinstance(value, str):
        raise StorageSetupError(f"{parameter.name} is one value, not a list")
    _check_text(parameter, value)
    return value


def _check_text(parameter: Parameter, text: str) -> None:
    if parameter.is_number:
        good = text.isascii() and text.isdecimal() and parameter.lowest is not None and parameter.highest is not None
        good = good and len(text) <= 4 and (parameter.lowest or 0) <= int(text) <= (parameter.highest or 0)
    elif parameter.allowed:
        good = text in parameter.allowed
    else:
        good = re.fullmatch(parameter.pattern, text) is not None
    if not good:
        raise StorageSetupError(f"{parameter.name} is not of the form that the template takes", advice=parameter.what)


def _holds(term: Term, names: Mapping[str, str | tuple[str, ...]]) -> bool:
    match term:
        case Is(parameter, value):
            return (names[parameter] or "") == value
        case Not(inner):
            return not _holds(inner, names)
        case All(terms):
            return all(_holds(inner, names) for inner in terms)
        case AnyOf(terms):
            return any(_holds(inner, names) for inner in terms)


def open_conditions(names: frozenset[str]) -> frozenset[str]:
    """Return the conditions that depend on one of these parameters."""
    return frozenset(condition for condition, term in CONDITIONS.items() if _mentions(term) & names)


def _mentions(term: Term) -> frozenset[str]:
    match term:
        case Is(parameter):
            return frozenset({parameter})
        case Not(inner):
            return _mentions(inner)
        case All(terms) | AnyOf(terms):
            return frozenset[str]().union(*map(_mentions, terms))
