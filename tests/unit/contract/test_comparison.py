"""What stands in an account is compared row by row, with all that is known of its parameters and with little."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tests.unit.contract.policy_cases import COMPANY, EVERYTHING, KEY, PLACE, REGION, REVOKED, WRAPPING_KEY

from reelkeep.contract import pasted, table
from reelkeep.contract.comparison import Known, setting_holds, statement_holds
from reelkeep.contract.expressions import Facts
from reelkeep.contract.interface import Document, Kind, Setting, Statement
from reelkeep.contract.parameters import BY_NAME, facts
from reelkeep.contract.pasted import PasteRefused
from reelkeep.errors import StorageSetupError

CHOICES = {
    "everything": EVERYTHING,
    "revoked": REVOKED,
    "sse-s3": {**EVERYTHING, "Encryption": "SSE-S3", "AdminArns": "", "CopyRoleArns": "", "AllowPurge": "No"},
    "two layers": {**EVERYTHING, "Encryption": "DSSE-KMS", "KmsKeyArn": KEY, "AllowedEndpoints": ""},
}
SETTINGS = [row for row in table.ROWS if isinstance(row, Setting) and row.kind is not Kind.NAMESPACE]


def found(chosen: str) -> Facts:
    return facts(CHOICES[chosen], PLACE, key_arn=KEY, wrapping_key_arn=WRAPPING_KEY)


def little(chosen: str) -> Known:
    """Return what is known of a stack whose company pasted the line of PasteBack alone."""
    known = {"Name", "Prefix", "Encryption", "ExternalId", "PlatformAccountId"}
    return Known(found(chosen), frozenset(BY_NAME) - known | {"KeyArn"})


def expected(row: Setting | Statement, known: Known) -> bool:
    return known.expects(row) is not False


def setting(row: Setting, there: Facts) -> Any:
    if row.kind is Kind.SESSION_LENGTH:
        return dict(row.value)
    return table.setting(table.ROWS, row.holder, row.kind, there)


@pytest.mark.parametrize("chosen", CHOICES)
def test_a_stack_as_it_was_deployed_keeps_every_row_however_little_is_known(chosen: str) -> None:
    there = found(chosen)
    for known in (Known(there), little(chosen)):
        for row in table.ROWS:
            if isinstance(row, Statement):
                document = table.policy(table.ROWS, row.document, there)
                stands = row.id in [one["Sid"] for one in document["Statement"]]
                assert statement_holds(row, document, known).holds == stands, table.key(row)
                assert stands or known.expects(row) is not True
            elif row in SETTINGS:
                assert setting_holds(row, setting(row, there), known).holds, table.key(row)


STATEMENTS = [row for row in table.ROWS if isinstance(row, Statement) and row.when != "IsRevoked"]
CHANGES: dict[str, Any] = {
    "the other effect": lambda one: one.update(Effect="Deny" if one["Effect"] == "Allow" else "Allow"),
    "one action more": lambda one: one["Action"].append("s3:DeleteBucket"),
    "one action less": lambda one: one["Action"].pop(),
    "every resource": lambda one: one.update(Resource=["*", "arn:aws:s3:::else"]),
    "one condition more": lambda one: one.setdefault("Condition", {}).update(
        Bool={"aws:MultiFactorAuthPresent": "true"}
    ),
    "no condition": lambda one: one.pop("Condition", None) or one["Action"].append("x"),
    "another principal": lambda one: one.update(Principal={"AWS": "arn:aws:iam::333333333333:root"}),
    "NotAction beside": lambda one: one.update(NotAction=["s3:GetObject"]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("row", STATEMENTS, ids=table.key)
def test_a_statement_that_was_changed_in_any_way_is_no_longer_the_contracts(row: Statement, change: str) -> None:
    document = copy.deepcopy(table.policy(table.ROWS, row.document, found("everything")))
    statement = next(one for one in document["Statement"] if one["Sid"] == row.id)
    CHANGES[change](statement)
    is_open = change == "the other effect" and row.document is Document.TRUST  # a stack that is cut off looks like that
    for known in (Known(found("everything")), *([] if is_open else [little("everything")])):
        assert not statement_holds(row, document, known).holds


def test_whom_a_company_let_in_is_handed_back_where_its_lists_were_not_told() -> None:
    row = next(one for one in STATEMENTS if one.id == "NamedPrincipalsOnly")
    document = table.policy(table.ROWS, Document.MEDIA_BUCKET, found("everything"))
    named = statement_holds(row, document, little("everything")).named
    assert named == [EVERYTHING["AdminArns"], EVERYTHING["CopyRoleArns"]]
    assert not statement_holds(row, document, Known(found("sse-s3"))).holds  # it told that there is nobody


@pytest.mark.parametrize("row", SETTINGS, ids=table.key)
def test_a_setting_that_is_gone_or_says_something_else_is_not_kept(row: Setting) -> None:
    there = found("everything")
    for nothing in (None, {}, [], "x", {"Rules": []}, {"Rules": [{"ID": row.id, "Status": "Disabled"}]}):
        assert not setting_holds(row, nothing, Known(there)).holds
        assert not setting_holds(row, nothing, little("everything")).holds


def test_a_number_that_was_not_told_must_still_be_one_that_the_template_takes() -> None:
    row = next(one for one in SETTINGS if one.id == "unfinished-uploads-abort")
    rule = {**setting(row, found("everything"))["Rules"][-1], "AbortIncompleteMultipartUpload": {}}
    for days, holds in ((3, True), (90, True), (2, False), (91, False), ("14", False)):
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
        assert setting_holds(row, {"Rules": [rule]}, little("everything")).holds is holds


LINE = {
    "contract": 1,
    "bucket": "acme-reels",
    "log_bucket": "acme-reels-logs",
    "region": REGION,
    "prefix": "media/",
    "media_role": f"arn:aws:iam::{COMPANY}:role/reelkeep-acme-media",
    "audit_role": f"arn:aws:iam::{COMPANY}:role/reelkeep-acme-audit",
    "encryption": "SSE-KMS",
}
OUTPUTS = [
    {"OutputKey": "PasteBack", "OutputValue": json.dumps(LINE)},
    {"OutputKey": "KeyArn", "OutputValue": KEY},
    {"OutputKey": "PurgeRoleArn", "OutputValue": f"arn:aws:iam::{COMPANY}:role/reelkeep-acme-purge"},
]
TOLD = [{"ParameterKey": "NoncurrentDays", "ParameterValue": "40"}, {"ParameterKey": "Other", "ParameterValue": "x"}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(LINE),
        json.dumps(OUTPUTS),
        json.dumps({"Stacks": [{"Outputs": OUTPUTS, "Parameters": TOLD}]}),
        json.dumps({"paste_back": {"sensitive": False, "type": "string", "value": json.dumps(LINE)}}),
    ],
    ids=["line", "outputs", "describe-stacks", "terraform"],
)
def test_a_stack_is_read_from_whatever_its_companys_tools_print(text: str) -> None:
    stack = pasted.read(text)
    assert (stack.bucket, stack.audit_role, stack.contract) == ("acme-reels", LINE["audit_role"], 1)
    known = stack.known("x" * 20)
    assert known.facts.text("Name") == "acme"
    assert known.facts.text("ExternalId") == "x" * 20
    assert ("NoncurrentDays" in known.open) == ("NoncurrentDays" not in text)
    assert pasted.from_fields(stack.as_fields()) == stack


def test_a_stack_that_made_a_wrapping_key_tells_of_it_and_one_of_version_1_has_none() -> None:
    wrapped = pasted.read(json.dumps({**LINE, "contract": 2, "wrapping_key": WRAPPING_KEY}))
    assert (wrapped.wrapping_key, wrapped.known("x" * 20).facts.text("WrappingKeyArn")) == (WRAPPING_KEY, WRAPPING_KEY)
    plain = pasted.read(json.dumps({**LINE, "contract": 2}))
    rows = [row for row in table.ROWS if row.since == 2]
    for stack, is_there in ((wrapped, True), (plain, False)):
        known = stack.known("x" * 20)
        assert [known.expects(row) for row in rows if row.when != "IsRevoked"] == [is_there] * (len(rows) - 1)
    by_output = [*OUTPUTS[1:], {"OutputKey": "PasteBack", "OutputValue": json.dumps({**LINE, "contract": 2})}]
    by_output.append({"OutputKey": "WrappingKeyArn", "OutputValue": WRAPPING_KEY})
    assert pasted.read(json.dumps(by_output)).wrapping_key == WRAPPING_KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        "1" * 300_000,
        json.dumps({**LINE, "contract": 7}),
        json.dumps({**LINE, "contract": "1"}),
        json.dumps({**LINE, "bucket": ""}),
        json.dumps({**LINE, "bucket": "a\x1b[2Jb"}),
        json.dumps({**LINE, "media_role": "arn:aws:iam::1:user/x"}),
        json.dumps({**LINE, "encryption": "ROT13"}),
        json.dumps({**LINE, "audit_role": "arn:aws:iam::333333333333:role/reelkeep-other-audit"}),
        json.dumps({**LINE, "prefix": "a//b"}),
        json.dumps({**LINE, "wrapping_key": WRAPPING_KEY}),
        json.dumps({**LINE, "contract": 2, "wrapping_key": "x"}),
        json.dumps({**LINE, "contract": 2, "wrapping_key": ["x"]}),
        json.dumps({**LINE, "contract": 2, "wrapping_key": WRAPPING_KEY.replace(COMPANY, "3" * 12)}),
        json.dumps({**LINE, "contract": 2, "wrapping_key": WRAPPING_KEY.replace(REGION, "us-east-1")}),
        json.dumps(
            {"Stacks": [{"Outputs": OUTPUTS, "Parameters": [{"ParameterKey": "Name", "ParameterValue": "A B"}]}]}
        ),
        json.dumps([*OUTPUTS, {"OutputKey": "KeyArn", "OutputValue": "not a key"}]),
    ],
)
def test_what_is_no_stack_of_ours_is_refused_in_words(text: str) -> None:
    with pytest.raises(StorageSetupError) as told:
        pasted.read(text)
    assert isinstance(told.value, PasteRefused) or "not of the form" in told.value.message
    assert told.value.advice()
