import dataclasses
import json

import pytest

from reelkeep.companies.network_policy import MAX_ENTRIES, links_from_of, policy_of
from reelkeep.errors import IsolationError
from reelkeep.ids import AssetId, BackupId, CompanyId, ConnectionId, ProductionId, VersionId, new_id
from reelkeep.storage.interface import Purpose, StorageConnection, WrappingKey
from reelkeep.storage.layout import (
    BACKUPS_SCOPE,
    KEY_BYTES,
    LUTS_SCOPE,
    MARKER,
    backup_scope,
    original_scope,
    production_scope,
    proxy_scope,
)
from reelkeep.storage.session_policy import ACTIONS, MAX_POLICY_CHARACTERS, session_policy

VERSION = VersionId("1m8bcj16509bm0scmk9m")
PRODUCTION = ProductionId("1m8bcj16509bm0scmk9n")
SCOPES = {
    Purpose.UPLOAD: production_scope("a" * 40, PRODUCTION),
    Purpose.ATTACH: LUTS_SCOPE,
    Purpose.DOWNLOAD: production_scope("film", PRODUCTION),
    Purpose.PLAYBACK: "proxies/",
    Purpose.READ_ORIGINAL: original_scope("a" * 40, PRODUCTION, "b" * 40, AssetId(new_id()), VERSION),
    Purpose.WRITE_PROXY: proxy_scope(VERSION),
    Purpose.CLEAN_PROXY: proxy_scope(VERSION),
    Purpose.END_UPLOADS: "originals/",
    Purpose.BACK_UP: backup_scope(BackupId("1m8bcj16509bm0scmk9q")),
    Purpose.READ_BACKUPS: BACKUPS_SCOPE,
    Purpose.PURGE: original_scope("a" * 40, PRODUCTION, "b" * 40, AssetId("1m8bcj16509bm0scmk9p"), VERSION),
    Purpose.AUDIT: "",
    Purpose.PROBE: f"probe/{new_id()}/",
    Purpose.MARK: MARKER,
    Purpose.WRAP: "",
    Purpose.UNWRAP: "",
    Purpose.WATCH: MARKER,
}
WRAPPING = WrappingKey("arn:aws:kms:eu-central-1:222222222222:key/" + "7" * 36, CompanyId("c" * 20))


def connection(**changes: object) -> StorageConnection:
    made = StorageConnection(
        id=ConnectionId(new_id()),
        bucket="acme-media",
        region="eu-central-1",
        prefix="media/reelkeep",
        role_arn="arn:aws:iam::222222222222:role/reelkeep",
        external_id="secret-enough",
        endpoint_url=None,
        sts_endpoint_url=None,
        path_style=False,
        capabilities=frozenset(),
    )
    return dataclasses.replace(made, **changes)


def wrapped(**changes: object) -> StorageConnection:
    """Return a connection whose company's own key wraps its company key."""
    return connection(wrapping_key=WRAPPING, **changes)


def statements(made: StorageConnection, purpose: Purpose, scope: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(session_policy(made, purpose, scope))["Statement"]
    return found


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_has_a_policy_that_sts_takes_even_with_the_longest_names(purpose: Purpose) -> None:
    text = session_policy(wrapped(prefix="p" * (KEY_BYTES // 2), bucket="b" * 63), purpose, SCOPES[purpose])
    assert len(text) <= MAX_POLICY_CHARACTERS
    assert text.isascii()


@pytest.mark.parametrize("purpose", Purpose)
def test_no_purpose_reaches_beyond_its_scope(purpose: Purpose) -> None:
    for statement in statements(wrapped(), purpose, SCOPES[purpose]):
        if {"s3:ListBucket", "s3:ListBucketVersions"} & set(statement["Action"]):
            assert statement["Condition"] == {"StringLike": {"s3:prefix": f"media/reelkeep/{SCOPES[purpose]}*"}}
        elif statement["Action"] == ["s3:ListBucketMultipartUploads"]:  # S3 cannot narrow it to a prefix
            assert purpose in (Purpose.END_UPLOADS, Purpose.AUDIT, Purpose.PROBE)
            assert statement["Resource"] == ["arn:aws:s3:::acme-media"]
        elif statement["Resource"] == [WRAPPING.arn]:
            assert purpose in (Purpose.WRAP, Purpose.UNWRAP, Purpose.WATCH)
        elif statement["Action"] != ["kms:Decrypt", "kms:GenerateDataKey"]:
            tail = "" if SCOPES[purpose] == MARKER else "*"
            assert statement["Resource"] == [f"arn:aws:s3:::acme-media/media/reelkeep/{SCOPES[purpose]}{tail}"]


def test_a_job_that_reads_may_not_write_and_one_that_writes_may_not_read() -> None:
    (read, *_) = statements(connection(), Purpose.READ_ORIGINAL, SCOPES[Purpose.READ_ORIGINAL])
    (write, *_) = statements(connection(), Purpose.WRITE_PROXY, SCOPES[Purpose.WRITE_PROXY])
    assert read["Action"] == ["s3:GetObject"]
    assert write["Action"] == ["s3:PutObject"]


def test_what_cleans_up_may_neither_read_nor_write_and_deletes_one_versions_proxies_only() -> None:
    deleting = {purpose for purpose, actions in ACTIONS.items() if "s3:DeleteObject" in actions}
    assert deleting == {Purpose.CLEAN_PROXY, Purpose.PROBE}
    (clean, _, *_) = statements(connection(), Purpose.CLEAN_PROXY, SCOPES[Purpose.CLEAN_PROXY])
    (end, *_) = statements(connection(), Purpose.END_UPLOADS, SCOPES[Purpose.END_UPLOADS])
    assert clean["Action"] == ["s3:DeleteObject"]
    assert end["Action"] == ["s3:AbortMultipartUpload"]


def test_a_backup_is_written_by_who_may_not_read_and_read_by_who_may_not_write() -> None:
    (write, *_) = statements(connection(), Purpose.BACK_UP, SCOPES[Purpose.BACK_UP])
    read, find, *_ = statements(connection(), Purpose.READ_BACKUPS, BACKUPS_SCOPE)
    assert (write["Action"], read["Action"], find["Action"]) == (["s3:PutObject"], ["s3:GetObject"], ["s3:ListBucket"])
    with pytest.raises(IsolationError):
        session_policy(connection(), Purpose.BACK_UP, BACKUPS_SCOPE)


def test_what_purges_lists_and_deletes_the_versions_of_one_original_and_nothing_else() -> None:
    delete, find, *_ = statements(connection(), Purpose.PURGE, SCOPES[Purpose.PURGE])
    assert (delete["Action"], find["Action"]) == (["s3:DeleteObjectVersion"], ["s3:ListBucketVersions"])
    assert {purpose for purpose, actions in ACTIONS.items() if "s3:DeleteObjectVersion" in actions} == {Purpose.PURGE}


def test_only_aws_gets_the_statement_for_kms_and_only_by_way_of_s3() -> None:
    on_aws = statements(connection(), Purpose.PLAYBACK, "proxies/")
    elsewhere = statements(connection(endpoint_url="http://127.0.0.1:1"), Purpose.PLAYBACK, "proxies/")
    assert on_aws[-1]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
    assert len(elsewhere) == len(on_aws) - 1


def test_who_unwraps_the_company_key_reaches_no_object_and_who_watches_unwraps_the_probe_alone() -> None:
    def uses(purpose: Purpose) -> dict[str, object]:
        (found,) = (one for one in statements(wrapped(), purpose, SCOPES[purpose]) if one["Resource"] == [WRAPPING.arn])
        return found

    context = "kms:EncryptionContext:reelkeep-purpose"
    assert uses(Purpose.UNWRAP)["Action"] == uses(Purpose.WATCH)["Action"] == ["kms:Decrypt"]
    assert uses(Purpose.UNWRAP)["Condition"] == {"StringEquals": {context: ["company-key"]}}
    assert uses(Purpose.WATCH)["Condition"] == {"StringEquals": {context: ["probe"]}}
    assert [len(statements(wrapped(), one, "")) for one in (Purpose.WRAP, Purpose.UNWRAP)] == [1, 1]


@pytest.mark.parametrize("arn", ["", "*", "arn:aws:kms:*:222222222222:key/*", None])
def test_without_a_key_of_the_companys_own_there_is_no_session_for_it(arn: str | None) -> None:
    key = None if arn is None else dataclasses.replace(WRAPPING, arn=arn)
    with pytest.raises(IsolationError):
        session_policy(connection(wrapping_key=key), Purpose.UNWRAP, "")


def test_the_partition_follows_the_role() -> None:
    china = connection(role_arn="arn:aws-cn:iam::222222222222:role/reelkeep")
    assert statements(china, Purpose.PLAYBACK, "proxies/")[0]["Resource"] == [
        "arn:aws-cn:s3:::acme-media/media/reelkeep/proxies/*"
    ]


@pytest.mark.parametrize(
    ("purpose", "scope"),
    [
        (Purpose.WRITE_PROXY, "proxies/"),
        (Purpose.WRITE_PROXY, "proxies/*/"),
        (Purpose.WRITE_PROXY, f"proxies/{VERSION}"),
        (Purpose.WRITE_PROXY, f"proxies/{VERSION}/../"),
        (Purpose.WRITE_PROXY, f"originals/{VERSION}/"),
        (Purpose.CLEAN_PROXY, "proxies/"),
        (Purpose.CLEAN_PROXY, f"originals/{VERSION}/"),
        (Purpose.END_UPLOADS, "proxies/"),
        (Purpose.READ_ORIGINAL, "originals/"),
        (Purpose.PURGE, "originals/"),
        (Purpose.PURGE, f"proxies/{VERSION}/"),
        (Purpose.READ_ORIGINAL, "originals/a/b/"),
        (Purpose.UPLOAD, "originals/?-x/"),
        (Purpose.UPLOAD, "originals/Läufer/"),
        (Purpose.UPLOAD, "originals/${aws:username}/"),
        (Purpose.PLAYBACK, ""),
        (Purpose.UNWRAP, "proxies/"),
        (Purpose.WRAP, MARKER),
    ],
)
def test_a_scope_that_is_too_wide_or_holds_a_pattern_is_refused(purpose: Purpose, scope: str) -> None:
    with pytest.raises(IsolationError):
        session_policy(connection(), purpose, scope)


@pytest.mark.parametrize("changes", [{"bucket": "acme*"}, {"prefix": "a/*"}, {"prefix": "a//b"}, {"prefix": "/a"}])
def test_a_connection_whose_names_are_patterns_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(IsolationError):
        session_policy(connection(**changes), Purpose.PLAYBACK, "proxies/")


def test_links_of_a_closed_site_are_denied_everywhere_else_and_behind_endpoints() -> None:
    networks = ("198.41.0.0/24", "2600:1f14::/36")
    text = session_policy(connection(), Purpose.DOWNLOAD, SCOPES[Purpose.DOWNLOAD], networks)
    denied = [each for each in json.loads(text)["Statement"] if each["Effect"] == "Deny"]
    elsewhere = {"NotIpAddress": {"aws:SourceIp": list(networks)}}  # also met where there is no address
    assert denied == [{"Effect": "Deny", "Action": ["s3:*"], "Resource": ["*"], "Condition": elsewhere}]
    assert "Deny" not in session_policy(connection(), Purpose.DOWNLOAD, SCOPES[Purpose.DOWNLOAD])


@pytest.mark.parametrize("purpose", [Purpose.UPLOAD, Purpose.ATTACH, Purpose.DOWNLOAD, Purpose.WATCH])
def test_as_many_networks_as_a_site_may_have_fit_into_a_policy(purpose: Purpose) -> None:
    most = policy_of([f"198.41.{number}.0/24" for number in range(100, 100 + MAX_ENTRIES)], [])
    place = connection(prefix="p" * 120, bucket="b" * 63)
    assert len(links_from_of(most)) == MAX_ENTRIES
    assert len(session_policy(place, purpose, SCOPES[purpose], links_from_of(most))) <= MAX_POLICY_CHARACTERS
