"""What a company gives back once its stack stands, in any of the forms in which its tools print it. Pure; no I/O.

Taken are the line of the output *PasteBack*, what ``aws cloudformation describe-stacks`` prints, its list of outputs,
and ``terraform output -json``. Everything in it is a stranger's text: it is bounded and checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from reelkeep.contract import table
from reelkeep.contract.comparison import Known
from reelkeep.contract.expressions import Facts
from reelkeep.contract.parameters import BY_NAME, Parameter, Place, check, facts
from reelkeep.contract.wrapping_statements import SINCE as WRAPPING_SINCE
from reelkeep.errors import StorageSetupError

MAX_CHARACTERS: Final = 200_000  # describe-stacks of a stack of ours prints about 8,000
MAX_TEXT: Final = 2_048
_ROLE: Final = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/([A-Za-z0-9+=,.@_/-]{1,512})")
_NAMED_ROLE: Final = re.compile(r"reelkeep-([a-z0-9][a-z0-9-]{0,15})-media")
_KEY: Final = re.compile(BY_NAME["KmsKeyArn"].pattern)
_OTHER_ACCOUNT: Final = "000000000000"
# Stand in for what was not told; comparisons never look at them.
_ANYTHING: Final = {
    "Name": "x",
    "PlatformAccountId": _OTHER_ACCOUNT,
    "PlatformPrincipalArn": f"arn:aws:iam::{_OTHER_ACCOUNT}:role/x",
    "ExternalId": "x" * 16,
    "SiteOrigins": "https://x",
}
_BOUND: Final = frozenset({"Name", "ExternalId", "Prefix", "Encryption"})  # known of every connection


class PasteRefused(StorageSetupError):
    """This is not what a storage stack gives back."""

    code = "paste_back"
    default_advice = (
        "Paste the line of the stack's output PasteBack, or what `aws cloudformation describe-stacks` says."
    )


@dataclass(frozen=True)
class Stack:
    """A company's stack as the company told of it. Holds no secret."""

    contract: int
    bucket: str
    region: str
    prefix: str  # as the template has it: "" or "a/b/"
    media_role: str
    audit_role: str
    log_bucket: str
    encryption: str
    purge_role: str = ""
    key_arn: str = ""
    wrapping_key: str = ""  # ARN of the key that wraps the company key; "" while CompanyKeyWrap is off
    parameters: Mapping[str, str] = field(default_factory=dict)  # those that were told

    def known(self, external_id: str, own_account: str = "") -> Known:
        """Return the stack as a comparison with the contract needs it.

        Args:
            external_id: of the connection; never the one that was pasted.
            own_account: of the platform; "" if it does not know.

        Raises:
            PasteRefused: its values do not go together.
        """
        named = _ROLE.fullmatch(self.media_role)
        if named is None:
            raise PasteRefused("the media role is no ARN of a role")
        told = {name: value for name, value in self.parameters.items() if name in BY_NAME}
        told |= {"Prefix": self.prefix, "Encryption": self.encryption, "ExternalId": external_id}
        if short := _NAMED_ROLE.fullmatch(named[3]):
            told["Name"] = short[1]
        if own_account:
            told["PlatformAccountId"] = own_account
        if self.purge_role:
            told["AllowPurge"] = "Yes"
        told["CompanyKeyWrap"] = "On" if self.wrapping_key else "Off"
        unknown = frozenset(BY_NAME) - frozenset(told) - _BOUND
        place = Place(named[2], self.region, named[1])
        try:
            found = facts({**_ANYTHING, **told}, place, key_arn=self.key_arn, wrapping_key_arn=self.wrapping_key)
        except StorageSetupError as error:
            raise PasteRefused(error.message, advice=error.advice()) from error
        names = {
            **found.names,
            "MediaBucket": self.bucket,
            "LogBucket": self.log_bucket,
            "MediaBucketArn": f"arn:{named[1]}:s3:::{self.bucket}",
            "LogBucketArn": f"arn:{named[1]}:s3:::{self.log_bucket}",
            "MediaRoleArn": self.media_role,
            "AuditRoleArn": self.audit_role,
        }
        if self.purge_role:
            names["PurgeRoleArn"] = self.purge_role
        return Known(Facts(names, found.conditions), unknown if self.key_arn else unknown | {"KeyArn"})

    def as_fields(self) -> dict[str, Any]:
        return {**asdict(self), "parameters": dict(self.parameters)}


def without_stack(bucket: str, prefix: str) -> Known:
    """Return what is known of a bucket that no stack made: nothing but where its objects lie."""
    found = facts(_ANYTHING, Place(_OTHER_ACCOUNT, "us-east-1"))
    names = {**found.names, "MediaBucket": bucket, "MediaBucketArn": f"arn:aws:s3:::{bucket}", "Prefix": prefix}
    return Known(Facts(names, found.conditions), frozenset(BY_NAME) - {"Prefix"} | {"KeyArn"})


def from_fields(fields: Mapping[str, Any]) -> Stack:
    """Return what ``Stack.as_fields`` wrote down."""
    return Stack(**fields)


def read(text: str) -> Stack:
    """Return the stack that a paste tells of.

    Raises:
        PasteRefused: it is too long, no JSON, not of a stack of ours, or of a contract that this release does not know.
    """
    if len(text) > MAX_CHARACTERS:
        raise PasteRefused("the text is too long to be a stack's outputs")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise PasteRefused("the text is no JSON") from None
    outputs, parameters = _taken_apart(found)
    line = outputs.get("PasteBack") or outputs.get("paste_back") or outputs
    if isinstance(line, str):
        try:
            line = json.loads(line)
        except (ValueError, RecursionError):
            raise PasteRefused("the output PasteBack is no JSON") from None
    if not isinstance(line, Mapping):
        raise PasteRefused("the text holds no output PasteBack")
    return _stack(line, outputs, parameters)


def _taken_apart(found: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return outputs and parameters by name, from whatever form they were pasted in."""
    if isinstance(found, Mapping) and isinstance(found.get("Stacks"), list) and len(found["Stacks"]) == 1:
        found = found["Stacks"][0]
    if isinstance(found, Mapping) and "Outputs" in found:
        parameters = _pairs(found.get("Parameters"), "ParameterKey", "ParameterValue")
        return _pairs(found["Outputs"], "OutputKey", "OutputValue"), _checked(parameters)
    if isinstance(found, list):
        return _pairs(found, "OutputKey", "OutputValue"), {}
    if isinstance(found, Mapping) and all(isinstance(one, Mapping) and "value" in one for one in found.values()):
        return {str(name): one["value"] for name, one in found.items()}, {}
    if not isinstance(found, Mapping):
        raise PasteRefused("the text holds no outputs")
    return found, {}


def _pairs(items: Any, key: str, value: str) -> dict[str, str]:
    pairs = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    return {str(item.get(key, ""))[:MAX_TEXT]: str(item.get(value, ""))[:MAX_TEXT] for item in pairs}


def _checked(parameters: Mapping[str, str]) -> dict[str, str]:
    told = {name: value for name, value in parameters.items() if name in BY_NAME}
    for name, value in told.items():
        parameter: Parameter = BY_NAME[name]
        check(parameter, value)
    return told


def _stack(line: Mapping[str, Any], outputs: Mapping[str, Any], parameters: Mapping[str, str]) -> Stack:
    contract = line.get("contract")
    if not isinstance(contract, int) or contract not in table.SUPPORTED:
        versions = ", ".join(map(str, sorted(table.SUPPORTED)))
        raise PasteRefused(
            f"the stack keeps another version of the contract than this release knows ({versions})",
            advice="Update the stack from this release's template, or bring the platform up to date.",
        )
    texts = {name: _text(line, name) for name in ("bucket", "log_bucket", "region", "media_role", "audit_role")}
    for name in ("media_role", "audit_role"):
        if _ROLE.fullmatch(texts[name]) is None:
            raise PasteRefused(f"{name} is no ARN of a role")
    purge_role = _given(outputs, "PurgeRoleArn", _ROLE)
    if len({arn.split(":")[4] for arn in (texts["media_role"], texts["audit_role"], purge_role) if arn}) != 1:
        raise PasteRefused("the roles are not of one account")
    encryption = _text(line, "encryption")
    if encryption not in BY_NAME["Encryption"].allowed:
        raise PasteRefused("the stack tells of an encryption that the template does not know")
    prefix = line.get("prefix", "")
    if not isinstance(prefix, str) or re.fullmatch(BY_NAME["Prefix"].pattern, prefix) is None:
        raise PasteRefused("the prefix is not of the form that the template takes")
    wrapping_key = _given({"wrapping_key": "", **line}, "wrapping_key", _KEY) or _given(outputs, "WrappingKeyArn", _KEY)
    if wrapping_key and contract < WRAPPING_SINCE:
        raise PasteRefused("a stack of this version of the contract has no key that wraps the company key")
    if wrapping_key and wrapping_key.split(":")[3:5] != [texts["region"], texts["media_role"].split(":")[4]]:
        raise PasteRefused("the wrapping key is not of the stack's own account and region")
    return Stack(
        contract=contract,
        prefix=prefix,
        encryption=encryption,
        purge_role=purge_role,
        key_arn=_given(outputs, "KeyArn", _KEY),
        wrapping_key=wrapping_key,
        parameters=dict(parameters),
        **texts,
    )


def _text(line: Mapping[str, Any], name: str) -> str:
    found = line.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_TEXT or not found.isascii() or not found.isprintable():
        raise PasteRefused(f"the text does not say {name}")
    return found


def _given(outputs: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    found = outputs.get(name, "")
    if not isinstance(found, str) or (found and form.fullmatch(found) is None):
        raise PasteRefused(f"the output {name} is not of its form")
    return found
