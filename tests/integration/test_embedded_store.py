"""The embedded object store: the platform may assume roles and nothing else, a role reaches its own bucket only."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.services.stores import ACME_BUCKET, ACME_ORIGIN, BOREALIS_BUCKET

from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.models import fresh_session
from reelkeep.supervisor import services
from reelkeep.supervisor.object_store import REGION, EmbeddedStore, StoreUnusable


def refused(call: Any) -> bool:
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def session(store: EmbeddedStore, bucket: str, policy: dict[str, Any] | None = None) -> Any:
    sts = store.client("sts", store.platform_credentials)
    more = {"Policy": json.dumps(policy)} if policy else {}
    role_arn = store.connection_fields(bucket).role_arn
    key = sts.assume_role(RoleArn=role_arn, RoleSessionName="test", DurationSeconds=900, **more)["Credentials"]
    return fresh_session().create_client(
        "s3",
        endpoint_url=store.endpoint_url,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )


def test_the_platforms_own_identity_reaches_no_bucket(object_store: EmbeddedStore) -> None:
    session(object_store, ACME_BUCKET).put_object(Bucket=ACME_BUCKET, Key="there", Body=b"1")
    platform = object_store.client("s3", object_store.platform_credentials)
    for call in (
        lambda: platform.get_object(Bucket=ACME_BUCKET, Key="there"),
        lambda: platform.put_object(Bucket=ACME_BUCKET, Key="x", Body=b""),
        lambda: platform.list_objects_v2(Bucket=ACME_BUCKET),
        lambda: platform.delete_object(Bucket=ACME_BUCKET, Key="there"),
        lambda: platform.create_bucket(Bucket="another"),
        lambda: platform.delete_bucket(Bucket=ACME_BUCKET),
    ):
        assert refused(call)


def test_a_role_reaches_its_own_companys_bucket_only(object_store: EmbeddedStore) -> None:
    acme = session(object_store, ACME_BUCKET)
    acme.put_object(Bucket=ACME_BUCKET, Key="mine", Body=b"1")
    assert refused(lambda: acme.put_object(Bucket=BOREALIS_BUCKET, Key="mine", Body=b"1"))
    assert refused(lambda: acme.list_objects_v2(Bucket=BOREALIS_BUCKET))
    assert refused(lambda: acme.delete_bucket(Bucket=ACME_BUCKET))
    assert refused(lambda: acme.put_bucket_cors(Bucket=ACME_BUCKET, CORSConfiguration={"CORSRules": []}))


def test_a_session_policy_narrows_the_role(object_store: EmbeddedStore) -> None:
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{ACME_BUCKET}/a/*"}
    narrow = session(object_store, ACME_BUCKET, {"Version": "2012-10-17", "Statement": [statement]})
    narrow.put_object(Bucket=ACME_BUCKET, Key="a/1", Body=b"1")
    assert refused(lambda: narrow.put_object(Bucket=ACME_BUCKET, Key="b/1", Body=b"1"))
    assert refused(lambda: narrow.get_object(Bucket=ACME_BUCKET, Key="a/1"))


def test_a_session_policy_never_widens_the_role(object_store: EmbeddedStore) -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    wide = session(object_store, ACME_BUCKET, {"Version": "2012-10-17", "Statement": [everything]})
    assert refused(lambda: wide.list_objects_v2(Bucket=BOREALIS_BUCKET))


def test_the_stores_operator_may_not_assume_a_companys_role(object_store: EmbeddedStore) -> None:
    sts = object_store.client("sts")
    role_arn = object_store.connection_fields(ACME_BUCKET).role_arn
    assert refused(lambda: sts.assume_role(RoleArn=role_arn, RoleSessionName="test", DurationSeconds=900))


def preflight(store: EmbeddedStore, origin: str) -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    request = urllib.request.Request(f"{store.endpoint_url}/{ACME_BUCKET}/a", method="OPTIONS", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers


def test_browsers_reach_the_bucket_from_the_companys_app_only(object_store: EmbeddedStore) -> None:
    headers = preflight(object_store, ACME_ORIGIN)
    assert headers["Access-Control-Allow-Origin"] == ACME_ORIGIN
    assert "ETag" in headers["Access-Control-Expose-Headers"]
    with pytest.raises(urllib.error.HTTPError) as error:
        preflight(object_store, "http://borealis.localhost:8000")
    error.value.close()
    assert error.value.code == 403


def test_a_connection_of_the_fixtures_is_a_connection_of_the_store(
    object_store: EmbeddedStore, acme_connection: StorageConnection
) -> None:
    fields = vars(object_store.connection_fields(ACME_BUCKET))
    assert {**fields, "prefix": acme_connection.prefix} == {name: getattr(acme_connection, name) for name in fields}


def test_a_store_whose_port_is_taken_says_which_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, port = fresh_store(tmp_path)
    monkeypatch.setattr(services, "PORTS_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StoreUnusable, match=f"port {port}"):
        asyncio.run(services.start_store(store))


def test_a_store_waits_for_the_port_of_a_predecessor_that_is_ending(tmp_path: Path) -> None:
    store, port = fresh_store(tmp_path)

    async def start() -> None:
        predecessor = socket.create_server(("127.0.0.1", port))
        asyncio.get_running_loop().call_later(0.3, predecessor.close)
        service = await services.start_store(store)
        assert predecessor.fileno() == -1
        await service.stop()

    asyncio.run(start())


def fresh_store(tmp_path: Path) -> tuple[EmbeddedStore, int]:
    """A store that has not been started, and one of its ports."""
    store = EmbeddedStore.open(tmp_path / "s3")
    port: int = json.loads((tmp_path / "s3" / "store.json").read_text())["ports"]["filer"][1]
    return store, port
