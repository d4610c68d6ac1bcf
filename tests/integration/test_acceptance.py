"""The acceptance test finds every promise about a bucket kept, and each one broken, by its own id.

MiniStack enforces IAM and keeps every setting, so a stack of the contract is broken there row by row. What it cannot
show is an emulator gap, not verified on AWS.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.services import canned_store, log_delivery, tls_stand_in
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services.broken_stack import BrokenStack

from reelkeep.acceptance.bench import Bench, Subject
from reelkeep.acceptance.interface import Report, Result
from reelkeep.acceptance.run import accept, capabilities
from reelkeep.contract import pasted, table
from reelkeep.contract.interface import Document, Kind, Setting, Statement
from reelkeep.contract.parameters import PARAMETERS
from reelkeep.contract.pasted import Stack
from reelkeep.ids import CompanyId, GrantId, new_id
from reelkeep.storage.interface import Capability, StorageConnection
from reelkeep.storage.layout import MARKER
from reelkeep.storage.marker import Marker
from reelkeep.storage.sts import StsBroker

ORIGIN = "https://acme.example"
PAYS = "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"
# In a role's session MiniStack says another aws:PrincipalArn than AWS, so the harness names sessions besides; what the
# company chose for these lists is then not told to the platform, and a report lists whom it found.
WRAPPING = "WrapsCompanyKey"
UNTOLD = ("AdminArns", "CopyRoleArns")


@dataclass(frozen=True)
class Place:
    """A stack in the company's account, and the platform that was let in."""

    ministack: service.Ministack
    tls_url: str
    stack: stacks.Stack
    installation: str
    company: CompanyId
    broker: StsBroker  # of the connection that was asked about last; its clients are made once
    asked: list[StorageConnection]

    @property
    def told(self) -> Stack:
        return told(self.stack)

    @property
    def connection(self) -> StorageConnection:
        return replace(self.stack.connection(self.tls_url), name="acme-reels")

    @property
    def broken(self) -> BrokenStack:
        return BrokenStack(self.ministack, self.stack)

    def s3(self) -> Any:
        return self.ministack.client("s3", service.COMPANY_ACCOUNT)

    def accept(self, *only: str, connection: StorageConnection | None = None, **subject: Any) -> Report:
        one = connection or self.connection
        marker = Marker(self.installation, self.company, bucket=one.bucket, prefix=one.prefix)
        given = {"stack": self.told, "plain_url": self.ministack.endpoint_url, **subject}
        self.asked[:] = [one]
        return accept(Bench(Subject(one, marker, ORIGIN, **given), self.broker, GrantId(new_id())), "Acme", only=only)


def told(stack: stacks.Stack) -> Stack:
    """Return what a company gives back that pastes what describe-stacks prints."""
    values = {one.name: one.default for one in PARAMETERS if one.default is not None}
    values = {name: value for name, value in {**values, **stack.parameters}.items() if name not in UNTOLD}
    described = {
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in stack.outputs.items()],
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    }
    return pasted.read(json.dumps({"Stacks": [described]}))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    chosen = {"Prefix": "media/reels/", "AllowPurge": "Yes", "WriteOnceOriginals": "Yes"}
    with (
        service.running(tmp_path_factory.mktemp("ministack")) as server,
        tls_stand_in.in_front_of(server.endpoint_url) as url,
    ):
        stack = stacks.deploy(server, stacks.parameters("acme", **chosen))
        asked: list[StorageConnection] = []
        broker = StsBroker(server.identity, lambda _: asked[0], "acme")
        yield Place(server, url, stack, new_id(), CompanyId(new_id()), broker, asked)


def failing(report: Report) -> set[str]:
    return {one.id for one in report.findings if one.result is Result.FAIL}


def result(report: Report, check_id: str) -> Result:
    found = report.finding(check_id)
    assert found is not None
    return found.result


def everything(place: Place) -> list[str]:
    versions = place.s3().list_object_versions(Bucket=place.connection.bucket)
    assert not versions.get("DeleteMarkers")
    return [one["Key"] for one in versions.get("Versions", ())]


def test_a_deployed_stack_passes_and_is_left_as_it_was_found_but_for_the_marker(place: Place) -> None:
    report = place.accept()
    assert report.passed, [f"{one.id}: {one.found}" for one in report.failed]
    assert everything(place) == [f"media/reels/{MARKER}"]
    assert {one.id for one in report.findings if one.result is Result.UNSUPPORTED} == {
        "owner", "whole-checksum", "wrapping-key",
    }  # fmt: skip
    assert capabilities(report) == {Capability.CONDITIONAL_PUT, Capability.EXTERNAL_ID}
    gaps = {one.id for one in report.findings if "not verified on AWS" in one.note}
    assert gaps == {table.key(row) for row in table.ROWS if row.emulator_gap}
    again = place.accept()
    assert again.passed
    assert everything(place) == [f"media/reels/{MARKER}"]
    body = place.s3().get_object(Bucket=place.connection.bucket, Key=f"media/reels/{MARKER}")["Body"].read()
    assert json.loads(body)["company"] == place.company
    assert place.connection.external_id.encode() not in body


# What fails live, beside the row itself, when a row is gone.
LIVE = {
    "media/ReadObjects": {"head", "range"},
    "media/WriteObjects": {"put"},
    "media/FinishUploads": {"multipart"},
    "media/DeleteWhatCanBeMadeAgain": {"delete-tests"},
    "media/ListObjects": {"list"},
    "media_bucket/RefusePlainHttp": {"plain-http"},
    "default-encryption": {"encrypted-object"},
    "cors": {"cors-own"},
}


def breakable(row: Setting | Statement) -> bool:
    """Tell whether a row stands in the deployed stack; the others are broken in tests of the comparison."""
    if isinstance(row, Setting):
        return row.kind is not Kind.NAMESPACE
    return row.when not in ("IsRevoked", "IsLimited", "HasTrail") and not is_of_wrapping(row)  # it knows no trails


def is_of_wrapping(row: Setting | Statement) -> bool:
    return WRAPPING in table.conditions_of(row)


@pytest.mark.parametrize("row", [row for row in table.ROWS if breakable(row)], ids=table.key)
def test_each_row_of_the_contract_that_is_gone_is_named_by_its_id(place: Place, row: Setting | Statement) -> None:
    key = table.key(row)
    live = LIVE.get(key, set())
    if key == "trust/LetThePlatformIn":
        with place.broken.without(row):
            report = place.accept(key, "right-role")
            assert {"right-role", key} <= failing(report)
        return
    with place.broken.without(row):
        assert {key, *live} <= failing(place.accept(key, *live))


@pytest.fixture(scope="module")
def wrapping(place: Place) -> Place:
    """A stack with a wrapping key, and conditions in its policies that let nobody use it on this emulator."""
    chosen = stacks.parameters("wraps", CompanyKeyWrap="On")
    return replace(place, stack=stacks.deploy(place.ministack, chosen, keeps_contexts=True))


@pytest.mark.parametrize(
    "row", [row for row in table.STATEMENTS if is_of_wrapping(row) and row.when != "IsRevoked"], ids=table.key
)
def test_each_row_about_the_wrapping_key_that_is_gone_is_named_by_its_id(wrapping: Place, row: Statement) -> None:
    key = table.key(row)
    assert result(wrapping.accept(key), key) is Result.PASS
    with wrapping.broken.without(row):
        assert key in failing(wrapping.accept(key))


def test_the_wrapping_key_is_tried_live_and_a_role_or_a_key_that_refuses_is_named(wrapping: Place) -> None:
    assert failing(wrapping.accept("wrapping-key")) == {"wrapping-key"}  # nobody may use it, as things stand
    stacks.let_wrap_without_contexts(wrapping.ministack, wrapping.stack.facts)
    assert result(wrapping.accept("wrapping-key"), "wrapping-key") is Result.PASS
    kms = wrapping.ministack.client("kms", service.COMPANY_ACCOUNT)
    kms.disable_key(KeyId=wrapping.stack.outputs["WrappingKeyArn"])
    (closed,) = wrapping.accept("wrapping-key").failed
    assert "closed to Reelkeep" in closed.found
    assert "enabled" in closed.advice


WIDENED = [row for row in table.ROWS if isinstance(row, Statement) and breakable(row)]


@pytest.mark.parametrize("row", WIDENED[::4], ids=table.key)
def test_a_statement_that_says_something_else_is_named(place: Place, row: Statement) -> None:
    with place.broken.without(row, widens=True):
        assert table.key(row) in failing(place.accept(table.key(row)))


def test_a_stack_that_is_mended_passes_again(place: Place) -> None:
    report = place.accept()
    assert report.passed, [f"{one.id}: {one.found}" for one in report.failed]


def test_a_role_that_lets_in_whoever_asks_is_found_out_live(place: Place) -> None:
    def open_trust(document: dict[str, Any]) -> None:
        del document["Statement"][0]["Condition"]["StringEquals"]

    with place.broken.document(Document.TRUST, open_trust):
        report = place.accept("no-external-id", "wrong-external-id", "trust/LetThePlatformIn")
        assert failing(report) == {"no-external-id", "wrong-external-id", "trust/LetThePlatformIn"}
        assert "reelkeep-acme-media" in report.failed[0].found


def test_the_canary_that_lets_us_in_stops_everything(place: Place) -> None:
    refusing, canary = "arn:aws:iam::222222222222:role/reelkeep-nobody", place.ministack.add_company(f"c{new_id()}")
    assert result(place.accept("canary", canary_arn=refusing), "canary") is Result.PASS
    place.ministack.open_trust(canary)
    assert failing(place.accept("canary", canary_arn=canary.role_arn)) == {"canary"}
    assert result(place.accept("canary"), "canary") is Result.NOT_VERIFIABLE


def test_rights_that_somebody_added_are_found(place: Place) -> None:
    iam = place.ministack.client("iam", service.COMPANY_ACCOUNT)

    def more(document: dict[str, Any]) -> None:
        statement = {"Sid": "Backdoor", "Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}
        document["Statement"].append(statement)

    with place.broken.document(Document.MEDIA, more):
        asked = ("no-other-allow", "delete-original", "delete-original-version", "outside-put", "settings-are-closed")
        report = place.accept(*asked, "outside-get", "outside-list", "left-as-found")
        assert {"no-other-allow", "delete-original", "outside-put", "outside-list"} <= failing(report)
        assert {"settings-are-closed", "delete-original-version"} <= failing(report)
        assert "Backdoor" in next(one.found for one in report.failed if one.id == "no-other-allow")
        assert result(report, "left-as-found") is Result.PASS
    assert everything(place) == [f"media/reels/{MARKER}"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]})
    iam.put_role_policy(RoleName="reelkeep-acme-media", PolicyName="extra", PolicyDocument=policy)
    try:
        report = place.accept("no-other-policy")
        assert "reelkeep-acme-media: extra" in report.failed[0].found
    finally:
        iam.delete_role_policy(RoleName="reelkeep-acme-media", PolicyName="extra")


def test_a_bucket_that_everybody_may_read_is_found_out_live(place: Place) -> None:
    def open_to_all(document: dict[str, Any]) -> None:
        bucket = f"arn:aws:s3:::{place.connection.bucket}"
        document["Statement"] = [
            {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [bucket, f"{bucket}/*"]}
        ]

    place.broken.put(Kind.PUBLIC_ACCESS, {"BlockPublicPolicy": False})
    try:
        with place.broken.document(Document.MEDIA_BUCKET, open_to_all):
            report = place.accept("anonymous", "no-other-allow", "media-block-public-policy")
            assert failing(report) == {"anonymous", "no-other-allow", "media-block-public-policy"}
    finally:
        place.broken.mend(Kind.PUBLIC_ACCESS)


@pytest.mark.parametrize(
    ("check_id", "kind", "value", "word"),
    [
        (
            "originals-are-spared",
            Kind.LIFECYCLE,
            {"Rules": [{"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": "media/"}, "Expiration": {"Days": 9}}]},
            "tidy",
        ),
        (
            "originals-are-spared",
            Kind.LIFECYCLE,
            {
                "Rules": [
                    {
                        "ID": "cold",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "media/reels/originals/film/"},
                        "Transitions": [{"Days": 30, "StorageClass": "DEEP_ARCHIVE"}],
                    }
                ]
            },
            "cold",
        ),
        (
            "no-other-origin",
            Kind.CORS,
            {"CORSRules": [{"ID": "x", "AllowedOrigins": ["https://evil.example"], "AllowedMethods": ["GET"]}]},
            "evil.example",
        ),
        ("cors-other", Kind.CORS, {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]}, "any other"),
    ],
)
def test_a_setting_that_would_harm_is_named_with_the_fix(
    place: Place, check_id: str, kind: Kind, value: Any, word: str
) -> None:
    place.broken.put(kind, value)
    try:
        report = place.accept(check_id)
        assert failing(report) == {check_id}
        assert word in report.failed[0].found
        assert report.failed[0].advice
    finally:
        place.broken.mend(kind)


@contextlib.contextmanager
def answering(place: Place, canned: dict[str, tuple[int, str]]) -> Iterator[StorageConnection]:
    """A connection to the same bucket through a relay that gives some requests answers of its own."""
    with canned_store.in_front_of(place.tls_url, canned) as url:
        yield replace(place.connection, endpoint_url=url, sts_endpoint_url=place.tls_url)


def test_a_store_without_versioning_logging_or_cors_is_named_and_the_other_checks_still_run(place: Place) -> None:
    canned = {
        "GET ?versioning": (501, "NotImplemented"),
        "GET ?logging": (501, "NotImplemented"),
        "GET ?cors": (501, "NotImplemented"),
        "OPTIONS ": (403, "AccessForbidden"),
    }
    with answering(place, canned) as connection:
        report = place.accept(connection=connection)
    assert {one.id for one in report.findings if one.result is Result.UNSUPPORTED} >= {
        "versioning",
        "access-logs",
        "cors",
        "no-other-origin",
    }
    assert failing(report) == {"cors-own"}
    assert "store without CORS" in report.failed[0].advice


def test_a_key_that_the_role_may_not_use_is_named_as_the_key(place: Place) -> None:
    with answering(place, {"PUT probe/": (400, "KMS.DisabledException")}) as connection:
        report = place.accept("put", "multipart", "head", "list", connection=connection)
    assert failing(report) >= {"put"}
    assert "kms:Decrypt" in report.failed[0].advice
    assert (result(report, "list"), result(report, "head")) == (Result.PASS, Result.NOT_VERIFIABLE)


@pytest.mark.parametrize(
    ("check_id", "canned", "word"),
    [
        ("clock", {"GET list-type=2": (403, canned_store.LATE)}, "differ by 3,"),
        ("left-as-found", {"DELETE probe/": (403, "AccessDenied")}, "could not be removed"),
        ("log-bucket", {"GET access": (403, "AccessDenied")}, "cannot be read"),
        (
            "session-is-narrow",
            {"PUT reelkeep-acceptance": (200, ""), "GET reelkeep-acceptance": (200, "x")},
            "beyond its folder",
        ),
        ("range", {"GET probe/": (200, "other bytes")}, "other bytes"),
        ("list", {"GET list-type=2": (403, "AccessDenied")}, "list_objects_v2"),
        ("outside-get", {"GET reelkeep-acceptance": (404, "NoSuchKey")}, "NoSuchKey"),
        ("outside-list", {"GET prefix=reelkeep-acceptance": (200, "<ListBucketResult/>")}, "done"),
        ("bucket-is-ours", {"GET reelkeep.json": (200, '{"format": 1}')}, "not a marker"),
    ],
)
def test_what_a_store_does_otherwise_than_it_must_is_named(
    place: Place, check_id: str, canned: dict[str, tuple[int, str]], word: str
) -> None:
    with answering(place, canned) as connection:
        report = place.accept(*({check_id} - {"left-as-found"} or {"put"}), connection=connection)
    assert check_id in failing(report)
    assert word in next(one.found for one in report.failed if one.id == check_id)
    for one in place.s3().list_objects_v2(Bucket=connection.bucket, Prefix="media/reels/probe/").get("Contents", ()):
        version = place.s3().head_object(Bucket=connection.bucket, Key=one["Key"])["VersionId"]
        place.s3().delete_object(Bucket=connection.bucket, Key=one["Key"], VersionId=version)


def test_lines_of_access_logs_that_arrive_are_told_with_our_grants_among_them(place: Place) -> None:
    """The harness delivers them, from what a relay in front of the store saw; *not verified on AWS*."""
    logs, s3, seen = place.told.log_bucket, place.s3(), list[str]()
    with canned_store.in_front_of(place.tls_url, {}, seen) as url:
        place.accept("put", "head", connection=replace(place.connection, endpoint_url=url))
    now, delivered = datetime.now(UTC), list[str]()

    def told() -> str:
        report = place.accept("log-bucket")
        assert result(report, "log-bucket") is Result.PASS
        finding = report.finding("log-bucket")
        assert finding is not None
        return finding.found

    assert "no line has arrived yet" in told()
    try:
        delivered.append(log_delivery.deliver(s3, logs, [log_delivery.line("GET /reels/a")], now - timedelta(days=9)))
        assert "none in the last two days" in told()
        lines = [log_delivery.line(request) for request in seen]
        stranger = [log_delivery.line("GET /reels/a HTTP/1.1"), "no line at all"]
        delivered.append(log_delivery.deliver(s3, logs, [*lines, *stranger], now))
        assert len(seen) >= 2
        assert f"{len(seen) + 1} in the newest file, {len(seen)} with a grant of Reelkeep's, and 1 that" in told()
    finally:
        for key in delivered:
            s3.delete_object(Bucket=logs, Key=key)


def test_a_purge_role_that_does_not_let_us_in_is_named(place: Place) -> None:
    nobody = replace(place.told, purge_role="arn:aws:iam::222222222222:role/reelkeep-acme-nobody")
    assert failing(place.accept("purge-role", stack=nobody)) == {"purge-role"}
    assert result(place.accept("purge-role"), "purge-role") is Result.PASS


def test_a_store_that_hangs_is_a_finding_and_the_other_checks_still_run(place: Place) -> None:
    canned = {"GET ?policy": (0, canned_store.HANGS), "GET ?requestPayment": (200, PAYS)}
    marker = Marker(place.installation, place.company)
    with answering(place, canned) as connection:
        subject = Subject(connection, marker, ORIGIN, place.told)
        bench = Bench(subject, StsBroker(place.ministack.identity, lambda _: connection, "acme"), GrantId(new_id()))
        only = ("media_bucket/RefuseOldTls", "owner-pays", "put")
        report = accept(bench, "Acme", only=only, check_seconds=6.0)  # the others answer sooner on a busy machine, too
    assert failing(report) == {"media_bucket/RefuseOldTls", "owner-pays"}
    assert "within 6 s" in report.failed[0].found or "within 6 s" in report.failed[1].found
    assert result(report, "put") is Result.PASS


def test_object_lock_is_named_with_the_fix(place: Place) -> None:
    s3 = place.s3()
    locked = f"locked-{new_id()}"
    where = {"LocationConstraint": service.REGION}
    s3.create_bucket(Bucket=locked, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    kept = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": kept}
    )
    iam = place.ministack.client("iam", service.COMPANY_ACCOUNT)
    before = iam.get_role_policy(RoleName="reelkeep-acme-audit", PolicyName="audit")["PolicyDocument"]
    wide = {"Effect": "Allow", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::{locked}"}
    more = {**before, "Statement": [*before["Statement"], wide]}
    iam.put_role_policy(RoleName="reelkeep-acme-audit", PolicyName="audit", PolicyDocument=json.dumps(more))
    try:
        report = place.accept("no-object-lock", connection=replace(place.connection, bucket=locked))
        assert failing(report) == {"no-object-lock"}
        assert "GOVERNANCE" in report.failed[0].found
    finally:
        iam.put_role_policy(RoleName="reelkeep-acme-audit", PolicyName="audit", PolicyDocument=json.dumps(before))


def ids(report: Report) -> Collection[str]:
    return [one.id for one in report.findings]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bucket": "Acme.Reels"}, "bucket-name"),
        ({"region": "us-west-2"}, "region"),
        ({"bucket": "reelkeep-is-not-here"}, "put"),
        ({"external_id": "typed-by-hand-in-a-hurry"}, "right-role"),
        ({"role_arn": "arn:aws:iam::222222222222:role/reelkeep-other-media"}, "right-role"),
    ],
)
def test_what_was_typed_wrongly_is_named_and_the_other_checks_still_run(
    place: Place, changed: dict[str, str], named: str
) -> None:
    before = everything(place)
    report = place.accept(connection=replace(place.connection, **changed))
    assert named in failing(report)
    finding = report.finding(named)
    assert finding is not None
    assert finding.advice
    assert len(set(ids(report))) > len(table.ROWS) + 30
    assert not report.passed
    assert not [one for one in report.findings if "the check broke" in one.found]
    assert everything(place) == before, "no marker is written while another check fails"
    is_read = bool(before) and named == "region"  # the model of AWS serves a bucket in every region
    assert result(report, "marker") is (Result.PASS if is_read else Result.NOT_VERIFIABLE)


def test_an_external_id_of_the_companys_own_is_named_with_the_right_one(place: Place) -> None:
    stack = place.told
    typed = replace(stack, parameters={**stack.parameters, "ExternalId": "acme-2026-external"})
    report = place.accept("right-role", stack=typed)
    assert "another external id" in report.failed[0].found
    assert place.connection.external_id in report.failed[0].advice


def test_a_bucket_with_objects_in_it_and_one_that_is_somebody_elses_get_neutral_answers(place: Place) -> None:
    s3, bucket = place.s3(), place.connection.bucket
    elsewhere = replace(place.connection, prefix="media/reels/full")
    s3.put_object(Bucket=bucket, Key="media/reels/full/holiday.mov", Body=b"x")
    try:
        report = place.accept("bucket-is-ours", connection=elsewhere)
        assert "holiday.mov" in report.failed[0].found
        assert place.accept("bucket-is-ours", connection=elsewhere, was_in_use=True).passed
    finally:
        s3.delete_object(Bucket=bucket, Key="media/reels/full/holiday.mov")
    stranger = replace(place, company=CompanyId(new_id()))
    report = stranger.accept(
        "bucket-is-ours", "bucket-is-free", "role-is-free", role_is_taken=True, bucket_is_taken=True
    )
    assert failing(report) == {"bucket-is-ours", "bucket-is-free", "role-is-free"}
    assert not [one for one in report.failed if "company" in one.found or place.company in one.found]


def test_a_stack_that_nobody_told_of_is_not_verified_on_aws_terms(place: Place) -> None:
    connection = replace(place.connection, endpoint_url=None)
    report = place.accept("audit-role", connection=connection, stack=None)
    assert failing(report) == {"audit-role"}
    assert "PasteBack" in report.failed[0].advice
