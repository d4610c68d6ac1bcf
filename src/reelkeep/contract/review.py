"""The contract as a page for a security team: docs/security-review.md. Pure; no I/O.

One sentence stands on one line there, however long.
"""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reelkeep.contract.account import ACCOUNT_POINTS
from reelkeep.contract.interface import READS, Document, Holder, Kind, Setting, Statement
from reelkeep.contract.parameters import PARAMETERS
from reelkeep.contract.table import ROWS, VERSION, settings_of, statements_of

_TITLES: Final = {
    Document.TRUST: "Whom the three roles trust",
    Document.MEDIA: "The media role",
    Document.AUDIT: "The audit role",
    Document.PURGE: "The purge role",
    Document.MEDIA_BUCKET: "The media bucket's policy",
    Document.LOG_BUCKET: "The log bucket's policy",
    Document.KEY: "The key's policy",
    Document.WRAPPING_KEY: "The wrapping key's policy",
}
_HOLDERS: Final = {
    Holder.MEDIA_BUCKET: "The media bucket",
    Holder.LOG_BUCKET: "The log bucket",
    Holder.MEDIA_ROLE: "The roles",
}
_INTRODUCTION: Final = """\
# Security review of the storage template

For the security team of a company.
This page is made from the bucket contract, as are the templates in `deploy/`; `make docs` writes all of them, and a test fails if one differs.
It is version {version} of the contract.

## What you are asked to sign

A stack in your own account makes a media bucket, a log bucket, a key for the objects if you wish, and two roles; a third role while you allow it.
With `CompanyKeyWrap` = *On* it makes a second key, which wraps your company key besides the operator's: no proxy opens without both.
The platform gets sessions of the roles for an hour at most, and no key of yours; it asks KMS to use them.
Not one statement lets it change a policy, a setting, a role or a log.

- **media** writes and reads objects below the prefix. It deletes what can be made again, and no original.
  It unwraps the company key with the wrapping key, if there is one; no session that reaches objects may.
- **audit** reads settings, names and access logs, and no object of the media bucket.
- **purge** deletes versions for good. It exists only while `AllowPurge` is *Yes*.

Statements are checked by an IAM simulator with a table of cases: removing, narrowing or widening any one makes a case fail.
The template is deployed to a model of AWS in the tests.
Rows marked ◇ are those that this model does not take from a template: there they are set by calls made from the same rows, and that AWS takes them is *not verified on AWS*.
`make aws-check` runs the contract on an account of your own.

## Cut the platform off

The stack's outputs hold these commands with your names filled in.

| way | takes effect |
|---|---|
| `PlatformAccess` = *Revoked* (output EmergencyRevoke) | next request: bucket, key and trust refuse |
| a policy on the role that denies everything (EmergencyDenyRole) | next request that the role makes; IAM needs some seconds to minutes |
| the trust closed (EmergencyCloseTrust) | no new session; live ones end within the hour |
| the key disabled (EmergencyDisableKey) | new reads; with bucket keys after some minutes |
| the wrapping key disabled (EmergencyDisableWrappingKey) | every proxy of the company, at the platform and in every copy; KMS needs some seconds |

Set `SessionsIssuedAfter` to the present time whenever you enable access again: older sessions then stay dead.
Your own administrators can always take the bucket's policy away: no denial covers that over TLS.

## Deleting the stack, and a new stack over old buckets

Buckets, their policies and the keys stay when the stack is deleted.
A new stack takes them over: deploy the same template with `--import-existing-resources` and the same names.

```
aws cloudformation create-change-set --stack-name NEW --change-set-name adopt --change-set-type CREATE \\
  --import-existing-resources --capabilities CAPABILITY_NAMED_IAM --template-body file://storage.yaml --parameters ...
aws cloudformation execute-change-set --stack-name NEW --change-set-name adopt
```

A key that the old stack made has no name to be found by: give its ARN as `KmsKeyArn`.
A new stack makes a new wrapping key: have the operator take the wrapping off before (`reelkeep company unwrap`), and put it on again after.
"""


def page(rows: Sequence[Setting | Statement] = ROWS, version: int = VERSION) -> str:
    parts = [_INTRODUCTION.format(version=version), "\n## Parameters\n", _parameters()]
    for holder, title in _HOLDERS.items():
        parts += [f"\n## {title}\n", _settings(rows, holder)]
    for document, title in _TITLES.items():
        parts += [f"\n## {title}\n", _statements(rows, document)]
    parts.append(_account())
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _parameters() -> str:
    lines = ["| parameter | default | what |", "|---|---|---|"]
    for parameter in PARAMETERS:
        default = (
            "*to be given*" if parameter.default is None else f"`{parameter.default}`" if parameter.default else ""
        )
        choice = f" One of {', '.join(parameter.allowed)}." if parameter.allowed else ""
        lines.append(f"| {parameter.name} | {default} | {_cell(parameter.what)}{choice} |")
    return "\n".join(lines) + "\n"


def _settings(rows: Sequence[Setting | Statement], holder: Holder) -> str:
    lines = ["| setting | why | without it | read by |", "|---|---|---|---|"]
    for kind, found in settings_of(rows, holder).items():
        lines += [
            f"| {row.id}{' ◇' if row.emulator_gap else ''} | {_cell(row.reason)} | {_cell(row.breaks)} | {_read(kind)} |"
            for row in found
        ]
    return "\n".join(lines) + "\n"


def _read(kind: Kind) -> str:
    return f"`{READS[kind].operation}`" if kind in READS else "the name"


def _statements(rows: Sequence[Setting | Statement], document: Document) -> str:
    lines = ["| statement | actions | why | without it |", "|---|---|---|---|"]
    for row in statements_of(rows, document):
        when = f", while {row.when}" if row.when else ""
        effect = row.effect if isinstance(row.effect, str) else "Allow, or Deny while IsRevoked"
        actions = ", ".join(f"`{action}`" for action in row.actions)
        name = f"{row.id}{' ◇' if row.emulator_gap else ''} ({effect}{when})"
        lines.append(f"| {name} | {actions} | {_cell(row.reason)} | {_cell(row.breaks)} |")
    return "\n".join(lines) + "\n"


def _account() -> str:
    lines = [
        "\n## Lock down the account\n",
        "The contract ends at the bucket; whoever administers the account stands above it.",
        "You check each point yourself, with your own rights; the platform can see none of them.\n",
        "| point | why | how to check | good |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(point.what)} | {_cell(point.why)} | `{_cell(point.command)}` | {_cell(point.good)} |"
        for point in ACCOUNT_POINTS
    ]
    return "\n".join(lines) + "\n"
