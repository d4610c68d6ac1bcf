"""The table of the contract: its rows say what a report needs, its versions can be compared, its forms refuse."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tests.unit.contract.policy_cases import EVERYTHING, OPERATOR, PLACE

from reelkeep.contract import table
from reelkeep.contract.expressions import Facts
from reelkeep.contract.interface import READS, WRITES, Document, Holder, Kind, Setting, Statement
from reelkeep.contract.offer import offer
from reelkeep.contract.parameters import PARAMETERS, facts
from reelkeep.contract.table import ROWS, difference, key, rows_of
from reelkeep.errors import StorageSetupError
from reelkeep.ids import ConnectionId
from reelkeep.storage.interface import Purpose, StorageConnection
from reelkeep.storage.layout import longest_key_bytes
from reelkeep.storage.session_policy import ACTIONS, session_policy


@pytest.mark.parametrize("row", ROWS, ids=key)
def test_each_row_says_why_it_is_there_what_breaks_and_what_to_do(row: Setting | Statement) -> None:
    assert all(len(text) > 20 and text.endswith(".") for text in (row.reason, row.breaks, row.advice))
    assert (row.kind if isinstance(row, Setting) else row.document) in READS or key(row).endswith("own-namespace")


def test_every_setting_that_can_be_read_can_be_written_in_the_same_form() -> None:
    kinds = {row.kind for row in ROWS if isinstance(row, Setting)}
    assert kinds - {Kind.NAMESPACE, Kind.SESSION_LENGTH} == set(WRITES)


def test_a_newer_version_is_told_row_by_row() -> None:
    changed = dataclasses.replace(ROWS[3], reason="Another reason for the very same setting.")
    added = dataclasses.replace(ROWS[0], id="quite-new", since=table.VERSION + 1)
    newer = (*ROWS[:3], changed, *ROWS[5:], added)
    found = difference(ROWS, newer)
    assert found.added == (added,)
    assert found.removed == (ROWS[4],)
    assert found.changed == ((ROWS[3], changed),)
    assert rows_of(table.VERSION, newer) == newer[:-1]


def test_the_second_version_adds_the_wrapping_key_and_leaves_every_row_of_the_first_as_it_was() -> None:
    found = difference(rows_of(1), rows_of(2))
    assert not found.removed
    assert not found.changed
    assert {key(row) for row in found.added if isinstance(row, Statement)} == {
        "media/WrapTheCompanyKey",
        "audit/ReadTheWrappingKeysSettings",
        "wrapping_key/KeepAdministration",
        "wrapping_key/WrappingForNamedPrincipalsOnly",
        "wrapping_key/WrappingUnderYourExternalIdOnly",
        "wrapping_key/CutThePlatformOffFromTheWrappingKey",
    }
    assert [parameter.name for parameter in PARAMETERS if parameter.since == 2] == ["CompanyKeyWrap"]


def test_the_current_version_and_the_one_before_are_supported() -> None:
    assert table.VERSION in table.SUPPORTED
    assert {table.VERSION, table.VERSION - 1} >= table.SUPPORTED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Name", "Acme"),
        ("ExternalId", "short"),
        ("Prefix", "media/reels"),
        ("AdminArns", "arn:aws:iam::222222222222:role/x,*"),
        ("AllowedNetworks", "everywhere"),
        ("UnfinishedUploadDays", "1"),
        ("Encryption", "none"),
        ("SiteOrigins", "*"),
        ("BucketName", "acme.reels"),
        ("NoSuchParameter", "x"),
    ],
)
def test_a_value_that_is_not_of_its_form_is_refused(name: str, value: str) -> None:
    with pytest.raises(StorageSetupError):
        facts({**EVERYTHING, name: value}, PLACE)


def found() -> Facts:
    return facts(EVERYTHING, PLACE)


def test_no_role_may_change_a_policy_a_setting_or_a_role() -> None:
    for document in (Document.MEDIA, Document.AUDIT, Document.PURGE):
        for statement in table.policy(ROWS, document, found())["Statement"]:
            if statement["Effect"] == "Allow":
                verbs = [action.partition(":")[2] for action in statement["Action"]]
                assert not [
                    verb for verb in verbs if verb.startswith(("PutBucket", "Update", "Attach", "Create", "Tag"))
                ]
                assert "*" not in "".join(verbs)


def test_the_media_role_allows_what_every_purpose_asks_for() -> None:
    statements = table.policy(ROWS, Document.MEDIA, found())["Statement"]
    allowed = {action for statement in statements if statement["Effect"] == "Allow" for action in statement["Action"]}
    connection = StorageConnection(
        ConnectionId("0" * 20),
        "acme",
        "eu-central-1",
        "",
        "arn:aws:iam::222222222222:role/x",
        "x",
        None,
        None,
        False,
        frozenset(),
    )
    scopes = {"originals": "originals/a/", "proxies": "proxies/a/", "probe": "probe/a/"}
    asked = {action for actions in ACTIONS.values() for action in actions}
    for purpose, scope in ((Purpose.WRITE_PROXY, scopes["proxies"]), (Purpose.PROBE, scopes["probe"])):
        policy = json.loads(session_policy(connection, purpose, scope))
        asked |= {action for statement in policy["Statement"] for action in statement["Action"]}
    assert asked <= allowed


def test_no_rule_of_the_lifecycle_expires_an_original() -> None:
    rules = table.setting(ROWS, Holder.MEDIA_BUCKET, Kind.LIFECYCLE, found())["Rules"]
    assert [rule["Filter"]["Prefix"] for rule in rules if "Days" in rule.get("Expiration", {})] == ["media/downloads/"]


def test_an_offer_fills_in_what_the_operator_knows_and_leads_to_the_companys_console() -> None:
    made = offer(
        "a-company-with-a-long-name",
        PLACE,
        principal_arn=f"arn:aws:iam::{OPERATOR}:role/reelkeep-broker",
        external_id="0123456789abcdefghij",
        origins=("https://acme.example",),
        prefix="media",
    )
    assert made.filled["Prefix"] == "media/"
    assert len(made.facts.text("LogBucket")) <= 63
    assert 'Default: "0123456789abcdefghij"' in made.template("cloudformation")
    assert "external_id" in made.template("terraform")
    url = made.launch_url("https://templates.example/storage.yaml")
    assert url.startswith("https://eu-central-1.console.aws.amazon.com/cloudformation/home?region=eu-central-1#")
    assert "param_ExternalId=0123456789abcdefghij" in url
    assert longest_key_bytes(made.filled["Prefix"]) < 900
