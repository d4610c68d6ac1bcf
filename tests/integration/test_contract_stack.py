"""The contract's template, deployed to an emulator of AWS that enforces IAM, is what the product then uses."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services import tls_stand_in

from reelkeep.contract import table
from reelkeep.contract.interface import Document, Setting
from reelkeep.errors import StorageSetupError
from reelkeep.ids import GrantId, new_id
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import StsBroker

GRANT = GrantId(new_id())
CHECK = Path(__file__).parents[2] / "scripts" / "check_aws.py"
CLIP = b"reel" * 1_000


@dataclass(frozen=True)
class Platform:
    """An emulator with a stack in the company's account, and the platform that was let in."""

    ministack: service.Ministack
    tls_url: str
    stack: stacks.Stack

    @property
    def connection(self) -> StorageConnection:
        return self.stack.connection(self.tls_url)

    def broker(self, connection: StorageConnection | None = None) -> StsBroker:
        return StsBroker(self.ministack.identity, lambda _: connection or self.connection, "acme", session_seconds=900)

    def store(self, purpose: Purpose, scope: str) -> S3Store:
        connection = self.connection
        session = self.broker(connection).session(SessionRequest(connection.id, purpose, scope))
        return S3Store(connection, lambda: session)


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Ministack]:
    with service.running(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="module")
def tls_url(ministack: service.Ministack) -> Iterator[str]:
    with tls_stand_in.in_front_of(ministack.endpoint_url) as url:
        yield url


@pytest.fixture(scope="module")
def platform(ministack: service.Ministack, tls_url: str) -> Platform:
    return Platform(ministack, tls_url, stacks.deploy(ministack, stacks.parameters("acme", Prefix="media/reels/")))


def original(platform: Platform, body: bytes = CLIP) -> tuple[str, str]:
    """Upload an original; return its production's scope and its key."""
    production = f"originals/film-{new_id()}/"
    key = f"{production}reel-{new_id()}/{new_id()}/reel.mov"
    platform.store(Purpose.UPLOAD, production).put_new(key, body, content_type="video/quicktime", grant=GRANT)
    return production, key


def test_an_original_goes_in_and_comes_out_below_the_prefix(platform: Platform) -> None:
    production, key = original(platform)
    assert platform.store(Purpose.DOWNLOAD, production).get(key, offset=0, length=4, grant=GRANT) == CLIP[:4]
    client = platform.ministack.client("s3", service.COMPANY_ACCOUNT)
    assert client.head_object(Bucket=platform.connection.bucket, Key=f"media/reels/{key}")["ContentLength"] == len(CLIP)


def test_a_multipart_upload_is_begun_found_and_given_up(platform: Platform) -> None:
    production = f"originals/film-{new_id()}/"
    store = platform.store(Purpose.UPLOAD, production)
    key = f"{production}reel-{new_id()}/{new_id()}/reel.mov"
    upload_id = store.create_upload(key, content_type="video/quicktime", grant=GRANT)
    assert store.list_parts(key, upload_id, grant=GRANT) == []
    sweep = platform.store(Purpose.END_UPLOADS, "originals/")
    assert upload_id in [upload.upload_id for upload in sweep.list_uploads("originals/", grant=GRANT)]
    sweep.abort_upload(key, upload_id, grant=GRANT)


def test_the_policies_that_were_deployed_are_those_of_the_contract(ministack: service.Ministack) -> None:
    stack = stacks.deploy(ministack, stacks.parameters("asis", WriteOnceOriginals="Yes"), fills_gaps=False)
    s3 = ministack.client("s3", service.COMPANY_ACCOUNT)
    iam = ministack.client("iam", service.COMPANY_ACCOUNT)
    for document, name in ((Document.MEDIA_BUCKET, "MediaBucketName"), (Document.LOG_BUCKET, "LogBucketName")):
        found = json.loads(s3.get_bucket_policy(Bucket=stack.outputs[name])["Policy"])
        assert _sets(found) == _sets(table.policy(table.ROWS, document, stack.facts))
    role = iam.get_role_policy(RoleName="reelkeep-asis-media", PolicyName="media")["PolicyDocument"]
    assert role == table.policy(table.ROWS, Document.MEDIA, stack.facts)


def test_the_check_for_a_real_account_finds_what_the_emulator_drops_and_nothing_else(
    ministack: service.Ministack,
) -> None:
    stack = stacks.deploy(ministack, stacks.parameters("checked"), fills_gaps=False)
    environment = {
        "PATH": os.defpath,
        "AWS_ENDPOINT_URL": ministack.endpoint_url,
        "AWS_ACCESS_KEY_ID": service.COMPANY_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "root",
    }
    command = [sys.executable, str(CHECK), stack.name, service.REGION]
    report = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60).stdout)
    gaps = {row.id for row in table.ROWS if isinstance(row, Setting) and row.emulator_gap}
    results = {row["row"]: row["result"] for row in report["rows"]}
    assert {name for name, result in results.items() if result == "differs"} <= gaps
    assert {"default-encryption", "downloads-expire", "access-logs"} <= {
        n for n, r in results.items() if r == "differs"
    }
    assert results["versioning"] == results["media/ReadObjects"] == results["cors"] == "as agreed"


def _sets(document: object) -> object:
    """Return a document with the repeated items of its lists taken away: to IAM they are sets."""
    if isinstance(document, dict):
        return {name: _sets(item) for name, item in document.items()}
    if isinstance(document, list) and all(isinstance(item, str) for item in document):
        return sorted(set(document))
    return [_sets(item) for item in document] if isinstance(document, list) else document


def test_plain_http_is_refused_with_the_very_same_session(platform: Platform) -> None:
    production, key = original(platform)
    connection = platform.connection
    session = platform.broker().session(SessionRequest(connection.id, Purpose.DOWNLOAD, production))
    plain = dataclasses.replace(connection, endpoint_url=platform.ministack.endpoint_url)
    assert S3Store(connection, lambda: session).get(key, offset=0, length=4, grant=GRANT) == CLIP[:4]
    with pytest.raises(StorageSetupError):
        S3Store(plain, lambda: session).get(key, offset=0, length=4, grant=GRANT)


def test_no_session_deletes_an_original_and_a_role_of_the_account_reads_none(platform: Platform) -> None:
    _, key = original(platform)
    bucket, name = platform.connection.bucket, f"media/reels/{key}"
    unbound = _as_role(platform, platform.connection.role_arn)
    with pytest.raises(unbound.exceptions.ClientError, match="AccessDenied"):
        unbound.delete_object(Bucket=bucket, Key=name)
    with pytest.raises(unbound.exceptions.ClientError, match="AccessDenied"):
        unbound.put_object(Bucket=bucket, Key="outside", Body=b"x")
    audit = _as_role(platform, platform.stack.outputs["AuditRoleArn"])
    assert audit.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    with pytest.raises(audit.exceptions.ClientError, match="AccessDenied"):
        audit.get_object(Bucket=bucket, Key=name)


def _as_role(platform: Platform, role_arn: str) -> Any:
    """Return an S3 client with a session of the role that no session policy narrows."""
    identity = platform.ministack.identity
    keys = (identity.access_key_id, identity.secret_access_key)
    answer = service.client_of("sts", platform.tls_url, *keys).assume_role(
        RoleArn=role_arn, RoleSessionName="test", ExternalId=platform.stack.parameters["ExternalId"]
    )["Credentials"]
    return service.client_of(
        "s3", platform.tls_url, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
    )


def test_revoked_cuts_live_sessions_and_new_ones_and_old_ones_stay_dead_afterwards(
    ministack: service.Ministack, tls_url: str
) -> None:
    chosen = stacks.parameters("cutoff")
    platform = Platform(ministack, tls_url, stacks.deploy(ministack, chosen))
    production, key = original(platform)
    live = platform.store(Purpose.DOWNLOAD, production)
    assert live.get(key, offset=0, length=4, grant=GRANT) == CLIP[:4]
    stacks.deploy(ministack, {**chosen, "PlatformAccess": "Revoked"})
    with pytest.raises(StorageSetupError):
        live.get(key, offset=0, length=4, grant=GRANT)
    with pytest.raises(StorageSetupError, match="role refuses"):
        platform.store(Purpose.DOWNLOAD, production)
    time.sleep(1.1)  # the parameter counts whole seconds
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stacks.deploy(ministack, {**chosen, "SessionsIssuedAfter": now})
    with pytest.raises(StorageSetupError):
        live.get(key, offset=0, length=4, grant=GRANT)
    time.sleep(1.1)
    assert platform.store(Purpose.DOWNLOAD, production).get(key, offset=0, length=4, grant=GRANT) == CLIP[:4]
