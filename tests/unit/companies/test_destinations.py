"""A company's list: what its own libraries connect to, and nothing that others share."""

from __future__ import annotations

import urllib.parse
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.companies.destinations import Destination, destinations_of, forwarded, socket_folder
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.storage.interface import StorageConnection, StsSession, WrappingKey
from reelkeep.storage.private_endpoints import PrivateEndpoints
from reelkeep.storage.s3 import S3Store

LOCAL = "postgresql+psycopg://acme:word@/acme?host=%2Frun%2Fpg&port=5432"
REMOTE = "postgresql+psycopg://acme:word@/acme?host=db.acme.example&port=6432"
AWS = StorageConnection(
    ConnectionId("c"), "acme-media", "eu-central-1", "", "arn:aws:iam::1:role/r", "x" * 20, None, None, False,
    frozenset(),
)  # fmt: skip


def test_a_bucket_on_aws_is_its_own_name_and_sts_is_not_in_the_list() -> None:
    assert destinations_of([AWS], LOCAL) == [Destination("acme-media.s3.eu-central-1.amazonaws.com", 443)]


def test_an_isolated_bucket_is_asked_at_the_platforms_endpoint_and_nowhere_else() -> None:
    own = "https://bucket.vpce-0a-1.s3.eu-central-1.vpce.amazonaws.com"
    private = PrivateEndpoints("https://bucket.vpce-0b-2.s3.eu-central-1.vpce.amazonaws.com", own)
    found = destinations_of([replace(AWS, private=private)], LOCAL)
    assert found == [Destination("acme-media.bucket.vpce-0a-1.s3.eu-central-1.vpce.amazonaws.com", 443)]


def test_a_key_service_is_in_the_list_where_a_wrapping_key_is() -> None:
    key = WrappingKey("arn:aws:kms:eu-central-1:1:key/k", "acme", b"probe")
    assert Destination("kms.eu-central-1.amazonaws.com", 443) in destinations_of(
        [replace(AWS, wrapping_key=key)], LOCAL
    )


@pytest.mark.parametrize(
    "connection",
    [
        AWS,
        replace(AWS, region="us-east-1"),
        replace(AWS, bucket="acme.media"),
        replace(AWS, endpoint_url="http://127.0.0.1:8333", path_style=True),
        replace(AWS, endpoint_url="https://s3.acme.example"),
        replace(AWS, endpoint_url="https://s3.acme.example", bucket="acme.media"),
        replace(AWS, endpoint_url="https://S3.acme.example:9000", path_style=True),
    ],
)
def test_the_sdk_looks_for_the_bucket_where_the_list_says(connection: StorageConnection) -> None:
    now = datetime.now(UTC)
    session = StsSession("id", "secret", "token", now + timedelta(hours=1))
    signed = S3Store(connection, lambda: session).presign_get("k", file_name="k", seconds=60, grant=GrantId("g"))
    found = urllib.parse.urlsplit(signed.url)
    port = found.port or {"http": 80, "https": 443}[found.scheme]
    assert Destination(found.hostname or "", port) in destinations_of([connection], LOCAL)


def test_a_database_on_a_network_is_in_the_list_and_reached_by_what_listens_here() -> None:
    assert destinations_of([], REMOTE) == [Destination("db.acme.example", 6432)]
    assert "hostaddr=127.0.0.1" in forwarded(REMOTE)
    assert "host=db.acme.example" in forwarded(REMOTE)
    assert "port=5432" in forwarded(REMOTE)
    assert "word" in forwarded(REMOTE)


def test_a_database_on_a_unix_socket_is_no_destination() -> None:
    assert destinations_of([], LOCAL) == []
    assert forwarded(LOCAL) == LOCAL
    assert str(socket_folder(LOCAL)) == "/run/pg"
